"""Reads topics with kafka-python, a Kafka client that shares no code with the gateway's."""

import time

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

PARTITIONS = range(4)  # of each topic that the mock cluster makes by itself
# Not asked for: the mock cluster's answer to that question cannot be read by this client.
SPOKEN = (2, 0)


def read_results(brokers: str, topic: str, ids: set[str], timeout: float = 60.0) -> list[ConsumerRecord]:
    """Reads the topic from its beginning until all of `ids` were seen in its headers."""
    consumer = KafkaConsumer(bootstrap_servers=brokers, enable_auto_commit=False, api_version=SPOKEN)
    try:
        places = [TopicPartition(topic, number) for number in PARTITIONS]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        records: list[ConsumerRecord] = []
        missing, deadline = set(ids), time.monotonic() + timeout
        while missing:
            assert time.monotonic() < deadline, f"{len(missing)} of {len(ids)} results not in {topic}"
            for batch in consumer.poll(timeout_ms=500).values():
                records.extend(batch)
                missing -= {headers(record)["id"] for record in batch}
        return records
    finally:
        consumer.close()


def headers(record: ConsumerRecord) -> dict[str, str]:
    """The headers of a record; each occurs once."""
    found = {name: value.decode() for name, value in record.headers}
    assert len(found) == len(record.headers), record.headers
    return found
