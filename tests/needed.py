"""What a test needs beyond crates, PyPI, npm and Debian."""

import os

import pytest


def require(problem: str | None) -> None:
    """Skips the test, by the name of what is missing; in CI it fails."""
    if problem is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(problem)
    pytest.skip(problem)
