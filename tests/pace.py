"""How quickly a gateway serves for a while: calls, and frames from their record to their result."""

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Message

from gateway import Gateway


@dataclass
class Window:
    """A while, by the clock of the records, and how long each call took in it."""

    began: float
    ended: float = 0.0
    call_ms: list[float] = field(default_factory=list)

    @property
    def calls_per_second(self) -> float:
        """Calls that ended in it."""
        return len(self.call_ms) / (self.ended - self.began)


@dataclass(frozen=True)
class Served:
    """A result: which record's, when that was produced, and when the broker had the result."""

    id: str
    model: str
    produced: float
    kept: float

    @property
    def milliseconds(self) -> float:
        """From one to the other."""
        return (self.kept - self.produced) * 1e3


def call_for(gateway: Gateway, model: str, seconds: float, callers: int) -> Window:
    """So many clients call without a pause for so long; every call must succeed."""
    window = Window(time.time())
    until = time.monotonic() + seconds
    failures: list[Exception] = []

    def call() -> None:
        while time.monotonic() < until and not failures:
            began = time.monotonic()
            try:
                gateway.predict("frames:any", models=(model,))
            except Exception as error:
                failures.append(error)
            window.call_ms.append((time.monotonic() - began) * 1e3)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    window.ended = time.time()
    return window


def served(result: Message) -> Served:
    """Reads a result record of a topic whose timestamps are the broker's."""
    kind, milliseconds = result.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME, kind
    record = json.loads(result.value())
    assert record["classes"][0]["label"] == "simulated", record
    produced = datetime.fromisoformat(record["captured_at"]).timestamp()
    return Served(record["id"], record["model"], produced, milliseconds / 1e3)


def within(results: list[Served], window: Window) -> list[float]:
    """How long the results took, in ms, whose records were produced in the window."""
    return [each.milliseconds for each in results if window.began <= each.produced < window.ended]
