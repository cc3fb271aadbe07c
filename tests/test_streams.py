"""Item 1 of the doors: what a PredictStream promises besides what it shares with Predict."""

import grpc
import pytest

import api
from calls import Stream, kind, outcome
from gateway import Gateway
from policies import policy, simulated
from prove import Holds
from raw_grpc import RawClient
from waiting import wait_until

pytestmark = pytest.mark.doors(1)

ANY = "frames:any.jpg"
IN_FLIGHT = 256
MANY = 2000


@pytest.fixture(scope="module")
def gateway(start_shared_gateway) -> Gateway:
    """A quick and a slow model, which execute entries one by one."""
    one = {"max_batch_size": 1, "batch_wait_timeout": "0s"}
    return start_shared_gateway(
        policy(models={"quick": simulated("1ms", **one), "slow": simulated("400ms", **one)})
    )


@pytest.fixture
def blocked(start_gateway) -> Gateway:
    """A model that takes far longer than the test."""
    model = simulated("1m", max_batch_size=1, batch_wait_timeout="0s", graceful_shutdown_timeout="0s")
    server = {"graceful_shutdown_timeout": "300ms"}
    return start_gateway(policy(models={"blocked": model}, server=server))


def ids(responses: list[object]) -> list[str]:
    """What the responses answer."""
    assert all(kind(outcome(response)) == "OK" for response in responses), responses
    return [response.request_id for response in responses]


def answered(gateway: Gateway, requests: list[tuple[str, str]], in_order: bool) -> list[str]:
    """The ids of the responses to (camera, model) as they come."""
    stream = Stream(gateway)
    for camera, model in requests:
        stream.send(ANY, camera_id=camera, models=[model], in_order=in_order)
    stream.half_close()
    responses = ids(stream.rest())
    assert stream.status is None
    return responses


def test_a_cameras_order_is_kept_on_request(gateway: Gateway, holds: Holds) -> None:
    requests = [("1", "slow"), ("1", "quick"), ("1", "slow"), ("1", "quick"), ("1", "quick")]
    without = answered(gateway, requests, in_order=False)
    ordered = answered(gateway, requests, in_order=True)
    holds("responses without in_order", " ".join(without), "1 3 4 0 2", sorted(without[:3]) == ["1", "3", "4"])
    holds("responses with in_order", " ".join(ordered), "0 1 2 3 4", ordered == list("01234"))


def test_cameras_do_not_wait_for_each_other(gateway: Gateway, holds: Holds) -> None:
    requests = [("1", "slow"), ("2", "quick"), ("", "slow"), ("1", "quick"), ("2", "quick"), ("", "quick")]
    order = answered(gateway, requests, in_order=True)
    holds("in_order, two cameras and none", " ".join(order), "1 4 0 3 2 5", order == list("140325"))


def test_unordered_requests_overtake_ordered_ones(gateway: Gateway, holds: Holds) -> None:
    stream = Stream(gateway)
    stream.send(ANY, camera_id="1", models=["slow"], in_order=True)
    stream.send(ANY, camera_id="1", models=["quick"], in_order=True)
    stream.send(ANY, camera_id="1", models=["quick"])
    stream.half_close()
    order = ids(stream.rest())
    holds("an unordered request behind ordered ones", " ".join(order), "2 0 1", order == list("201"))


def test_a_bad_request_keeps_its_place_in_the_order(gateway: Gateway) -> None:
    stream = Stream(gateway)
    stream.send(ANY, camera_id="1", models=["slow"], in_order=True)
    stream.send(ANY, camera_id="1", models=["slow"], in_order=True, priority=10)
    stream.send(ANY, camera_id="1", models=["quick"], in_order=True)
    stream.half_close()
    responses = stream.rest()
    assert [response.request_id for response in responses] == list("012")
    kinds = [kind(outcome(response)) for response in responses]
    assert kinds == ["OK", "INVALID_ARGUMENT INVALID_REQUEST", "OK"]


def test_responses_come_before_the_client_has_sent_all(gateway: Gateway, holds: Holds) -> None:
    stream = Stream(gateway)
    for number in range(50):
        stream.send(ANY, models=["unknown" if number % 2 else "quick"])
        response = stream.receive()
        wanted = "NOT_FOUND UNKNOWN_MODEL" if number % 2 else "OK"
        assert (response.request_id, kind(outcome(response))) == (str(number), wanted)
    stream.half_close()
    further = stream.rest()
    holds("25 bad requests among 50", f"{len(further)} lost", "all answered", not further and not stream.status)


def test_after_half_close_the_rest_is_answered(gateway: Gateway, holds: Holds) -> None:
    stream = Stream(gateway)
    for _ in range(3):
        stream.send(ANY, models=["slow"])
    stream.half_close()
    wait_until("all have been sent", lambda: stream.handed_out == 3)
    responses = stream.rest()
    holds("answered after half-close", len(responses), 3, len(responses) == 3 and stream.status is None)
    empty = Stream(gateway)
    empty.half_close()
    assert empty.rest() == []
    assert empty.status is None


