"""Item 3: replicas come and go under a constant load, and no request notices."""

import statistics
import time

import pytest

import api
import ghz
import live
from conftest import StartGateway
from gateway import Gateway
from policies import fixed, policy, simulated
from process import percentile
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.elastic(3)

MOST, LEAST = 8, 1
PER_SECOND = 200
"""One replica alone serves twice as many: 8 in 20 ms."""
CHANGE_LIMIT = 20.0


@pytest.mark.parametrize(
    "rounds", [pytest.param(2, id="short"), pytest.param(10, id="long", marks=pytest.mark.slow)]
)
def test_replicas_come_and_go(start_gateway: StartGateway, rounds: int, holds: Holds) -> None:
    ghz.require()
    gateway = start_gateway(with_replicas(MOST))
    wait_for_replicas(gateway, MOST)
    took = []
    with ghz.Ghz(gateway, "m", PER_SECOND, limit=2 * rounds * CHANGE_LIMIT) as load:
        wait_until("the load", lambda: gateway.pool("m").counters.results >= PER_SECOND)
        for replicas in [LEAST, MOST] * rounds:
            took.append(change(gateway, replicas))
        report = load.stop()
    judge_replicas(gateway, rounds, took, holds)
    failed = report.calls - report.codes["OK"]
    holds(
        f"  calls of ghz, {report.per_second:.0f}/s, failed",
        f"{report.calls}, {failed}",
        f"> {0.9 * PER_SECOND:.0f}/s, 0",
        failed == 0 and report.per_second > 0.9 * PER_SECOND,
    )
    ends = {name: value for name, value in gateway.metrics().items() if name.startswith("framegate_answers")}
    counted = ", ".join(f"{value:g}" for value in ends.values() if value)
    once = sum(ends.values()) == report.calls
    holds("  ends counted by the gateway", counted, f"{report.calls}", once)
    p50, p99 = (percentile(report.seconds, percent) * 1e3 for percent in (50, 99))
    times = f"{p50:.0f}, {p99:.0f}, {max(report.seconds) * 1e3:.0f} ms"
    holds("  answered after, p50, p99, longest", times, "reported", True)


def judge_replicas(gateway: Gateway, rounds: int, took: list[float], holds: Holds) -> None:
    """Whether replicas have come and gone as often as they were to."""
    logged = [line.get("message") for line in gateway.log()]
    came, went = logged.count("replica running"), logged.count("replica stopped")
    wanted = (MOST + rounds * (MOST - LEAST), rounds * (MOST - LEAST))
    holds(
        f"{MOST} → {LEAST} → {MOST}, {rounds} times: replicas started, stopped",
        f"{came}, {went}",
        f"{wanted[0]}, {wanted[1]}",
        (came, went) == wanted,
    )
    median = statistics.median(took)
    holds("  each change took, median, longest", f"{median:.2f}, {max(took):.2f} s", "reported", True)


def with_replicas(replicas: int) -> dict:
    """The policy for so many replicas."""
    scaling = {**fixed(replicas), "downscale_delay": "0s"}
    model = simulated("20ms", max_batch_size=8, batch_wait_timeout="0s") | {"autoscaling": scaling}
    return policy(models={"m": model})


def change(gateway: Gateway, replicas: int) -> float:
    """Changes their number; seconds until there are so many."""
    began = time.monotonic()
    live.write(gateway, with_replicas(replicas))
    wait_for_replicas(gateway, replicas)
    return time.monotonic() - began


def wait_for_replicas(gateway: Gateway, count: int) -> None:
    """Waits until so many run, and none is on its way."""
    running = [api.operator.REPLICA_STATE_RUNNING] * count
    seen = lambda: [replica.state for replica in gateway.pool("m").replicas]  # noqa: E731
    wait_until(f"{count} replicas", lambda: seen() == running, timeout=CHANGE_LIMIT)
