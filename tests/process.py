"""What a process uses: processor time and memory, as Linux counts them."""

import os
from dataclasses import dataclass
from pathlib import Path

from gateway import Gateway
from steady import Steady

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

    resident_mib: float
    values: dict[str, float]


class Watch(Steady):
    """Looks at a gateway's memory and metrics at a steady pace."""

    def __init__(self, gateway: Gateway, pause: float = 0.5) -> None:
        super().__init__(self._look, pause)
        self.samples: list[Sample] = []
        self._gateway = gateway

    def _look(self) -> None:
        resident = resident_mib(self._gateway.process.pid)
        self.samples.append(Sample(resident, self._gateway.metrics()))


def percentile(values: list[float], percent: float) -> float:
    """So many percent of the values are at most this."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
