"""The topics of a running Kafka cluster: made as a test wants them, and read back whole."""

from collections.abc import Iterator
from concurrent.futures import Future

from confluent_kafka import (
    Consumer,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from broker import Position
from waiting import wait_until

LIMIT = 30.0
CHUNK = 1000

Place = tuple[str, int]


class Topics:
    """An administrator's view of a cluster."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 3})
        self._askers: dict[str, Consumer] = {}

    def create(self, *names: str, partitions: int = 1, **settings: str) -> None:
        """Makes topics; `settings` are theirs, with `_` for each dot."""
        config = {name.replace("_", "."): value for name, value in settings.items()}
        wanted = [NewTopic(name, partitions, config=config) for name in names]
        wait_for(self._admin.create_topics(wanted))
        wait_until("the topics are served", lambda: self._served(names), timeout=LIMIT)

    def delete(self, *names: str) -> None:
        """Removes topics."""
        wait_for(self._admin.delete_topics(list(names)))

    def places(self, *names: str) -> list[Place]:
        """The partitions of topics."""
        known = self._admin.list_topics(timeout=LIMIT).topics
        return [(name, number) for name in names for number in known[name].partitions]

    def ends(self, *names: str) -> dict[Place, int]:
        """The offset after the last record of each partition."""
        asked = {TopicPartition(*place): OffsetSpec.latest() for place in self.places(*names)}
        answers = self._admin.list_offsets(asked)
        return {
            (place.topic, place.partition): answer.result(LIMIT).offset for place, answer in answers.items()
        }

    def committed(self, group: str, *names: str) -> dict[Place, int]:
        """What the group has committed; 0 where it has not."""
        asked = [TopicPartition(*place) for place in self.places(*names)]
        asker = self._askers.get(group) or self._askers.setdefault(group, self._consumer(group))
        answer = asker.committed(asked, timeout=LIMIT)
        return {(place.topic, place.partition): max(0, place.offset) for place in answer}

    def members(self, group: str) -> list[str]:
        """The ids that the group's members have now; who is evicted and comes back has another."""
        answer = self._admin.describe_consumer_groups([group])[group].result(LIMIT)
        return sorted(member.member_id for member in answer.members)

    def read(self, name: str) -> list[Message]:
        """Everything in a topic."""
        return list(self.stream(name))

    def stream(self, name: str) -> Iterator[Message]:
        """Everything in a topic, for one that is large."""
        ends = {place: end for place, end in self.ends(name).items() if end > 0}
        consumer = self._consumer("reader")
        try:
            consumer.assign([TopicPartition(*place, 0) for place in ends])
            yield from read_to(consumer, sum(ends.values()))
        finally:
            consumer.close()

    def _served(self, names: tuple[str, ...]) -> bool:
        """Whether each of their partitions has a leader that answers."""
        try:
            return len(self.ends(*names)) >= len(names)
        except (KafkaException, KeyError):
            return False

    def _consumer(self, group: str) -> Consumer:
        settings = {"bootstrap.servers": self.address, "group.id": group, "log_level": 3}
        return Consumer({**settings, "enable.auto.commit": False})


def read_to(consumer: Consumer, count: int) -> Iterator[Message]:
    """So many records of what is assigned."""
    left = count
    while left:
        some = consumer.consume(min(CHUNK, left), LIMIT)
        assert some, f"{left} of {count} records not read"
        left -= len(some)
        for message in some:
            assert message.error() is None, message.error()
            yield message


def position(message: Message) -> Position:
    """Where a record is."""
    return Position(message.topic(), message.partition(), message.offset())


def header(message: Message, name: str) -> str:
    """The one header of that name."""
    values = [value for key, value in message.headers() or [] if key == name]
    assert len(values) == 1, f"{name} in {message.headers()}"
    return values[0].decode()


def wait_for(answers: dict[object, Future]) -> None:
    """Waits until everything that was asked for is done."""
    for answer in answers.values():
        answer.result(LIMIT)
