"""Item 4: records that can never be served go to the dead-letter topic and hold nothing up."""

import json
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Message

import samples
from broker import Broker, Position
from gateway import Gateway
from policies import GROUP, ingest, policy, simulated
from prove import Holds
from results import read_lines
from waiting import wait_until

pytestmark = pytest.mark.item(4)

MODELS = ["one", "two"]
TOPIC, DEAD = "camera_1", "dead"

# Value of a bad record, and the reason in its dead letters.
BAD = [
    (b"\xff\xfe\x00frames:good.jpg", "MALFORMED_REFERENCE"),
    (b'{"uri": "frames:good.jpg"', "MALFORMED_REFERENCE"),
    (b'{"camera_id": "1"}', "MALFORMED_REFERENCE"),
    (b"[1, 2]", "MALFORMED_REFERENCE"),
    (None, "MALFORMED_REFERENCE"),
    (b"frames:../secret.jpg", "REFERENCE_NOT_ALLOWED"),
    (b"/etc/hostname", "REFERENCE_NOT_ALLOWED"),
    (b"frames:text.jpg", "FRAME_UNDECODABLE"),
    (b"frames:truncated.jpg", "FRAME_UNDECODABLE"),
    (b"frames:huge.png", "IMAGE_TOO_LARGE"),
    (b'{"uri": "frames:missing.jpg"}', "OBJECT_NOT_FOUND"),
]
GOOD = b"frames:good.jpg"
TOO_OLD = json.dumps({"uri": "frames:good.jpg", "captured_at": "2001-02-03T04:05:06Z"}).encode()
FOR_ONE = json.dumps({"uri": "frames:good.jpg", "models": ["two"]}).encode()
FOR_UNKNOWN = json.dumps({"uri": "frames:good.jpg", "models": ["one", "unknown"]}).encode()


