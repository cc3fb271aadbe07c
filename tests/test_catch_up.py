"""A backlog that is too old is passed over unread: what is fresh is served at once, and the sums add up."""

import json
import time
from collections import Counter
from pathlib import Path

from broker import Broker
from kafka_server import KafkaServer
from policies import policy, simulated
from results import read_lines
from waiting import wait_until

GROUP = "catch"
MODEL = "null"
OLD, FRESH = 20_000, 200
HOUR_MS = 3_600_000
BEHIND, ALL_OLD, CURRENT = "catch_1", "catch_2", "catch_3"
TOPICS = {BEHIND, ALL_OLD, CURRENT}


def test_a_backlog_that_is_too_old_is_skipped(
    shared_kafka: KafkaServer, start_gateway, tmp_path: Path
) -> None:
    broker = Broker(shared_kafka.address)
    write(broker)
    results, drops = tmp_path / "results.jsonl", tmp_path / "drops.jsonl"
    gateway = start_gateway(catching_up(broker, results, drops))
    wait_until("all that is fresh", lambda: len(read_lines(results).records) >= 2 * FRESH, timeout=60)
    wait_until("all committed", lambda: broker.committed(GROUP, TOPICS) == broker.ends(), timeout=30)

    served, dropped = read_lines(results), read_lines(drops)
    fresh = {
        f"{topic}:0:{first + number}:{MODEL}" for topic, first in first_fresh() for number in range(FRESH)
    }
    assert served.ids() == Counter(fresh)
    gone = Counter()
    for line in dropped.records:
        assert line["reason"] in ("skipped", "too_old"), line
        gone[line["source"]["topic"], line["reason"]] += line.get("count", 1)
    for topic in (BEHIND, ALL_OLD):
        assert gone[topic, "skipped"] + gone[topic, "too_old"] == OLD, gone
        assert gone[topic, "too_old"] < OLD / 10, gone
    assert gone.total() == 2 * OLD
    assert_tiles(dropped.records)
    skipped = gone[BEHIND, "skipped"] + gone[ALL_OLD, "skipped"]
    counted = gateway.metric(
        "framegate_ingest_outcomes_total", model=MODEL, outcome="dropped", reason="skipped"
    )
    assert counted == skipped
    taken = gateway.metric("framegate_ingest_records_total", group=GROUP)
    assert taken == 2 * OLD + 2 * FRESH - skipped, "the skipped ones were never taken"
    assert gateway.stop() == 0


def write(broker: Broker) -> None:
    """Two cameras with an hour old backlog, one of them and a third with fresh frames."""
    now = time.time_ns() // 1_000_000
    for number in range(OLD):
        for topic in (BEHIND, ALL_OLD):
            broker.send(topic, b"frames:any", partition=0, stamp_ms=now - HOUR_MS + number)
        if number % 5000 == 0:
            broker.flush()
    for _ in range(FRESH):
        for topic in (BEHIND, CURRENT):
            value = json.dumps({"uri": "frames:any", "captured_at": now})
            broker.send(topic, value.encode(), partition=0)
    broker.flush()


def first_fresh() -> list[tuple[str, int]]:
    """Topics and offsets at which fresh frames begin."""
    return [(BEHIND, OLD), (CURRENT, 0)]


def catching_up(broker: Broker, results: Path, drops: Path) -> dict:
    """Ten minutes are the age that the fresh ones do not reach."""
    rule = {
        "kafka": {"brokers": broker.address, "topics": "^catch_[0-9]+$", "group": GROUP},
        "session_timeout": "6s",
        "max_frame_age": "10m",
    }
    sink = {"jsonl": {"path": str(results), "drops": str(drops)}}
    return policy(models={MODEL: simulated("0ms")}, ingest=[rule], sinks=[sink])


def assert_tiles(lines: list[dict]) -> None:
    """The dropped ranges of each topic follow on one another without a gap, from its first record on."""
    for topic in (BEHIND, ALL_OLD):
        ranges = [line for line in lines if line["source"]["topic"] == topic]
        place = 0
        for line in sorted(ranges, key=lambda line: line["source"]["offset"]):
            assert line["source"]["offset"] == place, line
            place += line.get("count", 1)
        assert place == OLD
