"""Item 5 of the doors: what a gateway costs that nobody asks, and how soon it answers."""

import statistics
import time

import pytest

from conftest import StartGateway
from policies import policy, simulated
from process import cpu_seconds, resident_mib
from prove import Holds

pytestmark = [pytest.mark.doors(5), pytest.mark.fast(3), pytest.mark.slow]

IDLE_SECONDS = 30
STARTS = 5


@pytest.fixture
def idle_policy() -> dict:
    """One simulated model that costs nothing."""
    return policy(models={"null": simulated("0ms")})


def test_an_idle_gateway_costs_next_to_nothing(
    start_gateway: StartGateway, idle_policy: dict, holds: Holds
) -> None:
    gateway = start_gateway(idle_policy)
    gateway.predict("nothing:at-all", models=["null"])
    before = cpu_seconds(gateway.process.pid)
    time.sleep(IDLE_SECONDS)  # the span that is measured
    share = (cpu_seconds(gateway.process.pid) - before) / IDLE_SECONDS
    resident = resident_mib(gateway.process.pid)
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
    holds(f"start to first answer, median of {STARTS}", f"{median:.3f} s", "<= 0.2 s", median <= 0.2)
