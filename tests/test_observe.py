"""What operators see of a running gateway: counts, cameras and the latest results."""

import itertools
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

import api
import samples
from broker import Broker
from policies import ingest, policy, simulated
from waiting import wait_until
from watching import cameras_of, first_with, watch


@pytest.fixture
def gateway(start_gateway, bucket: Path):
    """A quick model over frames, and one that looks at none."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(320, 240)))
    (bucket / "bad.jpg").write_bytes(b"no image")
    models = {"a": simulated("1ms", fetch=True), "b": simulated("1ms")}
    return start_gateway(policy(bucket, models))


def test_counts_agree_with_what_was_sent_and_with_the_metrics(gateway) -> None:
    for _ in range(3):
        gateway.predict("frames:good.jpg", camera_id="yard")
    for _ in range(2):
        gateway.predict("frames:bad.jpg", camera_id="gate")
    gateway.refused("frames:none.jpg", models=("a",))
    pools = {pool.model: pool for pool in next(watch(gateway)).pools}
    a, b = pools["a"].counters, pools["b"].counters
    assert (a.results, b.results) == (3, 5)
    assert a.failures == {"FRAME_UNDECODABLE": 2, "OBJECT_NOT_FOUND": 1}
    assert not a.drops
    assert (a.batched_entries, b.batched_entries) == (3, 5)
    assert 1 <= b.batches <= 5
    assert gateway.answers("a", "OK") == a.results
    for reason, count in a.failures.items():
        assert gateway.answers("a", reason) == count
    assert gateway.pool("a").counters == a


def test_cameras_are_counted(gateway) -> None:
    before = time.time()
    gateway.predict("frames:bad.jpg", camera_id="gate")
    for _ in range(3):
        gateway.predict("frames:good.jpg", camera_id="yard")
    gateway.predict("frames:good.jpg")
    response = next(watch(gateway))
    assert [camera.camera_id for camera in response.cameras] == ["yard", "gate"], "no client's address"
    cameras = cameras_of(response)
    yard, gate = cameras["yard"], cameras["gate"]
    assert (yard.frames, yard.results, yard.errors, yard.skipped) == (3, 6, 0, 0)
    assert (gate.frames, gate.results, gate.errors, gate.skipped) == (1, 1, 1, 0)
    assert before - 1 <= yard.last_frame_at.ToNanoseconds() / 1e9 <= time.time() + 1
    wait_until("the gauge follows", lambda: gateway.metric("framegate_cameras") == 2)


def test_frame_age_counts_frames_that_say_when_they_were_taken(gateway) -> None:
    request = api.request("frames:good.jpg", camera_id="yard")
    request.frame.captured_at.FromNanoseconds(time.time_ns() - 5 * 10**9)
    gateway.frames.Predict(request, timeout=10)
    gateway.predict("frames:good.jpg")
    counters = gateway.pool("a").counters
    assert counters.frame_age_count == 1
    assert 5 <= counters.frame_age_seconds_sum < 60


def test_latest_results_are_seen_only_by_who_asks(gateway) -> None:
    plain, asking = watch(gateway), watch(gateway, latest_results=2)
    next(plain), next(asking)
    for camera in ("one", "two", "three"):
        gateway.predict("frames:good.jpg", camera_id=camera, models=("a",))
    response = first_with(asking, lambda r: [item.camera_id for item in r.latest_results] == ["three", "two"])
    result = response.latest_results[0].result
    assert (result.model, result.version, result.batch_size) == ("a", "simulated", 1)
    assert result.classification.classes[0].label == "simulated"
    assert not next(plain).latest_results
    asking.cancel()


def test_a_watch_has_limits(gateway) -> None:
    too_much = {"interval": 0.05}, {"interval": 61}, {"latest_results": 65}
    for arguments in too_much:
        with pytest.raises(grpc.RpcError) as raised:
            next(watch(gateway, **arguments))
        assert api.refusal(raised.value).reason == "INVALID_REQUEST", arguments
    watches = [watch(gateway) for _ in range(64)]
    for opened in watches:
        next(opened)
    with pytest.raises(grpc.RpcError) as raised:
        next(watch(gateway))
    refusal = api.refusal(raised.value)
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_WATCHES")
    watches[0].cancel()
    wait_until("a place is free", lambda: can_watch(gateway))


def can_watch(gateway) -> bool:
    try:
        return bool(next(watch(gateway)).pools)
    except grpc.RpcError:
        return False


def test_a_watch_keeps_its_deadline(gateway) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        list(watch(gateway, timeout=0.5))
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_watches_end_with_the_gateway_and_do_not_hold_it_up(gateway) -> None:
    responses = watch(gateway, interval=60)
    next(responses)
    gateway.terminate()
    assert list(responses) == []
    assert responses.code() is grpc.StatusCode.OK
    assert gateway.exit_code(timeout=10) == 0, "within the grace period of 30 s"


def test_records_are_counted_by_camera(start_gateway, broker: Broker, bucket: Path, tmp_path: Path) -> None:
    keys = samples.write_numbered(bucket, 6, 64, 48, "jpg")
    sinks = [{"jsonl": {"path": str(tmp_path / "results.jsonl")}}]
    rule = ingest(broker.address, ["a", "b"], max_frame_age="60s")
    models = {"a": simulated("1ms", fetch=True), "b": simulated("1ms", fetch=True)}
    sent = send_records(broker, keys)
    gateway = start_gateway(policy(bucket, models, ingest=[rule], sinks=sinks))
    total = sum(sent.values()) * 2
    response = first_with(watch(gateway), lambda r: ended(r) == total)
    cameras = cameras_of(response)
    assert {name: camera.frames for name, camera in cameras.items()} == sent
    assert cameras["old"].skipped == sent["old"] * 2
    for pool in response.pools:
        assert dict(pool.counters.drops) == {"too_old": sent["old"]}
        dropped = {"model": pool.model, "outcome": "dropped", "reason": "too_old"}
        assert gateway.metric("framegate_ingest_outcomes_total", **dropped) == sent["old"]
        assert pool.counters.frame_age_count == pool.counters.results == total / 2 - sent["old"]


def ended(response: object) -> int:
    return sum(camera.results + camera.skipped + camera.errors for camera in response.cameras)


def send_records(broker: Broker, keys: list[str]) -> dict[str, int]:
    """Records of two cameras now and of one of an hour ago; how many of each."""
    now = datetime.now(UTC)
    sent = {"yard": 5, "gate": 3, "old": 2}
    for camera, count in sent.items():
        taken = now - timedelta(hours=1) if camera == "old" else now
        for key in itertools.islice(itertools.cycle(keys), count):
            record = {"uri": f"frames:{key}", "camera_id": camera, "captured_at": taken.isoformat()}
            broker.send("camera_1", json.dumps(record).encode())
    broker.flush()
    return sent
