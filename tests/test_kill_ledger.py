"""Item 2: gateways killed again and again on Apache Kafka, and the ledger of what became of each record."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from feed import Feed
from fleet import wait_for_members
from kafka_server import KafkaServer
from ledger import unexplained
from offsets_log import ahead, commits
from places import failpoints_binary
from prove import Holds
from topics import Topics
from trial import MODELS, Site, Trial

pytestmark = pytest.mark.kafka(2)

DELIVERIES = ["at_least_once", "exactly_once"]
PARTITIONS = 6
NAMES = ["static-1", "static-2", "static-3"]


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_gateways_are_killed(shared_kafka: KafkaServer, tmp_path: Path, delivery: str, holds: Holds) -> None:
    site = new_site(shared_kafka, tmp_path, f"kills_{delivery}")
    with Trial(site, f"{delivery}-5", {"delivery": delivery}) as trial:
        feed = run([trial], kills=5, pause=2.0, count=3_000)
        judge(trial, delivery, 5, feed, holds)


@pytest.mark.slow
def test_gateways_are_killed_a_hundred_times(shared_kafka: KafkaServer, tmp_path: Path, holds: Holds) -> None:
    site = new_site(shared_kafka, tmp_path, "kills")
    with contextlib.ExitStack() as stack:
        trials = {
            delivery: stack.enter_context(Trial(site, f"{delivery}-100", {"delivery": delivery}))
            for delivery in DELIVERIES
        }
        feed = run(list(trials.values()), kills=100, pause=5.0, count=100_000)
        for delivery, trial in trials.items():
            judge(trial, delivery, 100, feed, holds)


def test_the_ledger_finds_a_commit_on_receipt(
    shared_kafka: KafkaServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds: Holds
) -> None:
    monkeypatch.setenv("FRAMEGATE_BIN", str(failpoints_binary()))
    monkeypatch.setenv("FAILPOINTS", "commit.on_receipt=return")
    site = new_site(shared_kafka, tmp_path, "planted", slow="300ms")
    with Trial(site, "planted") as trial:
        run([trial], kills=3, pause=1.0, count=600)
        ends = trial.finish(timeout=5)
        gone = len(trial.ledger.gone(trial.known.committed()))
        found = commits(site.brokers, trial.group)
        early = ahead(found, trial.ledger, ends)
    holds(
        "planted bug: kills, losses found", f"3, {gone} of {trial.ledger.expected(ends)}", "3, > 0", gone > 0
    )
    holds("planted bug: commits before their outcomes found", f"{early} of {len(found)}", "> 0", early > 0)


def new_site(kafka: KafkaServer, folder: Path, topic: str, **fields: str) -> Site:
    """A topic of its own."""
    Topics(kafka.address).create(topic, partitions=PARTITIONS)
    return Site(kafka.address, topic, folder, **fields)


def run(trials: list[Trial], kills: int, pause: float, count: int) -> Feed:
    """Feeds the trials' topic over so many kills of each, one each `pause` s; who dies is started at once."""
    site = trials[0].site
    each(trials, lambda trial: trial.fleet.start(*NAMES))
    for trial in trials:
        wait_for_members(trial.known, len(NAMES))
    with Feed(site.brokers, site.topic, count, kills * pause, PARTITIONS) as feed:
        begin, paced = time.monotonic(), threading.Event()
        for number, name in zip(range(1, kills + 1), itertools.cycle(NAMES), strict=False):
            paced.wait(max(0.0, begin + number * pause - time.monotonic()))
            each(trials, lambda trial, name=name: kill_and_start(trial, name))
    return feed


def kill_and_start(trial: Trial, name: str) -> None:
    """A crash, and whoever starts it again at once."""
    trial.kill_at_work(name)
    trial.fleet.start(name)


def each(trials: list[Trial], action: Callable[[Trial], None]) -> None:
    """The same for all trials at the same time."""
    with ThreadPoolExecutor(len(trials)) as pool:
        list(pool.map(action, trials))


def judge(trial: Trial, delivery: str, kills: int, feed: Feed, holds: Holds) -> None:
    """What must hold of a delivery after so many kills."""
    ends = trial.finish()
    name, done, busy = trial.group, len(trial.windows), sum(map(bool, trial.in_flight))
    holds(
        f"{name}: SIGKILLs, with records in flight",
        f"{done}, {busy}",
        f">= {kills}, all",
        kills <= done == busy,
    )
    trial.judge(ends, feed, holds)
    repeats = trial.ledger.repeats()
    repeated, window = sum(repeats.values()), sum(each.records() for each in trial.windows)
    if delivery == "exactly_once":
        holds(f"{name}: (record, model) more than once", repeated, "0", repeated == 0)
        return
    bound = window * len(MODELS)
    holds(
        f"{name}: repeated; between committed and fetched at the kills",
        f"{repeated}; {window} records",
        f"<= {bound} results",
        repeated <= bound,
    )
    wild = unexplained(repeats, trial.windows)
    holds(f"{name}: repeated outside of that", wild, "0", wild == 0)
