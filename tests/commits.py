"""Every commit that a broker has taken, in the order of its clock: its topic of committed offsets, read as it stands."""

import struct
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, TopicPartition

OFFSETS = "__consumer_offsets"
OFFSET_KEYS = (0, 1)
"""The versions of keys that name a partition; others name groups."""
LIMIT = 20.0


@dataclass(frozen=True)
class Commit:
    """The offset of the next record to be read, and when the broker wrote it down (ms)."""

    topic: str
    partition: int
    offset: int
    at: int


def commits(address: str, group: str) -> list[Commit]:
    """All commits of the group. Compaction leaves the newest part of a log alone, so in a young broker none is missing."""
    found = (parse(message, group) for message in read(address))
    return sorted((commit for commit in found if commit), key=lambda commit: commit.at)


def parse(message: Message, group: str) -> Commit | None:
    """A commit of the group; none if the message is another's, of a group itself, or says that one was forgotten."""
    key, value = message.key(), message.value()
    if value is None or struct.unpack_from(">h", key)[0] not in OFFSET_KEYS:
        return None
    owner, place = text(key, 2)
    topic, place = text(key, place)
    if owner != group:
        return None
    (partition,) = struct.unpack_from(">i", key, place)
    _version, offset = struct.unpack_from(">hq", value)
    return Commit(topic, partition, offset, message.timestamp()[1])


def text(data: bytes, place: int) -> tuple[str, int]:
    """A string with its length before it, and the place after it."""
    (length,) = struct.unpack_from(">h", data, place)
    end = place + 2 + length
    return data[place + 2 : end].decode(), end


def read(address: str) -> list[Message]:
    """The whole topic."""
    settings = {"bootstrap.servers": address, "group.id": "reader", "enable.auto.commit": False, "log_level": 3}
    consumer = Consumer({**settings, "enable.partition.eof": True})
    try:
        numbers = consumer.list_topics(OFFSETS, timeout=LIMIT).topics[OFFSETS].partitions
        consumer.assign([TopicPartition(OFFSETS, number, 0) for number in numbers])
        messages, open_ends = [], len(numbers)
        while open_ends:
            message = consumer.poll(LIMIT)
            assert message is not None, f"{OFFSETS} not read to its end"
            if message.error() is None:
                messages.append(message)
            else:
                open_ends -= 1  # the end of a partition
        return messages
    finally:
        consumer.close()
