"""Item 7: bad records of five kinds among 10,000: each is dead-lettered, the rest are served."""

from collections import Counter
from pathlib import Path

import pytest

import letters
from broker import Broker
from kafka_server import KafkaServer
from letters import BY_VALUE, KINDS
from policies import policy, simulated
from prove import Holds
from topics import Topics, header, position

pytestmark = pytest.mark.kafka(7)

COUNT = 10_000
MODEL = "null"
GROUP, RESULTS, DEAD = "mixed", "mixed-results", "mixed-dead"
TOPICS = [f"mixed_{number}" for number in range(10)]


@pytest.fixture
def topics(shared_kafka: KafkaServer, bucket: Path) -> Topics:
    """The records, and where their outcomes go."""
    letters.fill(bucket)
    topics = Topics(shared_kafka.address)
    topics.create(*TOPICS, DEAD)
    topics.create(RESULTS, partitions=4)
    broker = Broker(shared_kafka.address)
    for number in range(COUNT):
        topic = TOPICS[number // 7 % len(TOPICS)]
        broker.send(topic, letters.value(number), key=topic.encode(), headers={"origin": b"test"})
    broker.flush()
    return topics


def test_bad_records_of_five_kinds(topics: Topics, start_gateway, bucket: Path, holds: Holds) -> None:
    gateway = start_gateway(rules(bucket, topics.address))
    topics.wait_until_committed(GROUP, *TOPICS)
    records = {position(m).id(MODEL): m.value() for topic in TOPICS for m in topics.read(topic)}
    bad = {name: BY_VALUE[value] for name, value in records.items() if value in BY_VALUE}
    counts = Counter(kind.name for kind in bad.values())
    each = {kind.name: COUNT // 100 for kind in KINDS}
    injected = f"{len(records)}, {sorted(counts.values())}"
    holds("records, bad ones of each kind injected", injected, f"1 % of {COUNT} each", counts == each)
    served = Counter(header(message, "id") for message in topics.read(RESULTS))
    good = records.keys() - bad.keys()
    holds(
        "good records with one result each",
        f"{len(served)} of {len(good)}",
        "all, once",
        served == Counter(good),
    )
    assert_dead_lettered(topics, records, bad, holds)
    assert gateway.stop() == 0


def rules(bucket: Path, address: str) -> dict:
    """Everything on one cluster; frames are really fetched and decoded."""
    rule = {
        "kafka": {"brokers": address, "topics": "^mixed_[0-9]+$", "group": GROUP},
        "retries": letters.RETRIES,
        "dead_letter": {"topic": DEAD},
        "session_timeout": "6s",
    }
    sink = {"kafka": {"brokers": address, "topic": RESULTS}}
    models = {MODEL: simulated("0ms", fetch=True, max_batch_size=16)}
    return policy(bucket, models, ingest=[rule], sinks=[sink])


def assert_dead_lettered(topics: Topics, records: dict[str, bytes], bad: dict, holds: Holds) -> None:
    """Each bad record became one letter, which says where it is from, why it failed and how often."""
    found = topics.read(DEAD)
    read = [letters.read(letter) for letter in found]
    once = Counter(letter.id for letter in read) == Counter(bad.keys())
    holds("bad records dead-lettered", f"{len(read)} of {len(bad)}", "all, once, no others", once)
    for kind in KINDS:
        fitting = sum(bad.get(letter.id) == kind and letters.fits(letter, kind) for letter in read)
        wanted = f"{COUNT // 100}, after {kind.tries} tries"
        holds(f"  {kind.name}: {kind.reason}", fitting, wanted, fitting == COUNT // 100)
    same = sum(
        message.value() == records.get(letter.id) and header(message, "origin") == "test"
        for message, letter in zip(found, read, strict=True)
    )
    holds("  with the record's own value and headers", same, f"all {len(bad)}", same == len(bad))
