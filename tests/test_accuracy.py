"""Item 1: what is served is right, by reference and inline, whole and in regions, PNG, JPEG and WebP."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image

import samples
from compare import Found, Rules, expected_detections, iou, match, served_detections
from gateway import Gateway
from places import EXPECTED, FRAMES
from policies import onnx, policy
from prove import Holds

pytestmark = pytest.mark.item(1)

REFERENCE = json.loads(EXPECTED.read_text())
AS_EXPECTED = Rules(iou=0.9, score=0.05)
MUST_BE_FOUND = 0.40  # expected detections of this score have a served match
MUST_BE_KNOWN = 0.45  # served detections of this score have an expected match
EMBEDDING_TOLERANCE = 0.02


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, reference_frames: Path) -> Gateway:
    """Two real models over the nine frames."""
    models = {"detector": onnx("nanodet"), "classifier": onnx("efficientnet-lite0")}
    return start_shared_gateway(policy(reference_frames, models))


@pytest.fixture(scope="module", params=["uri", "data"])
def source(request: pytest.FixtureRequest) -> str:
    """How a frame is given: by reference or inline."""
    return request.param


@pytest.fixture(scope="module")
def served(source: str, gateway: Gateway) -> dict[str, dict[str, object]]:
    """The results of both models on each frame, by reference or inline."""
    answers = {}
    for name in REFERENCE:
        frame = {"uri": f"frames:{name}"} if source == "uri" else {"data": (FRAMES / name).read_bytes()}
        answer = gateway.predict(**frame, models=("detector", "classifier"), request_id=name)
        assert answer.request_id == name
        answers[name] = {result.model: result for result in answer.results}
    assert len(answers) == 9
    return answers


def test_detections(source: str, served: dict, holds: Holds) -> None:
    wanted = found = unknown = 0
    for name, entry in REFERENCE.items():
        expected = expected_detections(entry)
        detections = served_detections(served[name]["detector"])
        must_be_found = [item for item in expected if item.score >= MUST_BE_FOUND]
        must_be_known = [item for item in detections if item.score >= MUST_BE_KNOWN]
        wanted += len(must_be_found)
        found += len(match(must_be_found, detections, AS_EXPECTED))
        unknown += len(must_be_known) - len(match(must_be_known, expected, AS_EXPECTED))
    holds(
        f"by {source}: expected detections served (IoU 0.9, score 0.05)",
        f"{found} of {wanted}",
        "all, of at least 9",
        found == wanted >= 9,
    )
    holds(f"by {source}: served detections that are not expected", unknown, "0", unknown == 0)


def test_classes(source: str, served: dict, holds: Holds) -> None:
    same, difference = 0, 0.0
    for name, entry in REFERENCE.items():
        best, expected = served[name]["classifier"].classification.classes[0], entry["classes"][0]
        same += (best.label, best.index) == (expected["label"], expected["index"])
        difference = max(difference, abs(best.score - expected["score"]))
    holds(f"by {source}: best class", f"{same} of {len(REFERENCE)}", "all", same == len(REFERENCE))
    holds(
        f"by {source}: best class, largest difference of score",
        f"{difference:.4f}",
        "<= 0.05",
        difference <= 0.05,
    )


def test_embeddings(source: str, served: dict, holds: Holds) -> None:
    worst = 0.0
    for name, entry in REFERENCE.items():
        values = served[name]["classifier"].classification.embedding.values
        assert len(values) == 1280
        norm, expected = math.hypot(*values), entry["embedding"]["norm"]
        worst = max(worst, abs(norm - expected) / expected)
    holds(
        f"by {source}: embedding norm, largest difference",
        f"{worst:.2%}",
        "<= 2 %",
        worst <= EMBEDDING_TOLERANCE,
    )


def test_a_1080p_jpeg_is_served_like_its_png(gateway: Gateway, holds: Holds) -> None:
    frame = samples.street(1920, 1080)
    exact = detect(gateway, data=samples.png(frame))
    scaled = detect(gateway, data=samples.jpeg(frame, quality=85))
    overlaps = [best_overlap(item, scaled) for item in exact if item.score >= MUST_BE_KNOWN]
    overlaps += [best_overlap(item, exact) for item in scaled if item.score >= MUST_BE_KNOWN]
    holds(
        "1080p JPEG and PNG, least IoU",
        f"{min(overlaps):.3f} ({len(overlaps)})",
        ">= 0.85, of at least 8",
        min(overlaps) >= 0.85 and len(overlaps) >= 8,
    )


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_lossless_webp_is_served_as_its_png(gateway: Gateway, holds: Holds, mode: str) -> None:
    same = 0
    for name in REFERENCE:
        frame = samples.reference(name)
        if mode == "RGBA":
            frame.putalpha(100)
        png, webp = samples.png(frame), samples.webp(frame)
        same += outcomes(gateway, data=webp) == outcomes(gateway, data=png)
    holds(f"lossless WebP ({mode}) served as its PNG", f"{same} of 9", "all", same == len(REFERENCE) == 9)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_lossy_webp_is_served_like_its_png(gateway: Gateway, holds: Holds, mode: str) -> None:
    frame = samples.street(1280, 720)
    exact = detect(gateway, data=samples.png(frame))
    if mode == "RGBA":
        frame.putalpha(Image.linear_gradient("L").resize(frame.size))
    lossy = detect(gateway, data=samples.webp(frame, quality=90))
    overlaps = [best_overlap(item, lossy) for item in exact if item.score >= MUST_BE_KNOWN]
    holds(
        f"lossy WebP ({mode}) and PNG, least IoU",
        f"{min(overlaps):.3f} ({len(overlaps)})",
        ">= 0.8, of at least 3",
        min(overlaps) >= 0.8 and len(overlaps) >= 3,
    )


@pytest.mark.parametrize("form", ["png", "jpg"])
def test_a_region_is_served_in_pixels_of_the_frame(gateway: Gateway, holds: Holds, form: str) -> None:
    x, y, width, height = region = (416, 208, 320, 320)
    frame = samples.reference("vtest_050.png")
    encode = samples.png if form == "png" else samples.jpeg
    in_region = detect(gateway, data=encode(frame), region=region)
    cropped = detect(gateway, data=samples.png(frame.crop((x, y, x + width, y + height))))
    wanted = [item.moved(x, y) for item in cropped if item.score >= MUST_BE_KNOWN]
    overlaps = [best_overlap(item, in_region) for item in wanted]
    holds(
        f"region of a {form} and its crop, least IoU",
        f"{min(overlaps, default=0):.3f} ({len(overlaps)})",
        ">= 0.85, of at least 1",
        min(overlaps, default=0) >= 0.85,
    )
    inside = all(item.box[0] >= x - width / 4 and item.box[1] >= y - height / 4 for item in in_region)
    holds(f"boxes of a {form}'s region lie there", len(in_region), "all", bool(in_region) and inside)


def outcomes(gateway: Gateway, **source: object) -> list[bytes]:
    """All that the models say of one frame."""
    results = gateway.predict(**source, models=("detector", "classifier")).results
    assert [result.WhichOneof("outcome") for result in results] == ["detections", "classification"]
    return [getattr(result, result.WhichOneof("outcome")).SerializeToString() for result in results]


def detect(gateway: Gateway, **source: object) -> list[Found]:
    """The detections of one frame."""
    return served_detections(gateway.predict(**source, models=("detector",)).results[0])


def best_overlap(item: Found, others: list[Found]) -> float:
    """The best IoU with one of the same label."""
    return max((iou(item.box, other.box) for other in others if other.label == item.label), default=0.0)
