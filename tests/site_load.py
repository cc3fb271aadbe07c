"""A site on a gateway and a real broker: `framegate camera` plays it, a simulated device answers at once."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import samples
from broker import Position
from gateway import Gateway, environment
from pace import Served, served
from places import binary
from policies import policy, simulated
from process import Watch, cpu_seconds, percentile
from topics import Topics

CAMERAS = 150
MODEL = "null"
GROUP, RESULTS = "site", "site-results"
NAMES = [f"camera_{number}" for number in range(1, CAMERAS + 1)]
RESULT_PARTITIONS = 4
PARTITIONS = f'framegate_ingest_partitions{{group="{GROUP}"}}'
LAG = f'framegate_ingest_lag_records{{group="{GROUP}"}}'


@dataclass(frozen=True)
class Span:
    """What the gateway did in a while at a steady pace."""

    began: float
    ended: float
    records: int
    results: int
    cpu_seconds: float
    most_lag: float
    most_resident_mib: float

    @property
    def per_second(self) -> float:
        """References that were produced."""
        return self.records / (self.ended - self.began)

    @property
    def answered_per_second(self) -> float:
        """Results that the broker took."""
        return self.results / (self.ended - self.began)

    @property
    def cpu_us(self) -> float:
        """Processor time of the gateway for each that was answered, in millionths of a second."""
        return self.cpu_seconds / self.results * 1e6


class Site:
    """Topics of 150 cameras, and what becomes of their records."""

    def __init__(self, topics: Topics, folder: Path) -> None:
        self.topics = topics
        self._folder = folder
        self._clip = folder / "clip"
        self._clip.mkdir()
        samples.write_numbered(self._clip, 4, 64, 48, "jpg")
        topics.create(*NAMES)
        topics.create(RESULTS, partitions=RESULT_PARTITIONS, message_timestamp_type="LogAppendTime")

    def rules(self) -> dict:
        """Everything on one cluster, and a device that takes no time."""
        address = self.topics.address
        rule = {"kafka": {"brokers": address, "topics": "^camera_[0-9]+$", "group": GROUP}}
        sink = {"kafka": {"brokers": address, "topic": RESULTS}}
        return policy(self._folder / "bucket", {MODEL: simulated("0ms")}, ingest=[rule], sinks=[sink])

    @contextmanager
    def playing(self, fps: float) -> Iterator[None]:
        """The cameras play, in a process of their own."""
        where = ["--brokers", self.topics.address, "--bucket", str(self._folder / "bucket")]
        pace = ["--clip", str(self._clip), "--cameras", str(CAMERAS), "--fps", str(fps)]
        with (self._folder / "camera.log").open("a") as log:
            command = [str(binary()), "camera", *where, *pace]
            process = subprocess.Popen(command, env=environment(), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            code = process.wait(30)
        assert code == 0, f"the cameras ended with {code}: {self._folder / 'camera.log'}"

    def assigned(self, gateway: Gateway) -> bool:
        """Whether the gateway reads all topics."""
        return gateway.metrics().get(PARTITIONS) == CAMERAS

    def count(self, *names: str) -> int:
        """Records in these topics."""
        return sum(self.topics.ends(*names).values())

    def pass_time(self, gateway: Gateway, seconds: float) -> Span:
        """Watches for so long, whatever comes."""
        pid = gateway.process.pid
        before = time.time(), self.count(*NAMES), self.count(RESULTS), cpu_seconds(pid)
        with Watch(gateway, pause=0.25) as watch:
            time.sleep(seconds)
        after = time.time(), self.count(*NAMES), self.count(RESULTS), cpu_seconds(pid)
        records, results, used = (end - begin for begin, end in zip(before[1:], after[1:], strict=True))
        lag = max(each.values[LAG] for each in watch.samples)
        memory = max(each.resident_mib for each in watch.samples)
        return Span(before[0], after[0], records, results, used, lag, memory)

    def wait_until_done(self) -> None:
        """Waits until the group has committed everything."""
        self.topics.wait_until_committed(GROUP, *NAMES, timeout=120)

    def results(self) -> list[Served]:
        """Everything that was answered."""
        return [served(result) for result in self.topics.stream(RESULTS)]

    def wanted(self) -> set[str]:
        """The ids of all results that there must be."""
        ends = self.topics.ends(*NAMES).items()
        return {Position(*place, offset).id(MODEL) for place, end in ends for offset in range(end)}


def latencies(results: list[Served], span: Span) -> dict[str, float]:
    """From record to result, in ms, of the records that were produced then."""
    times = [each.milliseconds for each in results if span.began <= each.produced < span.ended]
    assert times, "no results of that time"
    return {"p50": percentile(times, 50), "p99": percentile(times, 99), "max": max(times)}
