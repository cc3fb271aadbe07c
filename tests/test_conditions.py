"""Item 1 of the doors: what time, load and stops do to requests, by both doors; test_errors has the frames' faults."""

from collections import Counter
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

import api
import artifacts
import samples
from calls import DOORS, Stream, UnaryCalls, kind
from gateway import Gateway
from policies import fixed, policy, simulated
from prove import Holds
from raw_grpc import RawClient
from waiting import wait_until

pytestmark = [pytest.mark.doors(1), pytest.mark.parametrize("door", DOORS)]

MODEL = "slow"
# Nothing is fetched for a simulated model without `fetch`, so any reference will do.
ANY = "frames:any.jpg"
PASSED = "DEADLINE_EXCEEDED DEADLINE_EXCEEDED"


def slow(base: str, **fields: object) -> dict:
    """One replica that executes one entry at a time."""
    return {MODEL: simulated(base, max_batch_size=1, batch_wait_timeout="0s", **fields)}


def kinds(calls: UnaryCalls | Stream) -> Counter:
    """How many requests ended in which way."""
    return Counter(map(kind, calls.outcomes()))


def test_full_queue(start_gateway, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(models=slow("300ms", max_queued_requests=4)))
    calls = DOORS[door](gateway)
    for _ in range(30):
        calls.send(ANY)
    ended = kinds(calls)
    full = "RESOURCE_EXHAUSTED QUEUE_FULL"
    holds(f"full queue, {door}", dict(ended), f"only OK and {full}", set(ended) == {"OK", full})
    counted = {"OK": gateway.answers(MODEL, "OK"), full: gateway.answers(MODEL, "QUEUE_FULL")}
    holds("  counted", counted, "as answered", counted == ended)


def test_own_timeout(start_gateway, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(models=slow("1500ms")))
    calls = DOORS[door](gateway)
    for _ in range(3):
        calls.send(ANY, timeout=Duration(nanos=300_000_000))
    calls.send(ANY)
    ended = kinds(calls)
    holds(f"timeout of a request, {door}", dict(ended), f"3 {PASSED}", ended == {PASSED: 3, "OK": 1})
    gateway.wait_pool(MODEL, queued=0, ongoing=0)


def test_default_timeout(start_gateway, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(models=slow("1500ms"), server={"default_timeout": "300ms"}))
    calls = DOORS[door](gateway, timeout=None)
    for _ in range(3):
        calls.send(ANY)
    # A timeout of its own may also be longer than the default.
    calls.send(ANY, timeout=Duration(seconds=30))
    ended = kinds(calls)
    holds(f"default_timeout, {door}", dict(ended), f"3 {PASSED}", ended == {PASSED: 3, "OK": 1})


def test_deadline_of_the_call_seen_by_a_patient_client(start_gateway, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(models=slow("1500ms")))
    message = api.request(ANY, timeout=Duration(seconds=30)).SerializeToString()
    with RawClient(gateway.grpc_address) as client:
        status = client.call(f"/framegate.v1.FrameService/{door}", message, {"grpc-timeout": "300m"})
    holds(f"grpc-timeout of a raw HTTP/2 client, {door}", f"status {status}", "status 4", status == 4)
    assert gateway.answers(MODEL, "DEADLINE_EXCEEDED") == 1
    gateway.wait_pool(MODEL, queued=0, ongoing=0)


def test_cancelled(start_gateway, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(models=slow("4s", max_queued_requests=8)))
    executing = gateway.start_predict(ANY)
    gateway.wait_pool(MODEL, queued=0, ongoing=1)
    calls = DOORS[door](gateway)
    for _ in range(6):
        calls.send(ANY)
    wait_until("7 ongoing", lambda: gateway.pool(MODEL).ongoing == 7)
    calls.cancel()
    pool = gateway.wait_pool(MODEL, queued=0, ongoing=1)
    assert not executing.done(), "the places must be free before the batch ends"
    counted = gateway.answers(MODEL, "CANCELLED")
    measured = f"{pool.queued}, {pool.ongoing}, +{counted:g}"
    holds(f"6 cancelled, {door}: queued, ongoing, counter", measured, "0, 1, +6", measured == "0, 1, +6")


def test_draining(start_gateway, holds: Holds, door: str) -> None:
    server = {"graceful_shutdown_timeout": "300ms"}
    gateway = start_gateway(policy(models=slow("4s", graceful_shutdown_timeout="0s"), server=server))
    calls = DOORS[door](gateway)
    for _ in range(3):
        calls.send(ANY)
    wait_until("3 ongoing", lambda: gateway.pool(MODEL).ongoing == 3)
    code = gateway.stop()
    ended = kinds(calls)
    wanted = "UNAVAILABLE DRAINING"
    holds(f"beyond the grace period, {door}", dict(ended), f"3 {wanted}", ended == {wanted: 3} and code == 0)


def test_no_replica(start_gateway, tmp_path: Path, holds: Holds, door: str) -> None:
    model = {"artifact": str(artifacts.unloadable(tmp_path / "model")), "autoscaling": fixed(1)}
    gateway = start_gateway(policy(tmp_path, {"broken": model, "good": simulated("1ms")}))
    wanted = "UNAVAILABLE NO_REPLICA"
    # Whoever asks while a further try to start it is under way waits for that.
    moment = Duration(nanos=200_000_000)
    ask = lambda: ask_one(gateway, door, uri=ANY, models=["broken"], timeout=moment) == wanted  # noqa: E731
    refused = wait_until("a refusal", ask)
    holds(f"no replica, {door}", wanted if refused else "other", wanted, refused)
    assert ask_one(gateway, door, uri=ANY, models=["good"]) == "OK"


def test_bucket_unreachable(start_gateway, tmp_path: Path, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(tmp_path / "none", slow("1ms", fetch=True)))
    ended = ask_one(gateway, door, uri="frames:any.jpg")
    wanted = "UNAVAILABLE BUCKET_UNAVAILABLE"
    holds(f"bucket that is not there, {door}", ended, wanted, ended == wanted)


def test_backend_error(start_gateway, tmp_path: Path, holds: Holds, door: str) -> None:
    model = {"artifact": str(artifacts.failing(tmp_path / "model")), "autoscaling": fixed(1)}
    gateway = start_gateway(policy(models={"failing": model}))
    ended = ask_one(gateway, door, data=samples.jpeg(samples.street(64, 48)))
    wanted = "INTERNAL BACKEND_FAILED"
    holds(f"backend that fails, {door}", ended, wanted, ended == wanted)


def test_message_too_large(start_gateway, holds: Holds, door: str) -> None:
    gateway = start_gateway(policy(models=slow("1ms"), limits={"message_bytes": "1MiB"}))
    ended = ask_one(gateway, door, data=bytes(1 << 20))
    wanted = "OUT_OF_RANGE MESSAGE_TOO_LARGE"
    holds(f"message above the limit, {door}", ended, wanted, ended == wanted)
    assert ask_one(gateway, door, data=bytes(1 << 19)) == "OK"


def ask_one(gateway: Gateway, door: str, **fields: object) -> str:
    """How one request ends."""
    calls = DOORS[door](gateway)
    calls.send(**fields)
    [ended] = calls.outcomes()
    return kind(ended)
