"""A topic of references on Apache Kafka, fed at a steady pace."""

import threading
import time
from types import TracebackType

from confluent_kafka import KafkaError, Message, Producer


class Feed:
    """Sends references at a steady pace, each to the next partition, whatever happens to the brokers.

    It goes on until it is told to finish, and for at least so many over so many seconds.
    """

    def __init__(self, address: str, topic: str, count: int, seconds: float, partitions: int = 6) -> None:
        self.sent, self.acknowledged = 0, 0
        self.failed: list[KafkaError] = []
        self._topic, self._partitions = topic, partitions
        self._least, self._pause = count, seconds / count
        settings = {"bootstrap.servers": address, "enable.idempotence": True, "acks": "all"}
        self._producer = Producer(
            {**settings, "linger.ms": 1, "reconnect.backoff.max.ms": 500, "log_level": 0}
        )
        self._enough, self._aborted = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> "Feed":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: TracebackType | BaseException | None) -> None:
        if kind is None:
            self.finish()
        self._aborted.set()

    def finish(self) -> None:
        """Sends what is left of its least count, and waits until the brokers have acknowledged everything."""
        self._enough.set()
        self._thread.join()
        assert not self.failed, self.failed[:3]
        assert self.acknowledged == self.sent >= self._least, (
            f"{self.acknowledged} of {self.sent} acknowledged"
        )

    def _play(self) -> None:
        begin = time.monotonic()
        while self.sent < self._least or not self._enough.is_set():
            due = begin + self._pause * self.sent
            if self._aborted.wait(max(0.0, due - time.monotonic())):
                return
            self._send(self.sent)
            self.sent += 1
        self._producer.flush()

    def _send(self, number: int) -> None:
        value = f"frames:{number}".encode()
        self._producer.produce(
            self._topic, value, value, number % self._partitions, on_delivery=self._delivered
        )
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.failed.append(error)
