"""Cameras of the tests: records with frame references, as text and as JSON, on several topics."""

import itertools
import json
import threading
from datetime import UTC, datetime

from broker import Broker

TOPICS = ("camera_1", "camera_2", "camera_3")


class Cameras:
    """They send at a steady pace in the background, whatever happens to who reads it."""

    def __init__(self, broker: Broker, keys: list[str], per_second: float) -> None:
        self._broker = broker
        self._keys = itertools.cycle(keys)
        self._numbers = itertools.count()
        self._pause = 1 / per_second
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> "Cameras":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def burst(self, count: int) -> None:
        """Sends as fast as the broker takes it; before the steady pace begins."""
        for _ in range(count):
            self._send()
        self._broker.flush()

    def stop(self) -> None:
        """Ends the steady pace; the broker has everything then."""
        self._stopped.set()
        self._thread.join()
        self._broker.flush()

    def _play(self) -> None:
        while not self._stopped.wait(self._pause):
            self._send()

    def _send(self) -> None:
        number = next(self._numbers)
        uri = f"frames:{next(self._keys)}"
        as_json = {
            "uri": uri,
            "captured_at": datetime.now(UTC).isoformat(),
            "sequence": number,
            "more": [None],
        }
        value = uri if number % 2 else json.dumps(as_json)
        self._broker.send(TOPICS[number % len(TOPICS)], value.encode())
