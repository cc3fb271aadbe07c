"""What a gateway costs under a load, as its client, Linux and its own counters see it."""

import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pipelined import Pipelined
from points import Point
from process import Watch, cpu_seconds, resident_mib

from gateway import Gateway
from loadtest import loadtest

IDLE, WARM_UP, SECONDS = 3.0, 1.0, 4.0
BURST_EVERY, BURST_SECONDS = 4, 12
ANSWER = re.compile(r'framegate_answers_total\{.*reason="(\w+)"')
MILLION = 1e6


@dataclass(frozen=True)
class Figures:
    """What was measured at a point."""

    HEADS: ClassVar = (
        "requests/s",
        "CPU us",
        "p50 ms",
        "p99 ms",
        "in a batch",
        "queued",
        "idle CPU",
        "idle MiB",
        "MiB",
    )

    idle_percent: float
    """Of a core, before any request."""
    idle_mib: float
    per_second: float
    cpu_us: float
    """Processor time of the gateway for each request, in millionths of a second."""
    p50_ms: float
    p99_ms: float
    batch: float
    """Requests in a batch, on average."""
    most_queued: float
    """The most that was seen to wait in one pool."""
    mib: float
    not_ok: int

    def row(self) -> list[str]:
        """Of the table."""
        times = [f"{self.p50_ms:,.2f}", f"{self.p99_ms:,.2f}"]
        idle = [f"{self.idle_percent:.1f} %", f"{self.idle_mib:,.1f}"]
        held = [f"{self.batch:.1f}", f"{self.most_queued:,.0f}"]
        return [f"{self.per_second:,.0f}", f"{self.cpu_us:.1f}", *times, *held, *idle, f"{self.mib:,.1f}"]


def measure(folder: Path, point: Point) -> Figures:
    """Starts a gateway for the point, watches it idle, loads it, and ends it."""
    gateway = Gateway(folder, point.policy())
    try:
        idle = idle_percent(gateway.process.pid)
        idle_mib = resident_mib(gateway.process.pid)
        return (
            burst(gateway, point, idle, idle_mib) if point.burst else closed(gateway, point, idle, idle_mib)
        )
    finally:
        gateway.kill()


def idle_percent(pid: int) -> float:
    """Processor time while nothing is asked, in percent of a core."""
    time.sleep(1)
    before = cpu_seconds(pid)
    time.sleep(IDLE)
    return (cpu_seconds(pid) - before) / IDLE * 100


def closed(gateway: Gateway, point: Point, idle: float, idle_mib: float) -> Figures:
    """So many requests in flight."""
    pid, count = gateway.process.pid, Counts(gateway)
    with Pipelined(gateway.grpc_address, point.messages()) as load:
        load.run(point.in_flight, WARM_UP)
        count.begin()
        before = cpu_seconds(pid)
        told = load.run(point.in_flight, SECONDS)
        cpu_us = (cpu_seconds(pid) - before) / told.done * MILLION
        mib = resident_mib(pid)
    count.end()
    not_ok = count.not_ok + told.failed + abs(count.ok - told.done)
    return Figures(
        idle, idle_mib, told.per_second, cpu_us, told.p50_ms, told.p99_ms, count.batch, 0, mib, not_ok
    )


def burst(gateway: Gateway, point: Point, idle: float, idle_mib: float) -> Figures:
    """So many requests at once, each few seconds."""
    pid, count = gateway.process.pid, Counts(gateway)
    bursts = ["--bursts", f"{point.burst}@{BURST_EVERY}", "--seconds", BURST_SECONDS, "--connections", 16]
    count.begin()
    before = cpu_seconds(pid)
    with Watch(gateway) as watch:
        told = loadtest(gateway, *bursts, "--cameras", point.cameras)
    cpu_us = (cpu_seconds(pid) - before) / sum(told["ends"].values()) * MILLION
    mib = resident_mib(pid)
    count.end()
    queued = max(sample.values['framegate_queued_requests{model="model_0000"}'] for sample in watch.samples)
    not_ok = told["not_sent"] + sum(told["ends"].values()) - told["ends"].get("OK", 0)
    p50, p99 = (told["latency_ms"][name] for name in ("p50", "p99"))
    return Figures(idle, idle_mib, told["per_second"], cpu_us, p50, p99, count.batch, queued, mib, not_ok)


class Counts:
    """What the gateway has counted in a while."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._before = self._since = Counter()

    def begin(self) -> None:
        """It counts from here on."""
        self._before = self._now()

    def end(self) -> None:
        """Until here."""
        self._since = self._now() - self._before

    @property
    def ok(self) -> int:
        """Entries with a result."""
        return int(self._since["OK"])

    @property
    def not_ok(self) -> int:
        """Entries that ended otherwise."""
        others = (number for name, number in self._since.items() if name not in ("OK", "batches", "entries"))
        return int(sum(others))

    @property
    def batch(self) -> float:
        """Entries in a batch, on average."""
        return self._since["entries"] / self._since["batches"]

    def _now(self) -> Counter[str]:
        """Of all pools together."""
        counts: Counter[str] = Counter()
        for name, value in self._gateway.metrics().items():
            answer = ANSWER.match(name)
            if answer:
                counts[answer[1]] += value
            elif name.startswith("framegate_batch_size_sum"):
                counts["entries"] += value
            elif name.startswith("framegate_batch_size_count"):
                counts["batches"] += value
        return counts
