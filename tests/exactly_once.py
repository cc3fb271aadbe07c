"""What readers see of topics that are written in transactions."""

from collections import Counter

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from broker import Broker
from kafka_server import KafkaServer
from policies import ingest, policy, simulated

LIMIT = 20.0
AWAY = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._WAIT_COORD,
}
MODELS = ["one", "two"]
KINDS = [*4 * [b"frames:any"], b"\xff\xfe", b"{", b"frames:any", b"{}"]  # three of eight cannot be read


class Site:
    """Topics, group and policy of one test on a broker."""

    def __init__(self, server: KafkaServer, name: str) -> None:
        self.server, self.name = server, name
        self.broker = Broker(server.address)
        self.group, self.results, self.dead = f"{name}-group", f"{name}-results", f"{name}-dead"
        self.topics = {f"{name}_camera_{number}" for number in range(3)}
        for topic in (*self.topics, self.results, self.dead):
            self.broker.create(topic)

    def feed(self, count: int) -> None:
        """Writes records to the three topics, a few of which cannot be read."""
        topics = sorted(self.topics)
        for number in range(count):
            self.broker.send(topics[number % 3], KINDS[number // 3 % len(KINDS)], partition=0)
        self.broker.flush()

    def policy(self, instance: object = "one", **fields: object) -> dict:
        """Two models of different speed, fed exactly once, and dead letters."""
        models = {"one": simulated("2ms", max_batch_size=16), "two": simulated("5ms", max_batch_size=4)}
        rule = ingest(
            self.server.address,
            MODELS,
            **{
                "kafka": {"brokers": self.server.address, "topics": sorted(self.topics), "group": self.group},
                "delivery": "exactly_once",
                "group_instance_id": instance,
                "dead_letter": {"topic": self.dead},
                "retries": {"attempts": 1},
                **fields,
            },
        )
        kafka = {"brokers": self.server.address, "topic": self.results}
        return policy(models=models, ingest=[rule], sinks=[{"kafka": kafka}])

    def is_committed(self) -> bool:
        """Whether the group has committed all that was sent."""
        return self.offsets() == self.broker.ends()

    def committed(self) -> int:
        """The records below the committed offsets."""
        return sum(self.offsets().values())

    def offsets(self) -> dict[tuple[str, int], int]:
        """The committed offsets; none while no coordinator of the group is known or answers."""
        try:
            return self.broker.committed(self.group, self.topics)
        except KafkaException as error:
            if error.args[0].code() not in AWAY:
                raise
            return {}

    def seen(self, isolation: str = "read_committed") -> Counter[str]:
        """How often a reader finds each (record, model), as a result or as a dead letter."""
        messages = read(self.server.address, self.results, isolation)
        letters = read(self.server.address, self.dead, isolation)
        return Counter([result_id(m) for m in messages] + [letter_id(m) for m in letters])

    def dead_letters(self) -> Counter[str]:
        """How often a reader finds each dead letter."""
        return Counter(letter_id(message) for message in read(self.server.address, self.dead))

    def wanted(self) -> Counter[str]:
        """Each (record, model) once."""
        return Counter(place.id(model) for place in self.broker.acknowledged for model in MODELS)


def read(address: str, topic: str, isolation: str = "read_committed") -> list[Message]:
    """Reads a topic from its beginning to the end that it has now."""
    settings = {"bootstrap.servers": address, "group.id": "reader", "isolation.level": isolation}
    consumer = Consumer(
        {**settings, "enable.auto.commit": False, "enable.partition.eof": True, "log_level": 3}
    )
    try:
        partitions = consumer.list_topics(topic, timeout=LIMIT).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        left, messages = set(partitions), []
        while left:
            message = consumer.poll(LIMIT)
            assert message is not None, f"{topic}: partitions {left} do not come to their end"
            if message.error() is None:
                messages.append(message)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise AssertionError(message.error())
        return messages
    finally:
        consumer.close()


def headers(message: Message) -> dict[str, str]:
    """The headers of a message."""
    return {name: value.decode() for name, value in message.headers()}


def result_id(message: Message) -> str:
    """The name of a result."""
    return headers(message)["id"]


def letter_id(message: Message) -> str:
    """The name that the result of a dead letter would have."""
    found = headers(message)
    return ":".join(found[f"framegate-{part}"] for part in ("topic", "partition", "offset", "model"))
