"""Cameras at a steady pace, each with its own sequence, and the ages of the frames that are served."""

import json
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from broker import Broker
from process import percentile


class Players:
    """Each of so many cameras sends `per_second` records for `seconds`, spread evenly in time."""

    def __init__(self, broker: Broker, topic: str, cameras: int, per_second: float, seconds: float) -> None:
        self._broker, self._topic = broker, topic
        self.cameras = [f"camera_{number:02}" for number in range(cameras)]
        self.count = round(cameras * per_second * seconds)
        self._pause = seconds / self.count
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> "Players":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def playing(self) -> bool:
        """Whether there is more to come."""
        return self._thread.is_alive()

    def _play(self) -> None:
        began = time.monotonic()
        for number in range(self.count):
            if self._stopped.wait(max(0.0, began + number * self._pause - time.monotonic())):
                return
            self._send(number)
        self._broker.flush()

    def _send(self, number: int) -> None:
        sequence, camera = divmod(number, len(self.cameras))
        name = self.cameras[camera]
        record = {
            "uri": f"frames:{name}/{sequence:06}.jpg",
            "camera_id": name,
            "captured_at": datetime.now(UTC).isoformat(),
            "sequence": sequence,
        }
        self._broker.send(self._topic, json.dumps(record).encode(), key=name.encode())


class Ages:
    """Reads a file of results as it grows: how old each frame is when its result can be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self.seconds: list[float] = []

    def look(self) -> None:
        """Takes in what was written since the last look."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        now = datetime.now(UTC)
        for line in whole.splitlines():
            captured_at = datetime.fromisoformat(json.loads(line)["captured_at"])
            self.seconds.append((now - captured_at).total_seconds())

    def percentile(self, percent: float) -> float:
        """So many percent of the frames were at most this old."""
        return percentile(self.seconds, percent)
