"""What a variant costs in accuracy: how its answers to the same frames differ from those of its original."""

from collections.abc import Callable

import numpy as np
from artifact import Artifact
from detections import detect, same
from frames import Frame

Outputs = dict[str, np.ndarray]
Answer = tuple[Frame, Outputs, Outputs]
"""A frame, what the original answers, and what the variant does."""

Line = tuple[str, str]
"""What was compared, and how much it differs."""


def compare(artifact: Artifact, answers: list[Answer]) -> list[Line]:
    """The lines to print for the artifact's task."""
    return TASKS[artifact.task](artifact, answers)


def classification(artifact: Artifact, answers: list[Answer]) -> list[Line]:
    name = artifact.outputs["scores"]
    pairs = [(original[name], variant[name]) for _, original, variant in answers]
    leads = [one.max() - one[other.argmax()] for one, other in pairs if one.argmax() != other.argmax()]
    difference = max(abs(one.max() - other[one.argmax()]) for one, other in pairs)
    lines = [
        ("best class the same", f"{len(pairs) - len(leads)} of {len(pairs)}"),
        ("where it is not, the original's lead of its best class", f"at most {max(leads, default=0.0):.4f}"),
        ("score of the original's best class, largest difference", f"{difference:.4f}"),
    ]
    return lines + (embedding(artifact, answers) if "embedding" in artifact.outputs else [])


def embedding(artifact: Artifact, answers: list[Answer]) -> list[Line]:
    return [cosine(artifact.outputs["embedding"], "embedding", answers)]


def detection(artifact: Artifact, answers: list[Answer]) -> list[Line]:
    found = [(detect(artifact, one, frame), detect(artifact, other, frame)) for frame, one, other in answers]
    total = sum(len(ones) for ones, _ in found)
    close, near = ([same(*pair, overlap) for pair in found] for overlap in (0.9, 0.75))
    new = sum(len(others) - len(pairs) for (_, others), pairs in zip(found, near, strict=True))
    differences = [abs(one.score - other.score) for pairs in near for one, other in pairs]
    return [
        ("detections found again, IoU 0.9", f"{sum(map(len, close))} of {total}"),
        ("detections found again, IoU 0.75", f"{sum(map(len, near))} of {total}"),
        ("detections that the original does not have", f"{new}"),
        ("score of those found again, largest difference", f"{max(differences, default=0.0):.4f}"),
    ]


def tensors(artifact: Artifact, answers: list[Answer]) -> list[Line]:
    _, first, _ = answers[0]
    return [cosine(name, f"`{name}`", answers) for name in artifact.outputs or first]


def cosine(name: str, what: str, answers: list[Answer]) -> Line:
    """How alike an output is in direction, at worst."""
    pairs = [(one[name].ravel(), other[name].ravel()) for _, one, other in answers]
    alike = [one @ other / max(np.linalg.norm(one) * np.linalg.norm(other), 1e-12) for one, other in pairs]
    return f"{what}, least cosine", f"{min(alike):.4f}"


TASKS: dict[str, Callable[[Artifact, list[Answer]], list[Line]]] = {
    "classification": classification,
    "detection": detection,
    "embedding": embedding,
    "tensors": tensors,
}
