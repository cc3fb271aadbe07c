"""Whether the servers do the same job: the class of each frame."""

from asking import WrongAnswer

LEAST = 50
"""Frames of 64 on which Framegate and a peer agree. What these streets show is none of the model's classes,
and its two best are often a few hundredths apart. Framegate resizes with an antialiasing filter, peers with
the quickest of OpenCV, whose filters agree with each other on no more frames."""
KINDS = 10
"""So many classes at least: a server that always answers the same is found."""


class Agreement:
    """What each server has answered, and on how many frames the first of them agrees with it."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, list[int]]] = {}
        self.same: dict[str, int] = {}

    def check(self, name: str, code: str, classes: list[int]) -> None:
        """Raises `WrongAnswer` if it does another job than a server before it.

        Those that do it by the same code agree on all frames.
        """
        if len(set(classes)) < KINDS:
            raise WrongAnswer(f"all of its classes are {sorted(set(classes))}")
        for other, (other_code, others) in self._seen.items():
            same = sum(one == another for one, another in zip(classes, others, strict=True))
            if same < (len(classes) if code == other_code else LEAST):
                raise WrongAnswer(f"only {same} of {len(classes)} frames have the class that {other} says")
        self._seen.setdefault(name, (code, classes))
        _, (_, first) = next(iter(self._seen.items()))
        self.same[name] = sum(one == another for one, another in zip(classes, first, strict=True))
