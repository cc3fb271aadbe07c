"""A site for a run with failpoints: records with real frames and a few bad ones, and what became of them."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition

import samples
from broker import PARTITIONS, Broker, Position
from offsets_log import Commit, commits
from policies import policy, simulated
from topics import Topics, header

MODEL = "classifier"
RECORDS = 320
BAD_EVERY = 16
LIMIT = 20.0


@dataclass(frozen=True)
class Outcome:
    """How a record ended first, and when the broker wrote that down (ms)."""

    reason: str
    at: int


@dataclass(frozen=True)
class Ledger:
    """What the broker holds of a site."""

    taken_in: list[Position]
    outcomes: dict[Position, Outcome]
    commits: list[Commit]

    def lost(self) -> list[Position]:
        """Records without an outcome."""
        return [place for place in self.taken_in if place not in self.outcomes]

    def lost_for_good(self) -> list[Position]:
        """Records without an outcome that nobody will read again."""
        ends = {(commit.topic, commit.partition): commit.offset for commit in self.commits}
        return [place for place in self.lost() if place.offset < ends.get((place.topic, place.partition), 0)]

    def premature(self) -> list[Commit]:
        """Commits that came before the outcome of a record below them."""
        by_partition: dict[tuple[str, int], list[Position]] = {}
        for place in self.taken_in:
            by_partition.setdefault((place.topic, place.partition), []).append(place)
        return [one for one in self.commits if not self._backed(one, by_partition[one.topic, one.partition])]

    def _backed(self, commit: Commit, places: list[Position]) -> bool:
        below = (self.outcomes.get(place) for place in places if place.offset < commit.offset)
        return all(outcome is not None and outcome.at <= commit.at for outcome in below)

    def reasons(self) -> Counter[str]:
        """How many records ended how: a reason, or nothing for a result."""
        return Counter(outcome.reason for outcome in self.outcomes.values())


class Site:
    """Topics and a group of its own on a broker that others use too."""

    def __init__(self, address: str, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self._broker = Broker(address)
        self._topics = {part: f"failpoints_{name}_{part}" for part in ("in", "results", "dead")}
        self.group = f"failpoints_{name}"
        # It asks in the group's name and never joins.
        self._observer = Consumer({"bootstrap.servers": address, "group.id": self.group, "log_level": 3})
        self._create_topics()
        self._send()

    def policy(self) -> dict:
        """Fetches and decodes each frame, and takes a second for all of them."""
        address = self._broker.address
        rule = {
            "kafka": {"brokers": address, "topics": f"^{self._topics['in']}$", "group": self.group},
            "models": [MODEL],
            "group_instance_id": "failpoints-1",
            "session_timeout": "6s",
            "commit_interval": "25ms",
            "retries": {"attempts": 5, "backoff": "20ms"},
            "dead_letter": {"topic": self._topics["dead"]},
        }
        models = {MODEL: simulated("20ms", fetch=True, max_batch_size=8)}
        sink = {"kafka": {"brokers": address, "topic": self._topics["results"]}}
        return policy(self.folder / "bucket", models, ingest=[rule], sinks=[sink])

    def committed(self) -> dict[tuple[str, int], int]:
        """What the group has committed."""
        asked = [TopicPartition(self._topics["in"], number) for number in PARTITIONS]
        places = self._observer.committed(asked, timeout=LIMIT)
        return {(place.topic, place.partition): place.offset for place in places if place.offset >= 0}

    def ends(self) -> dict[tuple[str, int], int]:
        """What it will have committed once everything has an outcome."""
        return self._broker.ends()

    def written(self) -> tuple[int, ...]:
        """How far the topics of outcomes have grown."""
        topics = (self._topics["results"], self._topics["dead"])
        places = [TopicPartition(topic, number) for topic in topics for number in PARTITIONS]
        return tuple(self._observer.get_watermark_offsets(place, timeout=LIMIT)[1] for place in places)

    def close(self) -> None:
        """Lets go of the broker."""
        self._observer.close()

    def ledger(self) -> Ledger:
        """What there is now."""
        ends = [(place_of_result(message), outcome_of(message, "")) for message in self._messages("results")]
        for message in self._messages("dead"):
            ends.append(
                (place_of_dead_letter(message), outcome_of(message, header(message, "framegate-reason")))
            )
        return Ledger(self._broker.acknowledged, first(ends), commits(self._broker.address, self.group))

    def _messages(self, part: str) -> list[Message]:
        return self._broker.read_all(self._topics[part])

    def _create_topics(self) -> None:
        # The broker's own clock, which stamps the commits too.
        topics = Topics(self._broker.address)
        topics.create(
            *self._topics.values(), partitions=len(PARTITIONS), message_timestamp_type="LogAppendTime"
        )

    def _send(self) -> None:
        bucket = self.folder / "bucket"
        bucket.mkdir(parents=True)
        keys = samples.write_numbered(bucket, 8, 64, 48, "jpg")
        (bucket / "bad.jpg").write_bytes(b"no picture")
        good = itertools.cycle(keys)
        for number in range(RECORDS):
            key = "bad.jpg" if number % BAD_EVERY == 0 else next(good)
            self._broker.send(
                self._topics["in"], f"frames:{key}".encode(), partition=number % len(PARTITIONS)
            )
        self._broker.flush()


def first(ends: Iterable[tuple[Position, Outcome]]) -> dict[Position, Outcome]:
    """The first outcome of each record; a record that was read twice may have more."""
    outcomes: dict[Position, Outcome] = {}
    for place, outcome in ends:
        known = outcomes.get(place)
        if known is None or outcome.at < known.at:
            outcomes[place] = outcome
    return outcomes


def outcome_of(message: Message, reason: str) -> Outcome:
    """A result or dead letter, as the broker has it."""
    return Outcome(reason, message.timestamp()[1])


def place_of_result(message: Message) -> Position:
    """The record that a result is of."""
    topic, partition, offset, _model = header(message, "id").rsplit(":", 3)
    return Position(topic, int(partition), int(offset))


def place_of_dead_letter(message: Message) -> Position:
    """The record that a dead letter is of."""
    topic, partition, offset = (
        header(message, f"framegate-{name}") for name in ("topic", "partition", "offset")
    )
    return Position(topic, int(partition), int(offset))
