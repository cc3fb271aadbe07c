"""Item 5 of the doors: what a gateway costs that nobody asks, and how soon it answers."""

import os
import statistics
import time
from pathlib import Path

import pytest

from conftest import StartGateway
from gateway import Gateway
from policies import policy, simulated
from prove import Holds

pytestmark = [pytest.mark.doors(5), pytest.mark.slow]

IDLE_SECONDS = 30
STARTS = 5
MEBIBYTE = 1 << 20


@pytest.fixture
def idle_policy() -> dict:
    """One simulated model that costs nothing."""
    return policy(models={"null": simulated("0ms")})


def test_an_idle_gateway_costs_next_to_nothing(
    start_gateway: StartGateway, idle_policy: dict, holds: Holds
) -> None:
    gateway = start_gateway(idle_policy)
    gateway.predict("nothing:at-all", models=["null"])
    before = cpu_seconds(gateway)
    time.sleep(IDLE_SECONDS)  # the span that is measured
    share = (cpu_seconds(gateway) - before) / IDLE_SECONDS
    resident = resident_bytes(gateway) / MEBIBYTE
    holds(f"CPU over {IDLE_SECONDS} s", f"{share:.2%} of a core", "<= 1 %", share <= 0.01)
    holds("resident memory", f"{resident:.1f} MiB", "<= 40 MiB", resident <= 40)


def test_the_first_answer_comes_soon(start_gateway: StartGateway, idle_policy: dict, holds: Holds) -> None:
    took = []
    for _ in range(STARTS):
        began = time.monotonic()
        gateway = start_gateway(idle_policy)
        gateway.predict("nothing:at-all", models=["null"])
        took.append(time.monotonic() - began)
        gateway.kill()
    median = statistics.median(took)
    holds(f"start to first answer, median of {STARTS}", f"{median:.3f} s", "<= 0.5 s", median <= 0.5)


def cpu_seconds(gateway: Gateway) -> float:
    """CPU time of the process so far, in user and kernel mode."""
    fields = proc(gateway, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(gateway: Gateway) -> int:
    """Its resident memory."""
    return int(proc(gateway, "statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def proc(gateway: Gateway, name: str) -> str:
    """A file of the process in /proc."""
    return Path(f"/proc/{gateway.process.pid}/{name}").read_text()
