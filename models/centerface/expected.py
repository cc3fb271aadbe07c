"""Writes what CenterFace finds on the reference frames into tests/expected.json, as `faces` of each frame.

usage: python models/centerface/expected.py MODEL.onnx FRAMES EXPECTED.json

It shares no code with Framegate: the tests compare the two. A face is every centre of score 0.35 and more, after
non-maximum suppression at an IoU of 0.3. Box and landmarks are in pixels of the frame; the box is cut at its edges.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

SIDE = 480
STRIDE = 4
SCORE = 0.35
IOU = 0.3


def main(model: Path, frames: Path, expected: Path) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    entries = json.loads(expected.read_text())
    for name, entry in entries.items():
        entry["faces"] = faces(session, Image.open(frames / name).convert("RGB"))
    expected.write_text(json.dumps(entries, indent=1) + "\n")


def faces(session: onnxruntime.InferenceSession, image: Image.Image) -> list[dict]:
    """The faces of an image, best first."""
    pixels, ratio, corner = letterbox(image)
    names = ["heatmap", "scale", "offset", "landmarks"]
    outputs = session.run(names, {"image": pixels.transpose(2, 0, 1)[None]})
    scores, boxes, landmarks = decode(*(output[0] for output in outputs))
    chosen = suppress(scores, boxes)
    boxes = np.clip((boxes - np.tile(corner, 2)) / ratio, 0, np.tile(image.size, 2))
    landmarks = (landmarks - corner) / ratio
    return [describe(scores[face], boxes[face], landmarks[face]) for face in chosen]


def letterbox(image: Image.Image) -> tuple[np.ndarray, float, np.ndarray]:
    """The model's input [SIDE, SIDE, 3] with black borders, its pixels for one of the image, and the image's corner."""
    ratio = min(SIDE / image.width, SIDE / image.height)
    size = round(image.width * ratio), round(image.height * ratio)
    corner = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    canvas = Image.new("RGB", (SIDE, SIDE))
    canvas.paste(image.resize(size, Image.Resampling.BILINEAR), corner)
    return np.asarray(canvas, np.float32), ratio, np.array(corner)


def decode(heatmap: np.ndarray, scale: np.ndarray, offset: np.ndarray, landmarks: np.ndarray) -> tuple:
    """Scores [F], boxes [F, 4] and landmarks [F, 5, 2] as x, y in pixels of the input."""
    rows, columns = np.nonzero(heatmap[0] >= SCORE)
    size = np.exp(scale[::-1, rows, columns]).T * STRIDE
    centre = (np.stack([columns, rows]) + 0.5 + offset[::-1, rows, columns]).T * STRIDE
    corner = centre - size / 2
    points = landmarks[:, rows, columns].reshape(5, 2, -1)[:, ::-1].transpose(2, 0, 1)
    boxes = np.concatenate([corner, corner + size], axis=1)
    return heatmap[0, rows, columns], boxes, points * size[:, None] + corner[:, None]


def suppress(scores: np.ndarray, boxes: np.ndarray) -> list[int]:
    """The indices of the boxes that stay, best first."""
    chosen: list[int] = []
    for face in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[face], boxes[better]) <= IOU for better in chosen):
            chosen.append(int(face))
    return chosen


def iou(one: np.ndarray, other: np.ndarray) -> float:
    shared = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None).prod()
    return shared / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared)


def describe(score: float, box: np.ndarray, landmarks: np.ndarray) -> dict:
    return {
        "label": "face",
        "score": round(float(score), 4),
        "box": np.round(box.astype(float), 1).tolist(),
        "landmarks": np.round(landmarks.astype(float), 1).tolist(),
    }


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
