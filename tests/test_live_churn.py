"""Many changes of the policy under load, half of them refused: no request fails, and nothing is left behind."""

import json
import time
from collections import Counter
from pathlib import Path

import pytest

import live
from broker import Broker
from conftest import StartGateway
from gateway import Gateway
from live import Footprint, Load
from policies import ingest, policy, simulated
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.elastic(6)

CHANGES = 100


def test_many_changes(start_gateway: StartGateway, broker: Broker, tmp_path: Path, holds: Holds) -> None:
    churn(start_gateway, broker, tmp_path, 16, 10.0, holds)


@pytest.mark.slow
def test_a_hundred_changes_in_a_minute(
    start_gateway: StartGateway, broker: Broker, tmp_path: Path, holds: Holds
) -> None:
    churn(start_gateway, broker, tmp_path, CHANGES, 60.0, holds)


def churn(
    start_gateway: StartGateway, broker: Broker, folder: Path, count: int, seconds: float, holds: Holds
) -> None:
    """So many changes within so many seconds, each second one refused. The guest's replicas are processes."""
    site = Site(broker.address, folder)
    broker.create("camera_1")
    gateway = start_gateway(site.policy(0))
    for number in (1, 2, 0):  # what is made once is made before it is counted
        assert not live.apply(gateway, site.policy(number)).problems
    before = settled_footprint(gateway)
    answers: Counter[str] = Counter()
    with Load(gateway, callers=4) as everything, Load(gateway, callers=4, models=("m",)) as one:
        began = time.monotonic()
        for number in range(1, count + 1):
            wait_until("its time", lambda: time.monotonic() - began >= 0.8 * number * seconds / count)
            answers[change(gateway, site, number)] += 1
        took = time.monotonic() - began
    assert not live.apply(gateway, site.policy(0)).problems
    left = live.settled(lambda: Footprint.of(gateway).more_than(before))
    failed = everything.failures + one.failures
    wanted = {"applied": count // 2, "refused": count // 2}
    holds(f"{count} changes: applied, refused", dict(answers), wanted, answers == wanted)
    holds(f"{count} changes: time", f"{took:.1f} s", f"<= {seconds:.0f} s", took <= seconds)
    asked = everything.answers + one.answers
    holds(
        f"{count} changes: failed requests", f"{failed.total()} of {asked}", "0", not failed and asked > 100
    )
    holds(f"{count} changes: threads, descriptors and processes left", left or 0, "0", not left)
    assert not failed, failed


def settled_footprint(gateway: Gateway) -> Footprint:
    """What the process holds once that stays the same."""
    seen = [Footprint.of(gateway)]

    def is_steady() -> bool:
        seen.append(Footprint.of(gateway))
        return len(seen) > 8 and len(set(map(str, seen[-8:]))) == 1

    wait_until("a steady process", is_steady, timeout=60, pause=0.25)
    return seen[-1]


def change(gateway: Gateway, site: "Site", number: int) -> str:
    """Asks for another policy; every second one cannot be."""
    if number % 2:
        answer = live.apply(gateway, site.policy(number // 2 + 1))
    else:
        answer = live.apply(gateway, site.refused(number // 2))
    return "refused" if answer.problems else "applied"


class Site:
    """Policies, each different from the one before."""

    def __init__(self, brokers: str, folder: Path) -> None:
        self.brokers, self.folder = brokers, folder

    def policy(self, number: int) -> dict:
        """Other replicas each time; a model that comes and goes, another sink, and now and then another ingest."""
        models = {"m": simulated(f"{1 + number % 3}ms", max_queued_requests=1000 + number)}
        if number % 2:
            models["guest"] = simulated("1ms", placement="process")
        rule = ingest(self.brokers, ["m"], max_in_flight=100 + number // 10)
        sinks = [{"jsonl": {"path": str(self.folder / f"results_{number % 3}.jsonl")}}]
        return policy(models=models, ingest=[rule], sinks=sinks)

    def refused(self, number: int) -> dict | str:
        """Refused by its text, by what cannot be changed, or by what cannot be opened."""
        good = self.policy(number + 1)
        if number % 4 == 0:
            return json.dumps(good) + "\nunknown: 1"
        if number % 4 == 1:
            good["limits"] = {"message_bytes": "1MiB"}
        elif number % 4 == 2:
            good["models"]["broken"] = {"artifact": str(self.folder / "nothing")}
        else:
            good["sinks"] = [{"jsonl": {"path": "/dev/null/results.jsonl"}}]
        return good
