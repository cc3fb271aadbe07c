"""Whether two sets of detections agree. Written without looking at how the gateway does it."""

from collections.abc import Iterable
from dataclasses import dataclass

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Found:
    """One detection: label, score, and x_min, y_min, x_max, y_max in pixels."""

    label: str
    score: float
    box: Box

    def moved(self, x: float, y: float) -> "Found":
        """The same, in a picture whose origin lies there."""
        x_min, y_min, x_max, y_max = self.box
        return Found(self.label, self.score, (x_min + x, y_min + y, x_max + x, y_max + y))


@dataclass(frozen=True)
class Rules:
    """When two detections are the same."""

    iou: float
    score: float

    def same(self, one: Found, other: Found) -> bool:
        return (
            one.label == other.label
            and iou(one.box, other.box) >= self.iou
            and abs(one.score - other.score) <= self.score
        )


def iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = area(one) + area(other) - shared
    return shared / union if union > 0 else 0.0


def area(box: Box) -> float:
    """Of a box, in square pixels."""
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def match(wanted: Iterable[Found], available: Iterable[Found], rules: Rules) -> list[tuple[Found, Found]]:
    """Pairs of the same detection, each used once; best overlap first."""
    candidates = [
        (iou(one.box, other.box), one, other)
        for one in wanted
        for other in available
        if rules.same(one, other)
    ]
    pairs: list[tuple[Found, Found]] = []
    for _, one, other in sorted(candidates, key=lambda candidate: -candidate[0]):
        if all(one is not used and other is not taken for used, taken in pairs):
            pairs.append((one, other))
    return pairs


def expected_detections(entry: dict) -> list[Found]:
    """Those of a frame in expected.json."""
    return [Found(item["label"], item["score"], tuple(item["box"])) for item in entry["detections"]]


def served_detections(result: object) -> list[Found]:
    """Those of a ModelResult, which must hold detections."""
    assert result.WhichOneof("outcome") == "detections", result
    return [Found(item.label, item.score, box_of(item.box)) for item in result.detections.items]


def box_of(box: object) -> Box:
    """A Box message."""
    return (box.x_min, box.y_min, box.x_max, box.y_max)
