"""Something that is done again and again beside a test."""

import threading
from collections.abc import Callable


class Steady:
    """Does `action` every `pause` s beside its `with` block, at whose end a failure is raised."""

    def __init__(self, action: Callable[[], None], pause: float) -> None:
        self._action, self._pause = action, pause
        self._failures: list[Exception] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Steady":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._failures:
            raise self._failures[0]

    def stop(self) -> None:
        """Ends it; nothing is under way then."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            try:
                self._action()
            except Exception as failure:
                self._failures.append(failure)
                return
