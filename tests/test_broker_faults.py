"""Item 4: brokers that stop, die and come back, and a bad network; work goes on by itself."""

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import toxiproxy
from bad_network import bad_network
from feed import Feed
from fleet import total, wait_for_members
from kafka_server import KafkaServer
from prove import Holds
from topics import Topics
from trial import Site, Trial
from waiting import wait_until

pytestmark = pytest.mark.kafka(4)

PARTITIONS = 6
NAMES = ["static-1", "static-2"]
STILL = 12.0
"""A broker that stands still for so long, in seconds, lets every session end."""
MORE = 50
"""So many further results show that the work goes on."""

short_and_long = pytest.mark.parametrize(
    "length", [pytest.param(1, id="short"), pytest.param(10, id="long", marks=pytest.mark.slow)]
)


@dataclass
class Faults:
    """A trial under load, and what was done to it."""

    trial: Trial
    count: int = 0
    ready: Counter[int] = field(default_factory=Counter)
    """What `/readyz` answered while something was broken."""

    def broken(self, seconds: float) -> None:
        """Counts a fault that is in force now and lets it last so long."""
        self.count += 1
        threading.Event().wait(seconds)
        self.ready.update(gateway.get("/readyz")[0] for gateway in self.trial.fleet.running.values())

    def until_all_is_owned(self) -> float:
        """The seconds until the group has all of its members again, and each of them its share."""
        began = time.monotonic()
        wait_for_members(self.trial.known, len(NAMES), timeout=120)
        return time.monotonic() - began

    def joined_anew(self) -> int:
        """How often gateways have given a lost membership up and joined again."""
        metrics = [gateway.metrics() for gateway in self.trial.fleet.running.values()]
        return int(sum(total(each, "framegate_ingest_lost_memberships_total") for each in metrics))

    def goes_on(self, what: str) -> None:
        """Waits for further results, which come by themselves."""
        enough = self.trial.results.count() + MORE
        wait_until(f"results {what}", lambda: self.trial.results.count() >= enough, timeout=120)


@contextlib.contextmanager
def under_load(site: Site, name: str, rate: int, holds: Holds, **fields: object) -> Iterator[Faults]:
    """A trial with two gateways; whatever is done to it in the block, nothing must be lost. `fields` are of their rule."""
    Topics(site.brokers).create(site.topic, partitions=PARTITIONS)
    with Trial(site, name, fields) as trial:
        faults = Faults(trial)
        trial.fleet.start(*NAMES)
        wait_for_members(trial.known, len(NAMES))
        with Feed(site.brokers, site.topic, rate, 1.0, PARTITIONS) as feed:
            faults.goes_on("before the first fault")
            yield faults
        ends = trial.finish(timeout=300)
        holds(f"{name}: faults injected", faults.count, "> 0", faults.count > 0)
        holds(f"{name}: /readyz during them", dict(faults.ready), "200", set(faults.ready) == {200})
        trial.judge(ends, feed, holds)
        holds(f"{name}: repeated", sum(trial.ledger.repeats().values()), "reported", True)
        loud = max(trial.fleet.logged.values(), default=0)
        bound = 6 * faults.count * len(NAMES)
        holds(f"{name}: the warning logged most often", f"{loud} times", f"<= {bound}", loud <= bound)


@short_and_long
def test_the_broker_is_stopped_and_started(
    kafka: KafkaServer, tmp_path: Path, length: int, holds: Holds
) -> None:
    site = Site(kafka.address, "stops", tmp_path)
    with under_load(site, f"stops-{length}", 100, holds) as faults:
        for _ in range(length):
            for end in (kafka.stop, kafka.kill):
                end()
                faults.broken(seconds=2)
                kafka.start()
                faults.goes_on("after the broker's restart")


@pytest.mark.parametrize("delivery", ["at_least_once", "exactly_once"])
@short_and_long
def test_the_broker_stands_still(
    kafka: KafkaServer, tmp_path: Path, length: int, delivery: str, holds: Holds
) -> None:
    """Requests to join are lost, members fenced, and once it goes on it tells clients that there is no broker."""
    site, name = Site(kafka.address, "still", tmp_path), f"still-{length}-{delivery}"
    with under_load(site, name, 100, holds, delivery=delivery) as faults:
        waits = []
        for _ in range(length):
            with kafka.still():
                faults.broken(seconds=STILL)
            waits.append(faults.until_all_is_owned())
            faults.goes_on("after the broker stood still")
        told = " ".join(f"{wait:.0f}" for wait in waits)
        holds(
            f"{name}: seconds until all is owned again", told, "each <= 30", length == 1 or max(waits) <= 30
        )
        holds(f"{name}: lost memberships, joined anew", faults.joined_anew(), "reported", True)


@short_and_long
def test_one_of_three_brokers_is_killed(
    apache_kafka: None, tmp_path: Path, length: int, holds: Holds
) -> None:
    with KafkaServer(tmp_path / "kafka", brokers=3) as kafka:
        site = Site(kafka.address, "three", tmp_path)
        with under_load(site, f"three-{length}", 100, holds) as faults:
            for number in range(length):
                broker = 1 + number % 3
                kafka.kill(broker)
                faults.broken(seconds=1)
                faults.goes_on("without one of three brokers")
                kafka.start(broker)
                faults.goes_on("with all brokers again")


@short_and_long
def test_the_network_is_bad(apache_kafka: None, tmp_path: Path, length: int, holds: Holds) -> None:
    toxiproxy.require()
    with bad_network(tmp_path) as network:
        site = Site(network.direct, "network", tmp_path, told=network.proxied)
        proxy = network.proxy
        with under_load(site, f"network-{length}", 50, holds) as faults:
            for _ in range(2 * length):
                with proxy.cut():
                    faults.broken(seconds=1)
                faults.goes_on("after a cut")
            with proxy.toxic("latency", latency=500):
                faults.broken(seconds=3 * length)
                faults.goes_on("with 500 ms latency")
            with proxy.toxic("bandwidth", rate=10):
                faults.broken(seconds=3 * length)
                faults.goes_on("with 10 kB/s")
            faults.goes_on("once all is well")
