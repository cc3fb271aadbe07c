"""Item 3: a full queue, passed deadlines and departed clients."""

import grpc
import pytest

import api
from gateway import Gateway
from policies import policy, simulated
from prove import Holds
from raw_grpc import RawClient
from waiting import wait_until

pytestmark = pytest.mark.item(3)

MODEL = "slow"
# Nothing is fetched for a simulated model without `fetch`, so any reference will do.
ANY = "frames:any.jpg"


def slow(base: str, **fields: object) -> dict:
    """One replica that executes one entry at a time."""
    return {MODEL: simulated(base, max_batch_size=1, batch_wait_timeout="0s", **fields)}


def test_a_full_queue_refuses_with_a_time_to_come_back(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models=slow("300ms", max_queued_requests=4)))
    sent = 30
    calls = [gateway.start_predict(ANY) for _ in range(sent)]
    errors = [call.exception() for call in calls]
    refusals = [api.refusal(error) for error in errors if error is not None]
    served = sent - len(refusals)
    kinds = {f"{refusal.code} {refusal.reason}" for refusal in refusals}
    holds("full queue, faults injected", len(refusals), "> 0", len(refusals) > 0)
    holds(
        "full queue",
        " ".join(kinds),
        "RESOURCE_EXHAUSTED QUEUE_FULL",
        kinds == {"RESOURCE_EXHAUSTED QUEUE_FULL"},
    )
    holds(
        "  with RetryInfo",
        sum(bool(refusal.retry_after) for refusal in refusals),
        "all",
        all(refusal.retry_after for refusal in refusals),
    )
    holds("  the admitted are served", f"{served} of {sent}", ">= 4 (the queue)", served >= 4)
    counted = (gateway.answers(MODEL, "OK"), gateway.answers(MODEL, "QUEUE_FULL"))
    holds(
        "  counted OK, QUEUE_FULL",
        f"{counted[0]:g}, {counted[1]:g}",
        "as answered",
        counted == (served, len(refusals)),
    )
    assert len(gateway.predict(ANY).results) == 1


def test_default_timeout_is_the_deadline_of_calls_without_one(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models=slow("1500ms"), server={"default_timeout": "300ms"}))
    calls = [gateway.start_predict(ANY, timeout=None) for _ in range(3)]
    refusals = [api.refusal(call.exception()) for call in calls]
    kinds = {f"{refusal.code} {refusal.reason}" for refusal in refusals}
    counted = gateway.answers(MODEL, "DEADLINE_EXCEEDED")
    holds(
        "passed default_timeout, 3 calls",
        f"{' '.join(kinds)} +{counted:g}",
        "DEADLINE_EXCEEDED +3",
        kinds == {"DEADLINE_EXCEEDED DEADLINE_EXCEEDED"} and counted == 3,
    )
    gateway.wait_pool(MODEL, queued=0, ongoing=0)


def test_the_server_itself_notices_a_passed_deadline(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models=slow("1500ms")))
    with RawClient(gateway.grpc_address) as client:
        message = api.request(ANY).SerializeToString()
        status = client.call("/framegate.v1.FrameService/Predict", message, {"grpc-timeout": "300m"})
    counted = gateway.answers(MODEL, "DEADLINE_EXCEEDED")
    wanted = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    holds(
        "passed grpc-timeout, seen by a patient client",
        f"status {status} +{counted:g}",
        f"status {wanted} +1",
        (status, counted) == (wanted, 1),
    )


def test_a_clients_own_deadline_frees_its_entry(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models=slow("1500ms")))
    calls = [gateway.start_predict(ANY, timeout=0.3) for _ in range(4)]
    codes = {call.exception().code().name for call in calls}
    ended = lambda: gateway.answers(MODEL, "DEADLINE_EXCEEDED") + gateway.answers(MODEL, "CANCELLED")  # noqa: E731
    wait_until("4 entries counted", lambda: ended() == 4)
    holds(
        "passed client deadline, 4 calls",
        " ".join(codes),
        "DEADLINE_EXCEEDED",
        codes == {"DEADLINE_EXCEEDED"},
    )
    gateway.wait_pool(MODEL, queued=0, ongoing=0)


def test_a_cancelled_call_frees_its_place(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models=slow("4s", max_queued_requests=8)))
    executing = gateway.start_predict(ANY)
    gateway.wait_pool(MODEL, queued=0, ongoing=1)
    waiting = fill_queue(gateway)
    for call in waiting:
        call.cancel()
    pool = wait_until("only the executing entry is left", lambda: only_executing(gateway))
    assert not executing.done(), "the places must be free before the batch ends"
    counted = gateway.answers(MODEL, "CANCELLED")
    holds("cancelled calls, faults injected", len(waiting), "> 0", len(waiting) > 0)
    holds(
        "cancelled while waiting: queued, ongoing, counter",
        f"{pool.queued}, {pool.ongoing}, +{counted:g}",
        f"0, 1, +{len(waiting)}",
        counted == len(waiting),
    )
    executing.cancel()
    pool = gateway.wait_pool(MODEL, queued=0, ongoing=0)
    holds("cancelled while executing: queued, ongoing", f"{pool.queued}, {pool.ongoing}", "0, 0", True)
    gauges = [f"framegate_{name}_requests" for name in ("queued", "ongoing")]
    wait_until("gauges at zero", lambda: all(gateway.metric(name, model=MODEL) == 0 for name in gauges))


def fill_queue(gateway: Gateway) -> list[grpc.Future]:
    """Calls that wait behind the executing one; one of them may be claimed already."""
    calls = [gateway.start_predict(ANY) for _ in range(5)]
    wait_until("6 ongoing", lambda: gateway.pool(MODEL).ongoing == 6)
    return calls


def only_executing(gateway: Gateway) -> object | None:
    """The pool, if one entry is left and none waits."""
    pool = gateway.pool(MODEL)
    return pool if (pool.queued, pool.ongoing) == (0, 1) else None


def test_a_client_may_give_up_many_calls_at_once(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models=slow("1ms")))
    path, message = "/framegate.v1.FrameService/Predict", api.request(ANY).SerializeToString()
    with RawClient(gateway.grpc_address) as client:
        client.give_up(path, calls=500)
        status = client.call(path, message, {})
    holds("a call after 500 that were given up at once", f"status {status}", "status 0", status == 0)
