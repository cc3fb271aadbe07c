"""What a process uses: processor time and memory, as Linux counts them."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024


def cpu_seconds(pid: int) -> float:
    """Processor time of all its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / TICKS


def resident_mib(pid: int, what: str = "VmRSS") -> float:
    """Its resident memory now; with `VmHWM` the most that it ever was."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f"{what}:")]
    return int(value) / KIB_PER_MIB


@dataclass(frozen=True)
class Sample:
    """What was seen at one moment."""

    at: float
    resident_mib: float
    values: dict[str, float]


class Watch:
    """Looks at a gateway's memory and metrics at a steady pace, in the background."""

    def __init__(self, gateway: object, pause: float = 0.5) -> None:
        self.samples: list[Sample] = []
        self._gateway = gateway
        self._pause = pause
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def since(self, moment: float) -> list[Sample]:
        """What was seen from then on, by the monotonic clock."""
        return [sample for sample in self.samples if sample.at >= moment]

    def _look(self) -> None:
        while not self._stopped.wait(self._pause):
            resident = resident_mib(self._gateway.process.pid)
            self.samples.append(Sample(time.monotonic(), resident, self._gateway.metrics()))


def percentile(values: list[float], percent: float) -> float:
    """So many percent of the values are at most this."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
