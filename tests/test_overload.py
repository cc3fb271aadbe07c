"""Item 2 of the doors: more frames than can be served."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

import samples
from broker import Broker
from gateway import Gateway
from players import Ages, Players
from policies import GROUP, ingest, policy, simulated
from prove import Holds
from results import all_ids, read_lines
from waiting import wait_until

pytestmark = pytest.mark.doors(2)

MODEL = "device"
TOPIC = "camera_1"
CAMERAS, PER_SECOND, SECONDS = 20, 10, 30
MAX_REPLICAS, LOOK_BACK = 8, 0.2
MAX_FRAME_AGE = 2.0
# Replicas of 5 frames/s. The target is the default, far above what a replica can hold here: only
# what was shed tells that more are needed.
DEVICE = simulated(
    "200ms",
    max_batch_size=1,
    batch_wait_timeout="0s",
    autoscaling={"min_replicas": 1, "max_replicas": MAX_REPLICAS, "look_back": f"{LOOK_BACK}s"},
)


@dataclass(frozen=True)
class Sample:
    """What was seen at one moment."""

    at: float
    desired: int
    superseded: int


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Where results and drops go."""
    return {name: tmp_path / f"{name}.jsonl" for name in ("results", "drops")}


def start(start_gateway, broker: Broker, files: dict[str, Path], device: dict, **fields: object) -> Gateway:
    """One model, fed from the topics by a rule with these fields."""
    sink = {"jsonl": {"path": str(files["results"]), "drops": str(files["drops"])}}
    bucket = fields.pop("bucket", None)
    rule = ingest(broker.address, [MODEL], **fields)
    return start_gateway(policy(bucket, {MODEL: device}, ingest=[rule], sinks=[sink]))


def test_latest_only_serves_every_camera_its_newest_frames(
    start_gateway, broker: Broker, files: dict[str, Path], holds: Holds
) -> None:
    broker.create(TOPIC)  # so that the gateway joins before the cameras begin
    limit = f"{MAX_FRAME_AGE}s"
    gateway = start(start_gateway, broker, files, DEVICE, overload="latest_only", max_frame_age=limit)
    wait_until("the gateway has joined", lambda: assigned(gateway) > 0, timeout=45)
    ages = Ages(files["results"])
    with Players(broker, TOPIC, CAMERAS, PER_SECOND, SECONDS) as players:
        seen = watch(gateway, ages, players)
    wait_until("the topic is done", lambda: at_end(broker), timeout=45)
    ages.look()

    produced = all_ids(broker.acknowledged, [MODEL])
    delivered, dropped = read_lines(files["results"]), read_lines(files["drops"])
    reasons = Counter(record["reason"] for record in dropped.records)
    ends = delivered.ids() + dropped.ids()
    counted = outcomes(gateway)
    holds(
        f"{CAMERAS} cameras at {PER_SECOND} frames/s, {MAX_REPLICAS} replicas of 5 frames/s",
        f"{len(produced)} = {len(delivered.records)} delivered + {dict(reasons)}",
        "each ends once",
        ends == Counter(produced) and len(produced) == players.count,
    )
    wanted = Counter(delivered=len(delivered.records), **reasons)
    holds("  counted by the gateway", dict(counted), "as found, no dead letter", counted == wanted)
    overloaded = reasons["superseded"] > 0 and set(reasons) <= {"superseded", "too_old"}
    holds("  why they were dropped", ", ".join(sorted(reasons)), "superseded or too_old", overloaded)
    per_camera = Counter(record["camera_id"] for record in delivered.records)
    shares = [per_camera[camera] for camera in players.cameras]
    least = f"{jain(shares):.4f} ({min(shares)} to {max(shares)} frames)"
    holds("  Jain index of the cameras' shares", least, ">= 0.95", jain(shares) >= 0.95)
    assert_grown(seen, reasons["superseded"], holds)
    oldest = ages.percentile(99)
    holds("  age of served frames, p99", f"{oldest:.2f} s", f"< {limit}", oldest < MAX_FRAME_AGE)
    capacity = MAX_REPLICAS * 5 * SECONDS
    used = len(delivered.records) / capacity
    holds("  of the largest pool's capacity used", f"{used:.0%}", ">= 75%", used >= 0.75)
    assert gateway.stop() == 0


