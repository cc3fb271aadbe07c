"""Gateways join and leave a group under load: nothing is lost, and no commit ever goes back."""

import contextlib
import itertools
from collections import Counter
from pathlib import Path

from broker import Broker
from gateway import Gateway
from kafka_server import KafkaServer
from policies import policy, simulated
from results import all_ids, read_lines
from steady import Steady
from waiting import wait_until

GROUP = "rebalance"
MODEL = "null"
CAMERAS = 6
TOPICS = {f"rebalance_{number}" for number in range(CAMERAS)}
PER_SECOND = 300


class Commits(Steady):
    """Reads what the group has committed, again and again."""

    def __init__(self, broker: Broker) -> None:
        super().__init__(self._look, 0.1)
        self.looks = 0
        self.went_back: list[str] = []
        self._broker = broker
        self._seen: dict[tuple[str, int], int] = {}

    def _look(self) -> None:
        now = self._broker.committed(GROUP, TOPICS)
        for place, before in self._seen.items():
            if now.get(place, -1) < before:
                self.went_back.append(f"{place}: {before} to {now.get(place)}")
        self._seen = now
        self.looks += 1


def test_gateways_join_and_leave(shared_kafka: KafkaServer, start_gateway, tmp_path: Path) -> None:
    broker = Broker(shared_kafka.address)
    for topic in TOPICS:
        broker.create(topic)
    files = [tmp_path / f"results_{number}.jsonl" for number in range(4)]

    def join(number: int, among: int) -> Gateway:
        gateway = start_gateway(member(broker, files[number], number))
        wait_until("it has its part", lambda: partitions(gateway) == CAMERAS // among, timeout=45)
        return gateway

    turns = itertools.cycle(sorted(TOPICS))
    with (
        Steady(lambda: broker.send(next(turns), b"frames:any", partition=0), 1 / PER_SECOND),
        Commits(broker) as commits,
    ):
        first = join(0, among=1)
        second = join(1, among=2)
        third = join(2, among=3)
        assert first.stop() == 0
        wait_until("two share", lambda: (partitions(second), partitions(third)) == (3, 3), timeout=45)
        third.kill()
        fourth = join(3, among=2)
        assert second.stop() == 0
        wait_until("one has all", lambda: partitions(fourth) == CAMERAS, timeout=45)
    broker.flush()
    expected = all_ids(broker.acknowledged, [MODEL])
    with contextlib.suppress(TimeoutError):  # the line below says how many are missing
        wait_until("all results", lambda: expected <= set(delivered(files)), timeout=30)
    ids = delivered(files)
    assert not expected - set(ids), f"{len(expected - set(ids))} of {len(expected)} lost"
    assert not set(ids) - expected
    assert not commits.went_back, commits.went_back
    assert commits.looks > 20
    assert fourth.stop() == 0
    assert broker.committed(GROUP, TOPICS) == broker.ends()


def member(broker: Broker, results: Path, number: int) -> dict:
    """A gateway whose frames take a while, so that some are in flight whenever partitions move."""
    rule = {
        "kafka": {"brokers": broker.address, "topics": "^rebalance_[0-9]+$", "group": GROUP},
        "session_timeout": "6s",
        "commit_interval": "50ms",
    }
    if number >= 2:  # the one that is killed, and the one that comes in its place
        rule["group_instance_id"] = "stable"
    models = {MODEL: simulated("40ms", max_batch_size=32)}
    return policy(models=models, ingest=[rule], sinks=[{"jsonl": {"path": str(results)}}])


def partitions(gateway: Gateway) -> int:
    """How many it reads."""
    return int(gateway.metric("framegate_ingest_partitions", group=GROUP))


def delivered(files: list[Path]) -> Counter[str]:
    """The ids in all files."""
    return sum((read_lines(file).ids() for file in files), Counter())
