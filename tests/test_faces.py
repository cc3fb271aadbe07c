"""Item 1: CenterFace, by a decode rule of its own, finds the right faces and landmarks, also in regions."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

import samples
from compare import Box, box_of, iou
from gateway import Gateway
from places import EXPECTED
from policies import onnx, policy
from prove import Holds

pytestmark = pytest.mark.item(1)

REFERENCE = json.loads(EXPECTED.read_text())
SERVED_FROM = 0.5  # the model.yaml's threshold
PIXELS = 2.0  # how far a landmark may be off

Points = list[tuple[float, float]]


def farthest(points: Points, others: Points) -> float:
    """The largest distance of a point from the other of its place."""
    return max(math.dist(point, other) for point, other in zip(points, others, strict=True))


@dataclass(frozen=True)
class Face:
    """A face: its score, its box, and eyes, nose and corners of the mouth in pixels of the frame."""

    score: float
    box: Box
    landmarks: Points

    def difference(self, other: "Face") -> float:
        """The largest distance of a landmark from the other's."""
        return farthest(self.landmarks, other.landmarks)


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, reference_frames: Path) -> Gateway:
    """CenterFace over the nine frames."""
    return start_shared_gateway(policy(reference_frames, {"faces": onnx("centerface")}))


def test_faces_are_those_of_the_reference(gateway: Gateway, holds: Holds) -> None:
    wanted, served, pairs = 0, 0, []
    for name, entry in REFERENCE.items():
        expected = [face for face in map(expected_face, entry["faces"]) if face.score >= SERVED_FROM]
        found = faces(gateway, uri=f"frames:{name}")
        wanted, served = wanted + len(expected), served + len(found)
        pairs += zip(expected, found, strict=False)
    holds("faces on nine frames", f"{served} of {wanted}", "all, of at least 1", served == wanted >= 1)
    overlap = min(iou(one.box, other.box) for one, other in pairs)
    score = max(abs(one.score - other.score) for one, other in pairs)
    landmark = max(one.difference(other) for one, other in pairs)
    holds("faces, least IoU", f"{overlap:.3f}", ">= 0.95", overlap >= 0.95)
    holds("faces, largest difference of score", f"{score:.4f}", "<= 0.02", score <= 0.02)
    holds("landmarks, largest distance", f"{landmark:.2f} pixels", f"<= {PIXELS:g}", landmark <= PIXELS)


def test_a_face_in_a_region_is_in_pixels_of_the_frame(gateway: Gateway, holds: Holds) -> None:
    x, y, width, height = region = (120, 10, 240, 240)
    frame = samples.reference("astronaut.png")
    [cropped] = faces(gateway, data=samples.png(frame.crop((x, y, x + width, y + height))))
    [found] = faces(gateway, data=samples.png(frame), region=region)
    moved = Face(cropped.score, shifted_box(cropped.box, x, y), shifted(cropped.landmarks, x, y))
    overlap, landmark = iou(found.box, moved.box), found.difference(moved)
    measured = f"IoU {overlap:.3f}, landmarks {landmark:.2f} pixels"
    same = overlap >= 0.95 and landmark <= PIXELS
    holds("a face in a region and in its crop", measured, ">= 0.95, <= 2", same)


def test_a_cut_face_s_box_ends_with_the_region(gateway: Gateway) -> None:
    x, y, width, height = region = (215, 40, 250, 250)
    found = faces(gateway, uri="frames:astronaut.png", region=region)
    assert found, "the half of the face is not found"
    for face in found:
        assert x <= face.box[0] <= face.box[2] <= x + width
        assert y <= face.box[1] <= face.box[3] <= y + height


def test_each_face_of_a_picture_of_several_is_found_once(gateway: Gateway) -> None:
    frame = samples.reference("astronaut.png")
    pair = frame.crop((0, 0, 1024, 512))
    pair.paste(frame, (512, 0))
    found = sorted(faces(gateway, data=samples.png(pair)), key=lambda face: face.box)
    assert len(found) == 2
    left, right = found
    assert iou(shifted_box(left.box, 512, 0), right.box) >= 0.9
    assert farthest(shifted(left.landmarks, 512, 0), right.landmarks) <= 2 * PIXELS


def faces(gateway: Gateway, **source: object) -> list[Face]:
    """The faces of one frame, best first; each must have five landmarks."""
    result = gateway.predict(**source, models=("faces",)).results[0]
    assert result.WhichOneof("outcome") == "detections", result
    found = [
        Face(item.score, box_of(item.box), [(point.x, point.y) for point in item.landmarks])
        for item in result.detections.items
    ]
    assert all(item.label == "face" for item in result.detections.items)
    assert all(len(face.landmarks) == 5 for face in found)
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)
    return found


def expected_face(item: dict) -> Face:
    """One of expected.json."""
    return Face(item["score"], tuple(item["box"]), [(x, y) for x, y in item["landmarks"]])


def shifted(points: Points, x: float, y: float) -> Points:
    """The same points in a picture whose origin lies there."""
    return [(left + x, top + y) for left, top in points]


def shifted_box(box: Box, x: float, y: float) -> Box:
    """The same box in a picture whose origin lies there."""
    return box[0] + x, box[1] + y, box[2] + x, box[3] + y
