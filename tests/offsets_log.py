"""What a group has committed, from the broker's own log of it: the topic `__consumer_offsets`."""

import struct
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Message

from ledger import Ledger
from whole_topic import read_whole

TOPIC = "__consumer_offsets"
OFFSET_KEYS = (0, 1)
GROUP_KEY = 2
"""Versions of keys, which say what a record is about."""


@dataclass(frozen=True)
class Commit:
    """A commit that the broker has taken, at its own clock in milliseconds."""

    topic: str
    partition: int
    offset: int
    at: int


class Fields:
    """Reads Kafka's binary fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def number(self, kind: str) -> int:
        """A big-endian number of this kind of `struct`."""
        (value,) = struct.unpack_from(f">{kind}", self._data, self._position)
        self._position += struct.calcsize(kind)
        return value

    def text(self) -> str:
        """A text after its length."""
        length = self.number("h")
        return self._take(length).decode()

    def compact_text(self) -> str:
        """A text of less than 127 bytes after its length and one."""
        return self._take(self.number("B") - 1).decode()

    def _take(self, length: int) -> bytes:
        self._position += length
        return self._data[self._position - length : self._position]


def commits(address: str, group: str) -> list[Commit]:
    """Every commit of the group, but those of aborted transactions, in the order of the broker."""
    found = (commit_of(message, group) for message in read_whole(address, TOPIC))
    return [commit for commit in found if commit is not None]


def commit_of(message: Message, group: str) -> Commit | None:
    """What the record says, if it is a commit of the group."""
    key = Fields(message.key())
    if key.number("h") not in OFFSET_KEYS or key.text() != group or message.value() is None:
        return None
    topic, partition = key.text(), key.number("i")
    value = Fields(message.value())
    version, offset = value.number("h"), value.number("q")
    if version >= 3:
        value.number("i")  # the leader's epoch
    value.text() if version < 4 else value.compact_text()  # metadata
    return Commit(topic, partition, offset, value.number("q"))


def generations(address: str, group: str) -> int:
    """How many generations the group has had: one more with each rebalance."""
    found = (generation_of(message, group) for message in read_whole(address, TOPIC))
    return max((generation for generation in found if generation is not None), default=0)


def generation_of(message: Message, group: str) -> int | None:
    """What the record says, if it is about the group."""
    key = Fields(message.key())
    if key.number("h") != GROUP_KEY or key.text() != group or message.value() is None:
        return None
    value = Fields(message.value())
    value.number("h")  # the version
    value.text()  # the kind of the group
    return value.number("i")


def went_back(found: list[Commit]) -> int:
    """Commits that set their partition back: made by who no longer owned it."""
    highest: dict[int, int] = defaultdict(int)
    back = 0
    for commit in found:
        back += commit.offset < highest[commit.partition]
        highest[commit.partition] = max(highest[commit.partition], commit.offset)
    return back


def ahead(found: list[Commit], ledger: Ledger, ends: Mapping[int, int], atomic: bool = False) -> int:
    """Commits that the broker took before it had every result of the records below them.

    Where both are `atomic`, of one transaction, their order says nothing: only whether the results are there.
    """
    done = {partition: ledger.done_at(partition, end) for partition, end in ends.items()}

    def early(commit: Commit) -> bool:
        times = done.get(commit.partition, [])
        if not 0 < commit.offset <= len(times):
            return commit.offset != 0
        at = times[commit.offset - 1]
        return at is None or (at > commit.at and not atomic)

    return sum(map(early, found))