def test_256_requests_are_in_flight_and_no_more(blocked: Gateway, holds: Holds) -> None:
    stream = Stream(blocked)
    for number in range(MANY):
        # Enough bytes that they do not fit into the buffers of the connection.
        stream.send(data=bytes(4096), camera_id=str(number % 7), in_order=number % 2 == 0)
    wait_until("256 in flight", lambda: blocked.pool("blocked").ongoing == IN_FLIGHT)
    seen = {(blocked.pool("blocked").ongoing, stream.handed_out) for _ in range(200)}
    ongoing = {pair[0] for pair in seen}
    handed_out = max(pair[1] for pair in seen)
    holds(f"{MANY} requests to a blocked pool: ongoing", ongoing, {IN_FLIGHT}, ongoing == {IN_FLIGHT})
    holds("  taken from the client", handed_out, f"< {MANY}", handed_out < MANY)
    call = blocked.start_predict(ANY)
    wait_until("another call on the connection is read", lambda: blocked.pool("blocked").ongoing == IN_FLIGHT + 1)
    stream.cancel()
    pool = wait_until("only the other call", lambda: one_ongoing(blocked))
    counted = blocked.answers("blocked", "CANCELLED")
    holds("  cancelled: ongoing, counter", f"{pool.ongoing}, +{counted:g}", "1, +256", counted == IN_FLIGHT)
    call.cancel()


def one_ongoing(gateway: Gateway) -> object | None:
    """The pool, if one entry is left."""
    pool = gateway.pool("blocked")
    return pool if pool.ongoing == 1 else None


def test_a_disconnected_client_frees_its_places(blocked: Gateway, holds: Holds) -> None:
    channel = blocked.open_channel()
    stub = api.frames_grpc.FrameServiceStub(channel)
    call = stub.PredictStream(iter([api.request(ANY) for _ in range(20)]), timeout=60)
    blocked.wait_pool("blocked", ongoing=20)
    channel.close()
    assert call.code().name == "CANCELLED"
    pool = blocked.wait_pool("blocked", queued=0, ongoing=0)
    holds("disconnected: queued, ongoing", f"{pool.queued}, {pool.ongoing}", "0, 0", pool.ongoing == 0)


def test_the_calls_deadline_ends_an_open_stream(blocked: Gateway, holds: Holds) -> None:
    message = api.request(ANY).SerializeToString()
    path = "/framegate.v1.FrameService/PredictStream"
    with RawClient(blocked.grpc_address) as client:
        status = client.call(path, message, {"grpc-timeout": "300m"}, half_close=False)
    holds("open stream at its grpc-timeout, raw client", f"status {status}", "status 4", status == 4)
    blocked.wait_pool("blocked", queued=0, ongoing=0)


def test_a_stop_answers_what_was_read(start_gateway, holds: Holds) -> None:
    model = simulated("500ms", max_batch_size=1, batch_wait_timeout="0s")
    gateway = start_gateway(policy(models={"slow": model}))
    stream = Stream(gateway)
    for _ in range(3):
        stream.send(ANY)
    gateway.wait_pool("slow", ongoing=3)
    gateway.terminate()
    wait_until("calls are finished", lambda: 4 in gateway.stop_steps())
    # Too late to be read, on a stream that its client has not closed.
    stream.send(ANY)
    responses = ids(stream.rest())
    code = gateway.exit_code()
    status = kind(stream.status) if stream.status else "OK"
    holds("stop: responses of an open stream", " ".join(responses), "0 1 2", responses == list("012"))
    holds("  its status, exit code", f"{status}, {code}", "UNAVAILABLE DRAINING, 0",
          (status, code) == ("UNAVAILABLE DRAINING", 0))  # fmt: skip


def test_a_stop_is_not_held_up_by_a_stream(blocked: Gateway, holds: Holds) -> None:
    idle, busy = Stream(blocked), Stream(blocked)
    for _ in range(MANY):
        busy.send(data=bytes(4096))
    wait_until("256 in flight", lambda: blocked.pool("blocked").ongoing == IN_FLIGHT)
    code = blocked.stop()
    kinds = {kind(outcome(response)) for response in busy.rest()} | {kind(busy.status)}
    holds("stop with a full stream", f"{kinds}, exit code {code}", "UNAVAILABLE DRAINING, 0",
          kinds == {"UNAVAILABLE DRAINING"} and code == 0)  # fmt: skip
    assert idle.rest() == []
    assert kind(idle.status) == "UNAVAILABLE DRAINING"


def test_a_message_that_is_no_request_ends_the_stream_with_a_reason(gateway: Gateway) -> None:
    method = gateway.channel.stream_stream(
        "/framegate.v1.FrameService/PredictStream",
        request_serializer=bytes,
        response_deserializer=api.frames.PredictResponse.FromString,
    )
    good = api.request(ANY, models=["quick"], request_id="good").SerializeToString()
    call = method(iter([good, b"\xff\xff\xff"]), timeout=30)
    assert ids([next(call)]) == ["good"]
    with pytest.raises(grpc.RpcError) as raised:
        next(call)
    assert kind(api.refusal(raised.value)) == "INVALID_ARGUMENT INVALID_REQUEST"