@pytest.fixture
def files(bucket: Path, tmp_path: Path) -> dict[str, Path]:
    """A good frame and bad ones; where results and drops go."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(320, 240)))
    (bucket / "truncated.jpg").write_bytes(samples.truncated_jpeg())
    (bucket / "huge.png").write_bytes(samples.huge_png_header())
    (bucket / "text.jpg").write_text("this is no picture")
    return {name: tmp_path / f"{name}.jsonl" for name in ("results", "drops")}


def start(start_gateway, bucket: Path, broker: Broker, files: dict[str, Path], **fields: object) -> Gateway:
    """Two models fed from the topic; few and quick retries."""
    models = {name: simulated("1ms", fetch=True) for name in MODELS}
    retries = {"attempts": 3, "backoff": "20ms"}
    rule = ingest(broker.address, MODELS, max_frame_age="1h", retries=retries, **fields)
    sink = {"jsonl": {"path": str(files["results"]), "drops": str(files["drops"])}}
    return start_gateway(policy(bucket, models, ingest=[rule], sinks=[sink]))


def test_bad_records_between_good_ones(
    start_gateway, bucket: Path, broker: Broker, files: dict[str, Path], holds: Holds
) -> None:
    bad = [
        (place, value, reason)
        for value, reason in BAD
        for place in broker.send_all((TOPIC, value), (TOPIC, GOOD))[:1]
    ]
    [too_old, for_one, for_unknown, last] = broker.send_all(
        (TOPIC, TOO_OLD), (TOPIC, FOR_ONE), (TOPIC, FOR_UNKNOWN), (TOPIC, GOOD)
    )
    gateway = start(start_gateway, bucket, broker, files, dead_letter={"topic": DEAD})
    wait_until("the topic is done", lambda: at_end(broker), timeout=45)

    letters = broker.read_all(DEAD)
    reasons = {letter_id(letter): header(letter, "reason") for letter in letters}
    wanted = {place.id(model): reason for place, _, reason in bad for model in MODELS}
    wanted[for_unknown.id("unknown")] = "UNKNOWN_MODEL"
    holds("bad records injected", len(bad) + 1, "> 0", len(bad) > 0)
    holds(
        "dead letters, each with its place and reason",
        f"{len(reasons)} of {len(wanted)}",
        "as expected, once",
        reasons == wanted and len(letters) == len(wanted),
    )
    kept = {place.id(model): value for place, value, _ in bad for model in MODELS}
    same = sum(
        letter.value() == kept.get(letter_id(letter), FOR_UNKNOWN) and letter.key() == TOPIC.encode()
        for letter in letters
    )
    holds("  with the record's own key and value", f"{same} of {len(letters)}", "all", same == len(letters))

    bad_places = {place for place, _, _ in bad} | {too_old, for_one, for_unknown}
    good = {place.id(model) for place in broker.acknowledged if place not in bad_places for model in MODELS}
    good |= {for_one.id("two"), for_unknown.id("one")}
    results = read_lines(files["results"]).ids()
    holds(
        "good records between them",
        f"{len(set(results) & good)} of {len(good)}",
        "all, once, alone",
        results == Counter(good),
    )
    drops = {record["id"]: record["reason"] for record in read_lines(files["drops"]).records}
    holds(
        "a frame older than max_frame_age",
        list(drops.values()),
        "dropped, too_old",
        drops == {too_old.id(model): "too_old" for model in MODELS},
    )
    assert_counted(gateway, len(wanted), len(good), len(drops), holds)
    assert last.id("one") in results
    assert gateway.stop() == 0


def test_without_a_dead_letter_topic_the_sinks_get_the_error(
    start_gateway, bucket: Path, broker: Broker, files: dict[str, Path], holds: Holds
) -> None:
    bad = broker.send_all(*[(TOPIC, value) for value, _ in BAD])
    gateway = start(start_gateway, bucket, broker, files)
    wait_until("the topic is done", lambda: at_end(broker), timeout=45)
    records = read_lines(files["results"]).records
    reasons = {record["id"]: record["error"]["reason"] for record in records}
    wanted = {
        place.id(model): reason for place, (_, reason) in zip(bad, BAD, strict=True) for model in MODELS
    }
    holds(
        "error results without a dead-letter topic",
        f"{len(reasons)} of {len(wanted)}",
        "as expected, once",
        reasons == wanted and len(records) == len(wanted),
    )
    made_up = [record["id"] for record in records if {"classes", "detections", "embedding"} & record.keys()]
    holds("  with a made-up result", len(made_up), "0", not made_up)
    assert gateway.stop() == 0


def assert_counted(gateway: Gateway, dead: int, delivered: int, dropped: int, holds: Holds) -> None:
    """The counters of outcomes add up to what was found."""
    counted: Counter[str] = Counter()
    for name, value in gateway.metrics().items():
        if name.startswith("framegate_ingest_outcomes_total{"):
            kind = next(kind for kind in ("dead_lettered", "delivered", "dropped") if f'"{kind}"' in name)
            counted[kind] += int(value)
    wanted = {"dead_lettered": dead, "delivered": delivered, "dropped": dropped}
    holds("  outcomes counted", dict(counted), wanted, counted == wanted)


def at_end(broker: Broker) -> bool:
    """Whether the group has committed all of the topic."""
    ends = broker.ends()
    return broker.committed(GROUP, {TOPIC}) == {
        place: end for place, end in ends.items() if place[0] == TOPIC
    }


def header(letter: Message, name: str) -> str:
    """One of the headers that say where a dead letter is from."""
    values = [value for key, value in letter.headers() if key == f"framegate-{name}"]
    assert len(values) == 1, letter.headers()
    return values[0].decode()


def letter_id(letter: Message) -> str:
    """The id of the (record, model) that ended in this letter."""
    place = Position(header(letter, "topic"), int(header(letter, "partition")), int(header(letter, "offset")))
    return place.id(header(letter, "model"))
