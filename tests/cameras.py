"""Cameras of the tests: records with frame references, as text and as JSON, on several topics."""

import itertools
import json
from datetime import UTC, datetime

from broker import Broker
from steady import Steady

TOPICS = ("camera_1", "camera_2", "camera_3")


class Cameras(Steady):
    """They send at a steady pace, whatever happens to who reads it."""

    def __init__(self, broker: Broker, keys: list[str], per_second: float) -> None:
        super().__init__(self._send, 1 / per_second)
        self._broker = broker
        self._keys = itertools.cycle(keys)
        self._numbers = itertools.count()

    def burst(self, count: int) -> None:
        """Sends as fast as the broker takes it; before the steady pace begins."""
        for _ in range(count):
            self._send()
        self._broker.flush()

    def stop(self) -> None:
        """Ends the steady pace; the broker has everything then."""
        super().stop()
        self._broker.flush()

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
