"""Reads a topic of Apache Kafka from its beginning to where it ends, past the markers of transactions."""

from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from waiting import wait_until

LIMIT = 30.0
CHUNK = 1000


def reader(address: str, isolation: str = "read_committed", group: str = "reader") -> Consumer:
    """A consumer that commits nothing and tells when it has come to an end."""
    return Consumer(
        {
            "bootstrap.servers": address,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


def places(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """The beginnings of the topic's partitions, which a broker knows only a while after it was made."""
    found = wait_until(topic, lambda: consumer.list_topics(topic, timeout=LIMIT).topics[topic].partitions)
    return [TopicPartition(topic, number, OFFSET_BEGINNING) for number in sorted(found)]


def ends(consumer: Consumer, topic: str) -> dict[int, int]:
    """How many records each partition of a topic holds from which none was removed."""
    found = {}
    for place in places(consumer, topic):
        _, found[place.partition] = consumer.get_watermark_offsets(place, timeout=LIMIT)
    return found


def read_whole(address: str, topic: str) -> Iterator[Message]:
    """Every committed record that the topic holds now."""
    consumer = reader(address)
    try:
        found = places(consumer, topic)
        consumer.assign(found)
        left = {place.partition for place in found}
        while left:
            for message in wait_until(f"the end of {topic}", lambda: consumer.consume(CHUNK, 0.5), LIMIT):
                if message.error() is None:
                    yield message
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
    finally:
        consumer.close()
