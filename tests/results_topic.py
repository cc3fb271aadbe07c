"""The results that gateways write to a topic of Apache Kafka, booked while they come."""

import threading

from confluent_kafka import KafkaError, Message

from ledger import Ledger
from topics import Topics
from whole_topic import ends, places, reader


class Results:
    """Makes a topic for results, and books them as a `read_committed` reader sees them."""

    def __init__(self, address: str, topic: str, models: list[str]) -> None:
        # They carry the broker's time, which is compared with that of the commits.
        Topics(address).create(topic, partitions=3, message_timestamp_type="LogAppendTime")
        self.ledger, self.topic = Ledger(models), topic
        self._consumer = reader(address)
        self._consumer.assign(places(self._consumer, topic))
        self._read_to: dict[int, int] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Results":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._consumer.close()

    def count(self) -> int:
        """How many were read so far, repeats included."""
        return self.ledger.seen.total()

    def stop(self) -> None:
        """Reads to the end of the topic, to which nothing is written any more, and no further."""
        self._stopped.set()
        self._thread.join()

    def _read(self) -> None:
        while not (self._stopped.is_set() and self._at_end()):
            for message in self._consumer.consume(500, 0.1):
                if message.error() is None:
                    self.ledger.book(id_of(message), message.timestamp()[1])
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    self._read_to[message.partition()] = message.offset()

    def _at_end(self) -> bool:
        found = ends(self._consumer, self.topic)
        return all(self._read_to.get(partition, 0) >= end for partition, end in found.items())


def id_of(message: Message) -> str:
    """The id of a result, from its header."""
    return dict(message.headers())["id"].decode()