def assert_grown(seen: list[Sample], superseded: int, holds: Holds) -> None:
    """The pool was at its maximum soon after the first drop, and stayed there."""
    first = next(sample for sample in seen if sample.superseded > 0)
    full = next((sample for sample in seen if sample.desired == MAX_REPLICAS), None)
    assert full is not None, f"never {MAX_REPLICAS} replicas: {seen[-1]}"
    look_backs = max(0.0, full.at - first.at) / LOOK_BACK
    holds(
        "  from the first drop to all replicas",
        f"{look_backs:.1f} look-backs, {full.superseded} of {superseded} drops",
        "<= 10 look-backs (2 s)",
        look_backs <= 10,
    )
    after = {sample.desired for sample in seen if sample.at >= full.at}
    holds("  replicas wanted from then on", after, {MAX_REPLICAS}, after == {MAX_REPLICAS})


def test_every_nth_serves_exactly_that_part_and_fetches_no_other(
    start_gateway, broker: Broker, bucket: Path, files: dict[str, Path], holds: Holds
) -> None:
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(320, 240)))
    first, count = 100, 60
    numbered = [("camera_1", frame(first + n, (first + n) % 3 == 0)) for n in range(count)]
    unnumbered = [("camera_2", frame(None, n % 3 == 0)) for n in range(count)]
    places = broker.send_all(*numbered, *unnumbered)
    device = simulated("1ms", fetch=True)
    overload = {"every_nth": 3}
    gateway = start(start_gateway, broker, files, device, bucket=bucket, overload=overload)
    wait_until("the topics are done", lambda: at_end(broker), timeout=45)

    served = {place.id(MODEL) for place, n in zip(places, range(first, first + count)) if n % 3 == 0}
    served |= {place.id(MODEL) for n, place in enumerate(places[count:]) if n % 3 == 0}
    delivered, dropped = read_lines(files["results"]), read_lines(files["drops"])
    holds(
        "every_nth: 3, by sequence and by count",
        f"{len(delivered.records)} of {len(places)} served",
        "the right third, once",
        delivered.ids() == Counter(served),
    )
    nth = {record["reason"] for record in dropped.records} == {"nth"}
    rest = dropped.ids() == Counter(all_ids(places, [MODEL]) - served)
    holds("  the rest", f"{len(dropped.records)} dropped", "all others, nth", nth and rest)
    # The loader's counts are taken over once a second.
    decoded = lambda: gateway.metric("framegate_frame_loads_total", kind="decoded")  # noqa: E731
    wait_until("the served are counted", lambda: decoded() >= len(served))
    holds("  frames fetched", f"{decoded():g}", len(served), decoded() == len(served))
    counted = outcomes(gateway)
    wanted = Counter(delivered=len(served), nth=len(places) - len(served))
    holds("  counted by the gateway", dict(counted), dict(wanted), counted == wanted)
    assert gateway.stop() == 0


def frame(sequence: int | None, is_wanted: bool) -> bytes:
    """A record. What is not wanted refers to nothing, so that nobody could fetch it unnoticed."""
    uri = "frames:good.jpg" if is_wanted else "frames:missing.jpg"
    return json.dumps({"uri": uri} if sequence is None else {"uri": uri, "sequence": sequence}).encode()


def watch(gateway: Gateway, ages: Ages, players: Players) -> list[Sample]:
    """Looks at pool, counters and results until the cameras stop."""
    seen: list[Sample] = []

    def look() -> bool:
        at, desired = time.monotonic(), gateway.pool(MODEL).desired_replicas
        seen.append(Sample(at, desired, outcomes(gateway)["superseded"]))
        ages.look()
        return not players.playing()

    wait_until("the cameras stop", look, timeout=SECONDS + 30)
    return seen


def outcomes(gateway: Gateway) -> Counter[str]:
    """Ends by their outcome, drops by their reason."""
    counted: Counter[str] = Counter()
    for name, value in gateway.metrics().items():
        if name.startswith("framegate_ingest_outcomes_total{") and value > 0:
            labels = dict(pair.split("=") for pair in name[name.index("{") + 1 : -1].split(","))
            outcome, reason = labels["outcome"].strip('"'), labels["reason"].strip('"')
            counted[reason if outcome == "dropped" else outcome] += int(value)
    return counted


def assigned(gateway: Gateway) -> float:
    """How many partitions the gateway reads."""
    return gateway.metric("framegate_ingest_partitions", group=GROUP)


def at_end(broker: Broker) -> bool:
    """Whether the group has committed everything."""
    ends = broker.ends()
    return broker.committed(GROUP, {topic for topic, _ in ends}) == ends


def jain(shares: list[int]) -> float:
    """1 if all shares are equal, 1/n if one has all (Jain, Chiu and Hawe 1984)."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares) or 1)
