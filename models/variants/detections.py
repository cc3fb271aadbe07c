"""What a detector's outputs say, by the rules of docs/models.md, and which of two detections are the same."""

from dataclasses import dataclass

import numpy as np
from artifact import Artifact
from frames import Frame


@dataclass(frozen=True)
class Detection:
    """An object: the index of its class, its score, and its box in pixels of the frame."""

    label: int
    score: float
    box: np.ndarray  # x_min, y_min, x_max, y_max


def detect(artifact: Artifact, outputs: dict[str, np.ndarray], frame: Frame) -> list[Detection]:
    """What is answered for a frame, best first."""
    about = artifact.description
    tensors = {role: outputs[name] for role, name in artifact.outputs.items()}
    rule = about.get("decode", "boxes")
    scores, boxes = anchors(tensors) if rule == "boxes" else cells(tensors, rule["center_points"])
    labels, best = scores.argmax(axis=1), scores.max(axis=1)
    wanted = [
        place
        for place in np.argsort(-best, kind="stable")
        if best[place] >= about.get("score_threshold", 0.35)
    ]
    kept: list[int] = []
    for place in wanted:
        rivals = [other for other in kept if labels[other] == labels[place]]
        if all(iou(boxes[place], boxes[other]) <= about.get("iou_threshold", 0.5) for other in rivals):
            kept.append(place)
    in_frame = boxes * np.tile(frame.scale, 2) + np.tile(frame.origin, 2)
    return [Detection(int(labels[place]), float(best[place]), in_frame[place]) for place in kept]


def anchors(tensors: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Scores [A, classes] and boxes [A, 4] in pixels of the input, of `decode: boxes`."""
    return tensors["scores"], tensors["boxes"]


def cells(tensors: dict[str, np.ndarray], rule: dict) -> tuple[np.ndarray, np.ndarray]:
    """The same of `decode: center_points`, an anchor for each cell."""
    classes, rows, columns = tensors["heatmap"].shape
    order = [1, 0] if rule["axes"] == "yx" else [0, 1]
    scale, offset = (tensors[role][order].reshape(2, -1).T for role in ("scale", "offset"))
    y, x = np.mgrid[:rows, :columns].reshape(2, -1)
    start = 0.5 if rule["offset_from"] == "center" else 0.0
    center = (np.stack([x, y], axis=1) + start + offset) * rule["stride"]
    side = (np.exp(scale) if rule["size"] == "exponential" else np.maximum(scale, 0)) * rule["stride"]
    return tensors["heatmap"].reshape(classes, -1).T, np.concatenate(
        [center - side / 2, center + side / 2], axis=1
    )


def same(ones: list[Detection], others: list[Detection], overlap: float) -> list[tuple[Detection, Detection]]:
    """Pairs of one class that overlap so much, each in one pair, the best overlap first."""
    pairs = [(iou(one.box, other.box), i, j) for i, one in enumerate(ones) for j, other in enumerate(others)]
    chosen: list[tuple[int, int]] = []
    for shared, i, j in sorted(pairs, reverse=True):
        free = all(i != used and j != taken for used, taken in chosen)
        if shared >= overlap and free and ones[i].label == others[j].label:
            chosen.append((i, j))
    return [(ones[i], others[j]) for i, j in chosen]


def iou(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    shared = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    union = (one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared
    return float(shared / union) if union > 0 else 0.0
