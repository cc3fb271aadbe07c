"""Item 3: each fault of a request has its code, its reason and its counter, and stops nothing else."""

from collections.abc import Callable

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

import api
import samples
from calls import DOORS, kind, outcome
from faults import CASES, Case, fill
from gateway import Gateway
from policies import onnx, policy, simulated
from prove import Holds

pytestmark = [pytest.mark.item(3), pytest.mark.doors(1)]


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """A real and a simulated model over a bucket of good and bad objects."""
    bucket = tmp_path_factory.mktemp("errors") / "bucket"
    fill(bucket)
    models = {"classifier": onnx("efficientnet-lite0"), "other": simulated("1ms", fetch=True)}
    gateway = start_shared_gateway(policy(bucket, models, limits={"object_bytes": "1MiB"}))
    gateway.bucket = bucket
    return gateway


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(gateway: Gateway, holds: Holds, case: Case, door: str) -> None:
    counted = lambda: gateway.answers(case.counted_as, case.reason)  # noqa: E731
    before, good_before = counted(), gateway.answers("classifier", "OK")
    calls = DOORS[door](gateway)
    calls.send(**case.fields(gateway.bucket, gateway.http_address.rsplit(":", 1)[1]))
    calls.send("frames:good.jpg", models=("classifier",))
    refusal, good = calls.outcomes()
    measured = f"{kind(refusal)} +{counted() - before:g}"
    wanted = f"{case.code} {case.reason} +1"
    holds(f"{case.name}, {door}", measured, wanted, measured == wanted and refusal.domain == "framegate")
    leaked = [word for word in (str(gateway.bucket), "secret", "/", "errno") if word in refusal.message]
    assert case.reason == "MALFORMED_REFERENCE" or not leaked, (
        f"the message shows {leaked}: {refusal.message}"
    )
    assert_classified(good)
    assert gateway.answers("classifier", "OK") == good_before + 1


@pytest.mark.parametrize(
    ("image", "told"), [(samples.animated_webp, "animated WebP"), (samples.cmyk_jpeg, "CMYK JPEG")]
)
def test_a_whole_image_that_is_refused_is_told_why(
    gateway: Gateway, image: Callable[[], bytes], told: str
) -> None:
    refusal = gateway.refused(data=image(), models=("classifier",))
    assert told in refusal.message, refusal


@pytest.mark.parametrize("door", DOORS)
def test_bad_requests_are_refused_before_the_queue(gateway: Gateway, holds: Holds, door: str) -> None:
    missing_frame = api.frames.PredictRequest(models=["classifier"])
    no_source = api.frames.PredictRequest(
        models=["classifier"], frame=api.frames.FrameReference(camera_id="1")
    )
    requests = {
        "missing frame": missing_frame,
        "frame without source": no_source,
        "priority 10": api.request("frames:good.jpg", models=("classifier",), priority=10),
        "model named twice": api.request("frames:good.jpg", models=("classifier", "classifier")),
        "camera_id of 257 bytes": api.request("frames:good.jpg", camera_id="x" * 257),
        "65 models": api.request("frames:good.jpg", models=[str(number) for number in range(65)]),
        "timeout of zero": api.request("frames:good.jpg", timeout=Duration()),
        "negative timeout": api.request("frames:good.jpg", timeout=Duration(seconds=-1)),
    }
    calls = DOORS[door](gateway)
    for request in requests.values():
        calls.send_message(request)
    calls.send("frames:good.jpg", models=("classifier",))
    *refusals, good = calls.outcomes()
    for name, refusal in zip(requests, refusals, strict=True):
        wanted = "INVALID_ARGUMENT INVALID_REQUEST"
        holds(f"{name}, {door}", kind(refusal), wanted, kind(refusal) == wanted)
    assert_classified(good)


def test_an_id_that_is_too_long_comes_back_cut(gateway: Gateway, holds: Holds) -> None:
    request = api.request("frames:good.jpg", request_id="x" * 257)
    with pytest.raises(grpc.RpcError) as raised:
        gateway.frames.Predict(request, timeout=30)
    [response] = gateway.frames.PredictStream(iter([request]), timeout=30)
    kinds = {kind(api.refusal(raised.value)), kind(outcome(response))}
    wanted = "INVALID_ARGUMENT INVALID_REQUEST"
    holds("request_id of 257 bytes", " ".join(kinds), wanted, kinds == {wanted})
    assert response.request_id == "x" * 256


@pytest.mark.parametrize("door", DOORS)
def test_one_model_fails_alone(gateway: Gateway, holds: Holds, door: str) -> None:
    calls = DOORS[door](gateway)
    calls.send("frames:good.jpg", models=("classifier", "unknown", "other"))
    [answer] = calls.outcomes()
    outcomes = [result.WhichOneof("outcome") for result in answer.results]
    error = answer.results[1].error
    holds(
        f"an unknown model among three, {door}",
        f"{outcomes} {error.reason}",
        "the others served",
        outcomes == ["classification", "error", "classification"] and error.reason == "UNKNOWN_MODEL",
    )


@pytest.mark.parametrize("door", DOORS)
def test_the_same_fault_of_all_models_fails_the_request(gateway: Gateway, holds: Holds, door: str) -> None:
    calls = DOORS[door](gateway)
    calls.send("frames:none.jpg", models=("classifier", "other"))
    [refusal] = calls.outcomes()
    wanted = "NOT_FOUND OBJECT_NOT_FOUND"
    holds(f"missing object, two models, {door}", kind(refusal), wanted, kind(refusal) == wanted)


def assert_classified(answer: object) -> None:
    """A real result."""
    [result] = answer.results
    assert result.WhichOneof("outcome") == "classification", result
    assert len(result.classification.classes) == 5
