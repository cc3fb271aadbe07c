"""Where results go: a Kafka topic, and files that are rotated and survive a kill."""

import json
from collections import Counter
from pathlib import Path

import pytest

import samples
from broker import Broker
from broker_process import BrokerProcess
from cameras import TOPICS, Cameras
from foreign_consumer import headers, read_results
from policies import GROUP, ingest, policy, simulated
from results import Lines, all_ids, committed_ids, read_lines
from waiting import wait_until

MODELS = ["one", "two"]
RESULTS = "detections"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def keys(bucket: Path) -> list[str]:
    """Frames in the bucket."""
    return samples.write_numbered(bucket, 10, 320, 240, "jpg")


def fed(bucket: Path, broker: Broker, *sinks: dict) -> dict:
    """Two quick models, fed from the cameras, with these sinks."""
    models = {name: simulated("2ms", "1ms", fetch=True, max_batch_size=8) for name in MODELS}
    rule = ingest(broker.address, MODELS, retries={"attempts": 2, "backoff": "20ms"})
    return policy(bucket, models, ingest=[rule], sinks=list(sinks))


def all_committed(broker: Broker) -> bool:
    """Whether the group has committed all that was sent."""
    return broker.committed(GROUP, set(TOPICS)) == broker.ends()


@pytest.mark.doors(3)
def test_a_consumer_of_another_library_reads_the_results(
    start_gateway, broker: Broker, bucket: Path, keys: list[str], tmp_path: Path
) -> None:
    for number in range(30):
        camera = f"gate_{number % 3}"
        value = {"uri": f"frames:{keys[number % 10]}", "camera_id": camera, "sequence": number}
        broker.send("camera_1", json.dumps(value).encode(), headers={"traceparent": TRACE.encode()})
    broker.send("camera_1", b"frames:missing.jpg", key=b"gate_9")
    broker.flush()
    lines = tmp_path / "results.jsonl"
    kafka = {"brokers": broker.address, "topic": RESULTS, "compression": "gzip"}
    gateway = start_gateway(fed(bucket, broker, {"jsonl": {"path": str(lines)}}, {"kafka": kafka}))
    ids = all_ids(broker.acknowledged, MODELS)
    records = read_results(broker.address, RESULTS, ids)

    assert Counter(headers(record)["id"] for record in records) == Counter(ids)
    written = {line["id"]: line for line in read_lines(lines).records}
    partitions: dict[bytes, set[int]] = {}
    for record in records:
        value, about = json.loads(record.value), headers(record)
        assert value == written[about["id"]], "the same JSON as a line of the jsonl sink"
        assert record.key.decode() == about["camera_id"] == value["camera_id"]
        assert about["model"] == value["model"]
        assert about["content-type"] == "application/json"
        assert about.get("version") == value["version"]
        assert about.get("reason") == value.get("error", {}).get("reason")
        assert about.get("traceparent") == value.get("traceparent")
        partitions.setdefault(record.key, set()).add(record.partition)
    assert set(partitions) == {b"gate_0", b"gate_1", b"gate_2", b"gate_9"}
    assert all(len(numbers) == 1 for numbers in partitions.values()), "a camera stays on its partition"
    reasons = Counter(headers(record).get("reason") for record in records)
    assert reasons == {None: 60, "OBJECT_NOT_FOUND": 2}
    assert sum(headers(record).get("traceparent") == TRACE for record in records) == 60
    wait_until("all is committed", lambda: all_committed(broker))
    assert gateway.stop() == 0


def test_a_results_broker_that_is_cut_off_holds_offsets_and_loses_nothing(
    start_gateway, broker: Broker, bucket: Path, keys: list[str]
) -> None:
    with BrokerProcess() as results:
        kafka = {"brokers": results.address, "topic": RESULTS, "message_timeout": "2s"}
        cameras = Cameras(broker, keys, per_second=50)
        gateway = start_gateway(fed(bucket, broker, {"kafka": kafka}))
        cameras.burst(50)
        wait_until("all is committed", lambda: all_committed(broker))
        results.stand_still()
        before = broker.committed(GROUP, set(TOPICS))
        cameras.burst(50)
        wait_until("deliveries fail", lambda: failures(gateway) > 0, timeout=40)
        assert broker.committed(GROUP, set(TOPICS)) == before
        results.go_on()
        cameras.burst(50)
        wait_until("all is committed", lambda: all_committed(broker), timeout=60)
        ids = all_ids(broker.acknowledged, MODELS)
        assert {headers(record)["id"] for record in read_results(results.address, RESULTS, ids)} == ids
        assert gateway.stop() == 0


