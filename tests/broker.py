"""A Kafka broker that runs, or librdkafka's mock cluster in the test, and what the test wrote to it."""

import threading
from collections import Counter
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

LIMIT = 20.0
PARTITIONS = range(4)  # of each topic that the mock cluster makes by itself


@dataclass(frozen=True)
class Position:
    """Where the broker put a record."""

    topic: str
    partition: int
    offset: int

    def id(self, model: str) -> str:
        """The name of the record's result."""
        return f"{self.topic}:{self.partition}:{self.offset}:{model}"


class Broker:
    """Without an address it is a mock cluster in this process, which lives as long as its producer."""

    def __init__(self, address: str | None = None) -> None:
        self.acknowledged: list[Position] = []
        self.failed: list[KafkaError] = []
        self._lock = threading.Lock()
        where = {"bootstrap.servers": address} if address else {"test.mock.num.brokers": 1}
        # In the order in which they were sent, also where a topic is created for the first of them.
        ordered = {"enable.idempotence": bool(address)}
        self._producer = Producer({**where, **ordered, "log_level": 3, "linger.ms": 1})
        brokers = self._producer.list_topics(timeout=LIMIT).brokers.values()
        self.address = address or ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *_: object) -> None:
        self._producer.purge()
        self._producer.flush(LIMIT)

    def create(self, topic: str) -> None:
        """Makes a topic, which the mock cluster does when one asks about it."""
        self._producer.list_topics(topic, timeout=LIMIT)

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: dict[str, bytes] | None = None,
        partition: int = -1,
        stamp_ms: int = 0,
    ) -> None:
        """Writes a record, stamped now or so; `acknowledged` grows when the broker has it."""
        self._producer.produce(
            topic, value, key, partition, on_delivery=self._delivered, timestamp=stamp_ms, headers=headers
        )
        self._producer.poll(0)

    def send_all(self, *records: tuple[str, bytes | None]) -> list[Position]:
        """Writes records one after the other; their places, in this order."""
        before = len(self.acknowledged)
        for topic, value in records:
            self.send(topic, value, key=topic.encode(), partition=0)
            self.flush()
        return self.acknowledged[before:]

    def flush(self) -> None:
        """Waits until the broker has everything."""
        left = self._producer.flush(LIMIT)
        assert not self.failed, self.failed
        assert left == 0, f"{left} records not written"

    def committed(self, group: str, topics: set[str]) -> dict[tuple[str, int], int]:
        """The offsets that the group has committed; none where it has not."""
        # One that is `read_committed` would wait for the end of transactions that a kill left open.
        consumer = self._consumer(group, {"isolation.level": "read_uncommitted"})
        try:
            asked = [TopicPartition(topic, partition) for topic in topics for partition in PARTITIONS]
            answer = consumer.committed(asked, timeout=LIMIT)
            return {(place.topic, place.partition): place.offset for place in answer if place.offset >= 0}
        finally:
            consumer.close()

    def ends(self) -> dict[tuple[str, int], int]:
        """The offset after the last acknowledged record of each partition."""
        return dict(Counter((place.topic, place.partition) for place in self.acknowledged))

    def read_all(self, topic: str) -> list[Message]:
        """Everything in a topic; nothing if there is no such topic."""
        consumer = self._consumer("reader")
        try:
            if topic not in consumer.list_topics(timeout=LIMIT).topics:
                return []
            places = [TopicPartition(topic, number, 0) for number in PARTITIONS]
            left = sum(self._length(consumer, place) for place in places)
            consumer.assign(places)
            messages: list[Message] = []
            while len(messages) < left:
                message = consumer.poll(LIMIT)
                assert message is not None, f"{left - len(messages)} records of {topic} not read"
                assert message.error() is None, message.error()
                messages.append(message)
            return messages
        finally:
            consumer.close()

    def _length(self, consumer: Consumer, place: TopicPartition) -> int:
        low, high = consumer.get_watermark_offsets(place, timeout=LIMIT)
        return high - low

    def _consumer(self, group: str, more: dict[str, str] | None = None) -> Consumer:
        settings = {"bootstrap.servers": self.address, "group.id": group, "log_level": 3, **(more or {})}
        return Consumer({**settings, "enable.auto.commit": False})

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        with self._lock:
            if error is None:
                place = Position(message.topic(), message.partition(), message.offset())
                self.acknowledged.append(place)
            else:
                self.failed.append(error)
