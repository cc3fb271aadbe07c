"""Frames as a model gets them: made to fit and normalised as model.yaml says, and as Framegate does."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from artifact import Refused
from PIL import Image

SUFFIXES = {".jpeg", ".jpg", ".png", ".webp"}
MOST = 100
"""So many frames show what there is to be seen; of more, these are taken evenly."""


@dataclass(frozen=True)
class Frame:
    """A frame's input, `[1, 3, height, width]` of f32, and where its pixels lie in the frame."""

    values: np.ndarray
    scale: np.ndarray  # frame pixels for an input pixel, along x and y
    origin: np.ndarray  # the frame's point at the input's upper left corner


@dataclass(frozen=True)
class Placement:
    """Which rectangle of a frame fills which rectangle of the input: left, top, width, height."""

    source: tuple[float, float, float, float]
    target: tuple[int, int, int, int]


def find(folder: Path) -> list[Path]:
    """The images in a folder and in those below it, in the order of their names, at most `MOST`."""
    if not folder.is_dir():
        raise Refused(f"{folder}: there is no such folder")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise Refused(f"{folder}: holds no frames: no file ends in {', '.join(sorted(SUFFIXES))}")
    step = max(len(found) / MOST, 1)
    return [found[int(place * step)] for place in range(min(len(found), MOST))]


def prepare(path: Path, spec: dict) -> Frame:
    """The input that `spec`, which is the `input` of model.yaml, makes of an image."""
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise Refused(f"{path}: cannot be decoded: {error}") from error
    size = spec["width"], spec["height"]
    placement = place(image.size, size, spec["fit"])
    left, top, width, height = placement.source
    x, y, columns, rows = placement.target
    canvas = Image.new("RGB", size, fill(spec["fit"]))
    box = (left, top, left + width, top + height)
    canvas.paste(image.resize((columns, rows), Image.Resampling.BILINEAR, box=box), (x, y))
    scale = np.array([width / columns, height / rows])
    return Frame(normalise(np.asarray(canvas), spec), scale, np.array([left, top]) - scale * [x, y])


def normalise(pixels: np.ndarray, spec: dict) -> np.ndarray:
    """`[height, width, 3]` of RGB as `[1, 3, height, width]` of the model's channels, normalised."""
    ordered = pixels[..., ::-1] if spec["channels"] == "bgr" else pixels
    mean, std = (np.asarray(spec[key], np.float32) for key in ("mean", "std"))
    values = (ordered.astype(np.float32) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def place(frame: tuple[int, int], size: tuple[int, int], fit: str | dict) -> Placement:
    """How a frame is made to fit an input; both sizes are width and height."""
    if "letterbox" in fit:
        return letterbox(frame, size)
    if "center_crop" in fit:
        return center_crop(frame, size, fit["center_crop"]["short_side"])
    return Placement((0, 0, *frame), (0, 0, *size))


def letterbox(frame: tuple[int, int], size: tuple[int, int]) -> Placement:
    ratio = min(size[0] / frame[0], size[1] / frame[1])
    columns, rows = (min(scaled(side, ratio), wanted) for side, wanted in zip(frame, size, strict=True))
    return Placement((0, 0, *frame), ((size[0] - columns) // 2, (size[1] - rows) // 2, columns, rows))


def center_crop(frame: tuple[int, int], size: tuple[int, int], short_side: int) -> Placement:
    """The same pixels as resizing the whole frame and then cutting out its middle."""
    ratio = short_side / min(frame)
    resized = [max(scaled(side, ratio), wanted) for side, wanted in zip(frame, size, strict=True)]
    steps = [side / length for side, length in zip(frame, resized, strict=True)]
    before = [(length - wanted) // 2 for length, wanted in zip(resized, size, strict=True)]
    left, top = (skipped * step for skipped, step in zip(before, steps, strict=True))
    width, height = (wanted * step for wanted, step in zip(size, steps, strict=True))
    return Placement((left, top, min(width, frame[0] - left), min(height, frame[1] - top)), (0, 0, *size))


def scaled(side: int, ratio: float) -> int:
    return max(round(side * ratio), 1)


def fill(fit: str | dict) -> tuple[int, int, int]:
    """The colour around a letterboxed frame."""
    return tuple(fit["letterbox"]["fill"]) if "letterbox" in fit else (0, 0, 0)
