"""The topics of a running Kafka cluster: made as a test wants them, and read back whole."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from broker import Position
from waiting import wait_until
from whole_topic import read_whole

LIMIT = 30.0
NO_COORDINATOR = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)

Place = tuple[str, int]


class Topics:
    """An administrator's view of a cluster."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 3})

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

    def committed(self, group: str, *names: str) -> int:
        """The sum of what the group has committed in topics."""
        with closing(self._consumer(group)) as asker:
            return committed(asker, self.places(*names))

    def wait_until_committed(self, group: str, *names: str, timeout: float = 90.0) -> None:
        """Waits until the group has committed all that is in topics now."""
        end, places = sum(self.ends(*names).values()), self.places(*names)
        with closing(self._consumer(group)) as asker:
            wait_until(f"{end} records committed", lambda: committed(asker, places) == end, timeout)

    def members(self, group: str) -> list[str]:
        """The ids that the group's members have now; who is evicted and comes back has another."""
        answer = self._admin.describe_consumer_groups([group])[group].result(LIMIT)
        return sorted(member.member_id for member in answer.members)

    def read(self, name: str) -> list[Message]:
        """Everything in a topic."""
        return list(self.stream(name))

    def stream(self, name: str) -> Iterator[Message]:
        """Everything in a topic, for one that is large."""
        return read_whole(self.address, name)

    def _served(self, names: tuple[str, ...]) -> bool:
        """Whether each of their partitions has a leader that answers."""
        try:
            return len(self.ends(*names)) >= len(names)
        except (KafkaException, KeyError):
            return False

    def _consumer(self, group: str) -> Consumer:
        settings = {"bootstrap.servers": self.address, "group.id": group, "log_level": 3}
        return Consumer({**settings, "enable.auto.commit": False})


def committed(asker: Consumer, places: list[Place]) -> int:
    """The sum of what the asker's group has committed; 0 while it has no coordinator yet."""
    try:
        answer = asker.committed([TopicPartition(*place) for place in places], timeout=LIMIT)
    except KafkaException as error:
        if error.args[0].code() in NO_COORDINATOR:
            return 0
        raise
    return sum(max(0, place.offset) for place in answer)


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
