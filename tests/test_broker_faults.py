"""Item 4: brokers that stop, die and come back, and a bad network; work goes on by itself."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import toxiproxy
from bad_network import bad_network
from feed import Feed
from fleet import wait_for_members
from kafka_server import KafkaServer
from prove import Holds
from topics import Topics
from trial import Site, Trial
from waiting import wait_until

pytestmark = pytest.mark.kafka(4)

PARTITIONS = 6
NAMES = ["static-1", "static-2"]
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

    def goes_on(self, what: str) -> None:
        """Waits for further results, which come by themselves."""
        enough = self.trial.results.count() + MORE
        wait_until(f"results {what}", lambda: self.trial.results.count() >= enough, timeout=120)


@contextlib.contextmanager
def under_load(site: Site, name: str, rate: int, holds: Holds) -> Iterator[Faults]:
    """A trial with two gateways; whatever is done to it in the block, nothing must be lost."""
    Topics(site.brokers).create(site.topic, partitions=PARTITIONS)
    with Trial(site, name) as trial:
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
