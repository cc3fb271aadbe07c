"""`delivery: exactly_once`: a read_committed reader sees each (record, model) once, come what may."""

import itertools
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from exactly_once import KINDS, MODELS, Site
from gateway import Gateway, run
from kafka_server import KafkaServer
from waiting import wait_until

NAMES = itertools.count(1)
BAD = sum(value != b"frames:any" for value in KINDS) / len(KINDS)
KILLS = 4


@pytest.fixture
def site(shared_kafka: KafkaServer) -> Site:
    """Topics of the test's own on the broker of all tests."""
    return Site(shared_kafka, f"once{next(NAMES)}")


def assert_once(site: Site) -> None:
    """Each (record, model) is there once, as a result or as a dead letter."""
    seen, wanted = site.seen(), site.wanted()
    twice = {name: count for name, count in seen.items() if count > 1}
    assert not twice, f"{len(twice)} seen twice: {sorted(twice)[:5]}"
    assert seen == wanted, f"{len(wanted - seen)} missing, {len(seen - wanted)} unknown"


def wait_committed(site: Site) -> None:
    wait_until("all is committed", site.is_committed, timeout=60)


def test_each_result_and_dead_letter_is_seen_once(site: Site, start_gateway) -> None:
    site.feed(1200)
    gateway = start_gateway(site.policy())
    wait_committed(site)
    assert_once(site)
    letters = site.dead_letters()
    assert len(letters) == 1200 * BAD * len(MODELS)
    assert gateway.metric("framegate_ingest_dead_letters_total", group=site.group) == len(letters)
    delivered = sum(outcomes(gateway, "delivered").values())
    assert delivered == 1200 * len(MODELS) - len(letters)
    assert gateway.metric("framegate_ingest_in_flight_records", group=site.group) == 0
    assert gateway.stop() == 0
    assert_once(site)


def test_kills_in_open_transactions_leave_nothing_twice(site: Site, start_gateway) -> None:
    site.feed(30_000)
    # One transaction begins almost as soon as the one before has ended, so that kills meet open ones.
    rules = site.policy(commit_interval="10ms")
    for _ in range(KILLS):
        before = site.committed()
        gateway = start_gateway(rules)
        wait_until("work goes on", lambda before=before: site.committed() > before)
        gateway.kill()
    assert not site.is_committed(), "the kills were in the midst of the work"
    gateway = start_gateway(rules)
    wait_committed(site)
    assert_once(site)
    aborted = sum((site.seen("read_uncommitted") - site.wanted()).values())
    print(f"{KILLS} kills; {aborted} messages of open transactions, which a read_uncommitted reader sees")
    assert aborted > 0, "no kill has met an open transaction"
    assert gateway.stop() == 0


def test_a_stop_commits_what_is_done_and_nothing_else(site: Site, start_gateway) -> None:
    site.feed(4000)
    stopped = 0
    while stopped < 3:
        before = site.committed()
        gateway = start_gateway(site.policy())
        wait_until("work goes on", lambda before=before: site.committed() > before)
        assert gateway.stop() == 0
        stopped += 1
        seen = site.seen()
        assert set(seen.values()) == {1}
        assert len(seen) == site.committed() * len(MODELS), "results of committed records, and of no others"
    start_gateway(site.policy())
    wait_committed(site)
    assert_once(site)


def test_a_broker_that_goes_and_comes_back(kafka: KafkaServer, start_gateway) -> None:
    site = Site(kafka, "away")
    site.feed(3000)
    gateway = start_gateway(site.policy())
    for part in (1, 2):
        wait_until("work goes on", lambda part=part: site.committed() > part * 100)
        kafka.kill() if part == 1 else kafka.stop()
        kafka.start()
    wait_committed(site)
    assert_once(site)
    assert gateway.stop() == 0
    assert_once(site)


def test_instances_that_come_and_go_share_the_work(site: Site, start_gateway, monkeypatch) -> None:
    site.feed(6000)
    first = start_with_name(site, start_gateway, monkeypatch, "gateway-0")
    wait_until("the first works", lambda: site.committed() > 50)
    second = start_with_name(site, start_gateway, monkeypatch, "gateway-1")
    wait_until("the second has partitions", lambda: assigned(site, second) > 0)
    site.feed(1500)
    wait_until("the second works", lambda: sum(outcomes(second, "delivered").values()) > 50)
    assert first.stop() == 0
    wait_committed(site)
    assert_once(site)
    assert second.stop() == 0


def start_with_name(site: Site, start_gateway: Callable[[dict], Gateway], monkeypatch, name: str) -> Gateway:
    """Starts a gateway that finds its name in its environment."""
    monkeypatch.setitem(os.environ, "POD_NAME", name)
    return start_gateway(site.policy({"env": "POD_NAME"}))


def test_a_gateway_without_its_name_says_so(shared_kafka: KafkaServer, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("POD_NAME", raising=False)
    site = Site(shared_kafka, f"once{next(NAMES)}")
    config = tmp_path / "policy.yaml"
    config.write_text(json.dumps(site.policy({"env": "POD_NAME"})))
    done = run("serve", "--config", str(config))
    assert done.returncode != 0
    assert "environment variable POD_NAME holds no name" in done.stderr


def test_a_gateway_starts_without_a_broker_and_stops(site: Site, start_gateway) -> None:
    rules = site.policy()
    rules["ingest"][0]["kafka"]["brokers"] = rules["sinks"][0]["kafka"]["brokers"] = "127.0.0.1:1"
    gateway = start_gateway(rules)
    assert gateway.get("/readyz")[0] == 200
    assert gateway.stop() == 0


def assigned(site: Site, gateway: Gateway) -> float:
    return gateway.metric("framegate_ingest_partitions", group=site.group)


def outcomes(gateway: Gateway, outcome: str) -> Counter[str]:
    """How many entries have ended so, by sample."""
    samples = gateway.metrics().items()
    found = {
        name: int(value)
        for name, value in samples
        if name.startswith("framegate_ingest_outcomes_total") and f'outcome="{outcome}"' in name
    }
    return Counter(found)
