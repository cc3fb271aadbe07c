"""Item 3: each fault of a request has its code, its reason and its counter, and stops nothing else."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import api
import samples
from gateway import Gateway
from policies import onnx, policy, simulated
from prove import Holds

pytestmark = pytest.mark.item(3)

OBJECT_LIMIT = 1 << 20


@dataclass(frozen=True)
class Case:
    """A bad request and how it is refused; its entry is counted for `model`, unless it never becomes one."""

    name: str
    code: str
    reason: str
    uri: str | None = None
    data: Callable[[], bytes] | None = None
    model: str = "classifier"
    region: tuple[int, int, int, int] | None = None
    counted_as: str | None = "classifier"


CASES = [
    Case("unknown model", "NOT_FOUND", "UNKNOWN_MODEL", "frames:good.jpg", model="unknown", counted_as="-"),
    Case("reference without a form", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", "good.jpg"),
    Case("empty reference", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", ""),
    Case("reference with an empty segment", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", "frames:a//good.jpg"),
    Case("reference with a NUL", "INVALID_ARGUMENT", "MALFORMED_REFERENCE", "frames:good\0.jpg"),
    Case(
        "encoded dots in a reference",
        "INVALID_ARGUMENT",
        "MALFORMED_REFERENCE",
        "file://{bucket}/%2e%2e/secret.jpg",
    ),
    Case("..", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "frames:../secret.jpg"),
    Case(".. in an absolute path", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "{bucket}/../secret.jpg"),
    Case("absolute path elsewhere", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "/etc/hostname"),
    Case("file URL elsewhere", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "file:///etc/hostname"),
    Case(
        "folder that begins like the bucket",
        "PERMISSION_DENIED",
        "REFERENCE_NOT_ALLOWED",
        "{bucket}_private/secret.jpg",
    ),
    Case("bucket of no such name", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "private:secret.jpg"),
    Case("http scheme", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "http://127.0.0.1:{port}/good.jpg"),
    Case("s3 of no bucket", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "s3://frames/good.jpg"),
    Case("symlink out", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "frames:link.jpg"),
    Case("folder symlinked out", "PERMISSION_DENIED", "REFERENCE_NOT_ALLOWED", "frames:outside/secret.jpg"),
    Case("missing object", "NOT_FOUND", "OBJECT_NOT_FOUND", "frames:none.jpg"),
    Case("folder as object", "NOT_FOUND", "OBJECT_NOT_FOUND", "frames:folder"),
    Case("FIFO as object", "NOT_FOUND", "OBJECT_NOT_FOUND", "frames:fifo.jpg"),
    Case("truncated JPEG", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", "frames:truncated.jpg"),
    Case("truncated JPEG inline", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.truncated_jpeg),
    Case("truncated PNG", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.truncated_png),
    Case("truncated WebP", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.truncated_webp),
    Case("damaged lossless WebP", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.damaged_webp),
    Case("animated WebP", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", data=samples.animated_webp),
    Case("text named .jpg", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", "frames:text.jpg"),
    Case("empty object", "INVALID_ARGUMENT", "FRAME_UNDECODABLE", "frames:empty.jpg"),
    Case("60000x60000 PNG header", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", "frames:huge.png"),
    Case("60000x60000 JPEG header", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", "frames:huge.jpg"),
    Case("16384x16384 WebP header", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=samples.huge_webp_header),
    Case("60000x60000 WebP canvas", "OUT_OF_RANGE", "IMAGE_TOO_LARGE", data=samples.huge_webp_canvas),
    Case("object above the limit", "OUT_OF_RANGE", "OBJECT_TOO_LARGE", "frames:large.jpg"),
    Case(
        "region outside the frame",
        "INVALID_ARGUMENT",
        "REGION_OUTSIDE_FRAME",
        "frames:good.jpg",
        region=(600, 0, 100, 100),
    ),
    Case("empty region", "INVALID_ARGUMENT", "REGION_OUTSIDE_FRAME", "frames:good.jpg", region=(0, 0, 0, 10)),
    Case(
        "region that overflows",
        "INVALID_ARGUMENT",
        "REGION_OUTSIDE_FRAME",
        "frames:good.jpg",
        region=(2**32 - 1, 0, 2, 2),
    ),
]


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """A real and a simulated model over a bucket of good and bad objects."""
    bucket = tmp_path_factory.mktemp("errors") / "bucket"
    fill(bucket)
    models = {"classifier": onnx("efficientnet-lite0"), "other": simulated("1ms", fetch=True)}
    gateway = start_shared_gateway(policy(bucket, models, limits={"object_bytes": "1MiB"}))
    gateway.bucket = bucket
    return gateway


def fill(bucket: Path) -> None:
    """A good frame, the bad ones, and things that must not be reached."""
    (bucket / "folder").mkdir(parents=True)
    private = bucket.parent / "bucket_private"
    private.mkdir()
    good = samples.jpeg(samples.street(640, 480))
    for secret in (bucket.parent / "secret.jpg", private / "secret.jpg"):
        secret.write_bytes(good)
    (bucket / "good.jpg").write_bytes(good)
    (bucket / "truncated.jpg").write_bytes(samples.truncated_jpeg())
    (bucket / "text.jpg").write_text("this is no picture\n" * 40)
    (bucket / "empty.jpg").touch()
    (bucket / "huge.png").write_bytes(samples.huge_png_header())
    (bucket / "huge.jpg").write_bytes(samples.huge_jpeg_header())
    (bucket / "large.jpg").write_bytes(good + bytes(OBJECT_LIMIT))
    (bucket / "link.jpg").symlink_to("../secret.jpg")
    (bucket / "outside").symlink_to(bucket.parent)
    os.mkfifo(bucket / "fifo.jpg")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(gateway: Gateway, holds: Holds, case: Case) -> None:
    counted = lambda: gateway.answers(case.counted_as, case.reason)  # noqa: E731
    before, good_before = counted(), gateway.answers("classifier", "OK")
    fields = {"models": (case.model,), "region": case.region}
    if case.data is not None:
        fields["data"] = case.data()
    else:
        fields["uri"] = case.uri.format(bucket=gateway.bucket, port=gateway.http_address.rsplit(":", 1)[1])
    refusal = gateway.refused(**fields)
    counts = counted() - before
    measured = f"{refusal.code} {refusal.reason} +{counts:g}"
    wanted = f"{case.code} {case.reason} +1"
    holds(case.name, measured, wanted, measured == wanted and refusal.domain == "framegate")
    leaked = [word for word in (str(gateway.bucket), "secret", "/", "errno") if word in refusal.message]
    assert case.reason == "MALFORMED_REFERENCE" or not leaked, (
        f"the message shows {leaked}: {refusal.message}"
    )
    assert_serves(gateway)
    assert gateway.answers("classifier", "OK") == good_before + 1


def test_an_animated_webp_is_refused_with_the_reason(gateway: Gateway) -> None:
    refusal = gateway.refused(data=samples.animated_webp(), models=("classifier",))
    assert "animated WebP" in refusal.message, refusal


def test_bad_requests_are_refused_before_the_queue(gateway: Gateway, holds: Holds) -> None:
    missing_frame = api.frames.PredictRequest(models=["classifier"])
    no_source = api.frames.PredictRequest(
        models=["classifier"], frame=api.frames.FrameReference(camera_id="1")
    )
    requests = {
        "missing frame": missing_frame,
        "frame without source": no_source,
        "priority 10": api.request("frames:good.jpg", models=("classifier",), priority=10),
        "model named twice": api.request("frames:good.jpg", models=("classifier", "classifier")),
        "request_id of 257 bytes": api.request("frames:good.jpg", request_id="x" * 257),
    }
    for name, request in requests.items():
        refusal = refused(gateway, request)
        measured = f"{refusal.code} {refusal.reason}"
        wanted = "INVALID_ARGUMENT INVALID_REQUEST"
        holds(name, measured, wanted, measured == wanted)
    assert_serves(gateway)


def test_one_model_fails_alone(gateway: Gateway, holds: Holds) -> None:
    answer = gateway.predict("frames:good.jpg", models=("classifier", "unknown", "other"))
    outcomes = [result.WhichOneof("outcome") for result in answer.results]
    error = answer.results[1].error
    holds(
        "an unknown model among three",
        f"{outcomes} {error.reason}",
        "the others served",
        outcomes == ["classification", "error", "classification"] and error.reason == "UNKNOWN_MODEL",
    )


def test_the_same_fault_of_all_models_fails_the_call(gateway: Gateway, holds: Holds) -> None:
    refusal = gateway.refused("frames:none.jpg", models=("classifier", "other"))
    measured = f"{refusal.code} {refusal.reason}"
    holds(
        "missing object, two models",
        measured,
        "NOT_FOUND OBJECT_NOT_FOUND",
        measured == "NOT_FOUND OBJECT_NOT_FOUND",
    )


def refused(gateway: Gateway, request: object) -> api.Refusal:
    """How a request that the helpers would not make is refused."""
    error = gateway.frames.Predict.future(request, timeout=30).exception()
    assert error is not None, "answered instead of refused"
    return api.refusal(error)


def assert_serves(gateway: Gateway) -> None:
    """A good request is still answered with a real result."""
    result = gateway.predict("frames:good.jpg", models=("classifier",)).results[0]
    assert result.WhichOneof("outcome") == "classification", result
    assert len(result.classification.classes) == 5
