"""Item 3: gateways join and leave a group all the time; nothing is lost, nobody commits what is another's."""

import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from feed import Feed
from kafka_server import KafkaServer
from offsets_log import generations
from prove import Holds
from topics import Topics
from trial import Site, Trial

pytestmark = pytest.mark.kafka(3)

PARTITIONS = 6
NAMES = ["static-1", "free-1", "free-2", "free-3", "free-4"]
"""Those that may be in the group; the static one can go and come back without a rebalance."""
FEWEST, MOST = 2, 4
PAUSE = 2.0


def test_gateways_join_and_leave(shared_kafka: KafkaServer, tmp_path: Path, holds: Holds) -> None:
    churn(shared_kafka, tmp_path, "churn-6", steps=6, count=2_000, holds=holds)


@pytest.mark.slow
def test_gateways_join_and_leave_for_five_minutes(
    shared_kafka: KafkaServer, tmp_path: Path, holds: Holds
) -> None:
    churn(shared_kafka, tmp_path, "churn-150", steps=150, count=50_000, holds=holds)


def churn(kafka: KafkaServer, folder: Path, name: str, steps: int, count: int, holds: Holds) -> None:
    """So many joins and leaves, one each two seconds, while records come."""
    Topics(kafka.address).create(name, partitions=PARTITIONS)
    with Trial(Site(kafka.address, name, folder), name) as trial:
        trial.fleet.start(*NAMES[:FEWEST])
        with Feed(kafka.address, name, count, steps * PAUSE, PARTITIONS) as feed:
            done = change(trial, steps)
        ends = trial.finish(timeout=120)
        changes = generations(kafka.address, name)
        left = done["killed"] + done["stopped"]
        holds(f"{name}: joins, leaves", dict(done), f"{steps}", done["joined"] + left == steps and left > 0)
        holds(f"{name}: generations of the group", changes, f">= {steps // 2}", changes >= steps // 2)
        trial.judge(ends, feed, holds)
        holds(f"{name}: repeated", sum(trial.ledger.repeats().values()), "reported", True)


def change(trial: Trial, steps: int) -> Counter[str]:
    """Gateways join and leave; how often, and how they left."""
    chance, paced, done = random.Random(steps), threading.Event(), Counter()
    begin = time.monotonic()
    for step in range(1, steps + 1):
        paced.wait(max(0.0, begin + step * PAUSE - time.monotonic()))
        done[change_once(trial, chance)] += 1
    return done


def change_once(trial: Trial, chance: random.Random) -> str:
    """One joins or leaves; which it is depends on chance, but for the bounds of their number."""
    running = trial.fleet.running
    absent = [name for name in NAMES if name not in running]
    if len(running) <= FEWEST or (len(running) < MOST and chance.random() < 0.5):
        trial.fleet.start(chance.choice(absent))
        return "joined"
    name = chance.choice(list(running))
    if chance.random() < 0.5:
        trial.fleet.kill(name)
        return "killed"
    trial.fleet.stop(name)
    return "stopped"
