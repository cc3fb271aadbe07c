"""Waiting for what other processes do: conditions with deadlines, never a bare sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PAUSE = 0.02


def wait_until(what: str, condition: Callable[[], T], timeout: float = 20.0, pause: float = PAUSE) -> T:
    """Asks `condition` every `pause` s until it answers something true, and returns that."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}; last seen: {answer!r}")
        time.sleep(pause)