def test_a_gateway_starts_without_its_results_broker(start_gateway, broker: Broker, bucket: Path) -> None:
    kafka = {"brokers": "127.0.0.1:1", "topic": RESULTS}
    gateway = start_gateway(fed(bucket, broker, {"kafka": kafka}))
    assert gateway.get("/readyz")[0] == 200
    trouble = "kafka in trouble, librdkafka keeps trying"
    wait_until("the log says so", lambda: any(trouble in json.dumps(line) for line in gateway.log()))
    assert gateway.stop() == 0


def test_rotation_under_load_loses_no_line(
    start_gateway, broker: Broker, bucket: Path, keys: list[str], tmp_path: Path
) -> None:
    rotate = {"size": "16KiB", "interval": "1s"}
    jsonl = {"path": str(tmp_path / "r" / "results.jsonl"), "rotate": rotate, "fsync": {"every": "100ms"}}
    Cameras(broker, keys, per_second=1).burst(600)
    gateway = start_gateway(fed(bucket, broker, {"jsonl": jsonl}))
    wait_until("all is committed", lambda: all_committed(broker), timeout=60)
    assert gateway.stop() == 0
    lines, files = rotated(tmp_path / "r")
    assert files > 10
    assert lines.torn == 0
    assert lines.ids() == Counter(all_ids(broker.acknowledged, MODELS))


def test_old_files_are_removed(
    start_gateway, broker: Broker, bucket: Path, keys: list[str], tmp_path: Path
) -> None:
    jsonl = {"path": str(tmp_path / "r" / "results.jsonl"), "rotate": {"size": "4KiB", "keep": 3}}
    Cameras(broker, keys, per_second=1).burst(200)
    gateway = start_gateway(fed(bucket, broker, {"jsonl": jsonl}))
    wait_until("all is committed", lambda: all_committed(broker), timeout=60)
    assert gateway.stop() == 0
    assert rotated(tmp_path / "r")[1] == 4


def test_killed_with_fsync_batch_no_committed_result_is_missing(
    start_gateway, broker: Broker, bucket: Path, keys: list[str], tmp_path: Path
) -> None:
    jsonl = {"path": str(tmp_path / "r" / "results.jsonl"), "rotate": {"size": "64KiB"}, "fsync": "batch"}
    rules = fed(bucket, broker, {"jsonl": jsonl})
    with Cameras(broker, keys, per_second=100) as cameras:
        gateway = start_gateway(rules)
        wait_until("offsets move", lambda: sum(broker.committed(GROUP, set(TOPICS)).values()) > 100)
        gateway.kill()
        committed = broker.committed(GROUP, set(TOPICS))
        killed = rotated(tmp_path / "r")[0]
        cameras.stop()
        gateway = start_gateway(rules)
        wait_until("all is committed", lambda: all_committed(broker), timeout=60)
        assert gateway.stop() == 0
    assert committed_ids(broker.acknowledged, committed, MODELS) <= set(killed.ids())
    assert set(rotated(tmp_path / "r")[0].ids()) == all_ids(broker.acknowledged, MODELS)


def rotated(folder: Path) -> tuple[Lines, int]:
    """The lines of all files of a sink, and how many files there are."""
    parts = [read_lines(file) for file in folder.iterdir()]
    records = [record for part in parts for record in part.records]
    return Lines(records, sum(part.torn for part in parts)), len(parts)


def failures(gateway) -> float:
    """How often a delivery was not acknowledged."""
    return gateway.metric("framegate_ingest_delivery_failures_total", group=GROUP)
