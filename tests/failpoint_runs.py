"""Runs a gateway with failpoints as a supervisor would: restarts it when it dies or stands still."""

import json
import subprocess
import time
from dataclasses import dataclass
from enum import Enum

from confluent_kafka import KafkaException

from failpoint_site import Ledger, Site
from gateway import environment
from places import failpoints_binary
from waiting import wait_until

STARTS = 8
RUN_LIMIT = 300.0
PATIENCE = 60.0
LOOK_EVERY = 0.1
STRUCK = "failpoint struck"


class Look(Enum):
    """What the supervisor sees."""

    DONE = "done"
    DIED = "died"
    STANDS_STILL = "stands still"


@dataclass(frozen=True)
class Plan:
    """Which faults the first starts of a gateway meet; the ones after meet none."""

    faults: str
    faulty_starts: int
    patience: float
    """Seconds without any progress after which one that has met a fault is killed."""


@dataclass(frozen=True)
class Run:
    """What happened until everything was committed."""

    looks: list[Look]
    struck: int
    ledger: Ledger


class Process:
    """`framegate serve` with faults."""

    def __init__(self, site: Site, log: str, faults: str) -> None:
        config, self.log = site.folder / "policy.yaml", site.folder / log
        config.write_text(json.dumps(site.policy()))
        with self.log.open("w") as stderr:
            self._process = subprocess.Popen(
                [str(failpoints_binary()), "serve", "--config", str(config)],
                env={**environment(), "FAILPOINTS": faults},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )

    def has_died(self) -> bool:
        """Whether it runs no more, which nobody asked for."""
        return self._process.poll() is not None

    def end(self) -> None:
        """Kills it, if it runs."""
        self._process.kill()
        self._process.wait(10)

    def struck(self) -> int:
        """How many faults it has met."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sum(json.loads(line).get("message") == STRUCK for line in lines if line.startswith("{"))


class Supervisor:
    """Watches one process: whether it lives, and whether it gets on."""

    def __init__(self, site: Site, process: Process, patience: float) -> None:
        self._site, self._process, self._patience = site, process, patience
        self._seen: object = None
        self._since = time.monotonic()

    def look(self) -> Look | None:
        """What there is to be done about it; nothing while it gets on."""
        try:
            return self._judge()
        except KafkaException:
            return None  # A broker on a busy machine may be away for a moment: it is asked again.

    def _judge(self) -> Look | None:
        has_died, committed = self._process.has_died(), self._site.committed()
        if committed == self._site.ends():
            return Look.DONE
        if has_died:
            return Look.DIED
        seen = (committed, self._site.written())
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
        return Look.STANDS_STILL if time.monotonic() - self._since > self._limit() else None

    def _limit(self) -> float:
        """A process that has met no fault is slow at worst, and so is the machine."""
        return self._patience if self._process.struck() else PATIENCE


def run(site: Site, plan: Plan) -> Run:
    """Until everything is committed, however often it has to be started."""
    looks, struck = [], 0
    for number in range(1, STARTS + 1):
        faults = plan.faults if number <= plan.faulty_starts else ""
        process = Process(site, f"log_{number}.jsonl", faults)
        supervisor = Supervisor(site, process, plan.patience)
        try:
            looks.append(wait_until(f"{site.name} is done", supervisor.look, RUN_LIMIT, LOOK_EVERY))
        finally:
            process.end()
        struck += process.struck()
        if looks[-1] is Look.DONE:
            return Run(looks, struck, site.ledger())
    raise AssertionError(f"{site.name}: not done after {STARTS} starts: {looks}")


def run_to_death(site: Site, faults: str) -> None:
    """Until it is killed by its faults."""
    process = Process(site, "log.jsonl", faults)
    try:
        wait_until(f"{site.name} has died", process.has_died, timeout=RUN_LIMIT)
    finally:
        process.end()
