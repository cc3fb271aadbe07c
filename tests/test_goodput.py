"""Item 9: five times the capacity, and what is left of it."""

import statistics
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from arrivals import Phase, evenly
from conftest import StartGateway
from gateway import Gateway
from in_flight import InFlight
from open_load import Call, OpenLoad
from policies import policy, simulated
from process import percentile
from prove import Holds

pytestmark = pytest.mark.elastic(9)

REPLICAS, BATCH = 2, 2
CAPACITY = 80.0
"""Requests per second, when each replica takes batches of 2 in 50 ms."""
NORMAL, OVERLOAD, AFTER = Phase(3.0, CAPACITY / 2), 5 * CAPACITY, Phase(6.0, CAPACITY / 2)
BACK_BOUND = 5.0
PEAK_SECONDS = 4.0
DEVICE = simulated(
    "50ms",
    max_batch_size=BATCH,
    autoscaling={"min_replicas": 1, "max_replicas": REPLICAS, "target_ongoing_requests": BATCH},
)


@dataclass(frozen=True)
class Limit:
    """What keeps clients from waiting: a short queue, or their own patience."""

    max_queued_requests: int
    timeout: float
    codes: frozenset[str]
    """How a request may end."""


LIMITS = {
    "queue": Limit(64, 30.0, frozenset({"OK", "RESOURCE_EXHAUSTED"})),
    "deadline": Limit(1024, 1.0, frozenset({"OK", "DEADLINE_EXCEEDED"})),
}


RUNS = [
    pytest.param("queue", 6.0, id="queue-short"),
    pytest.param("queue", 300.0, id="queue-long", marks=pytest.mark.slow),
    # Until the gateway has learnt when it is too late, about as much is lost as the bound allows; so the short one
    # is of the proof alone, too.
    pytest.param("deadline", 6.0, id="deadline-short", marks=pytest.mark.slow),
    pytest.param("deadline", 300.0, id="deadline-long", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("limit", "seconds"), RUNS)
def test_overload(start_gateway: StartGateway, limit: str, seconds: float, holds: Holds) -> None:
    bounds = LIMITS[limit]
    device = DEVICE | {"max_queued_requests": bounds.max_queued_requests}
    gateway = start_gateway(policy(models={"m": device}))
    peak = measure_peak(gateway)
    load = evenly([NORMAL, Phase(seconds, OVERLOAD), AFTER], "m")
    with OpenLoad(gateway, load, bounds.timeout) as playing:
        calls = playing.finish()
    begin, end = NORMAL.seconds, NORMAL.seconds + seconds
    within = [call for call in calls if begin <= call.sent < end]
    offered = len(within) / seconds
    times = f"{offered:.0f}/s for {seconds:.0f} s, {offered / peak:.1f} times the peak of {peak:.1f}/s"
    holds(f"{limit}: overload", times, ">= 4.5 times", offered >= 4.5 * peak)
    kinds = Counter(call.code for call in calls)
    holds("  how they ended", dict(kinds), "/".join(sorted(bounds.codes)), set(kinds) == bounds.codes)
    good = sum(call.code == "OK" and begin <= call.ended < end for call in calls) / seconds
    share = f"{good:.1f}/s, {good / peak:.1%} of the peak"
    holds("  goodput", share, ">= 95 %", good >= 0.95 * peak)
    judge_refusals([call for call in within if call.code == "RESOURCE_EXHAUSTED"], holds)
    back = seconds_until_normal(calls, end)
    bound = f"<= {BACK_BOUND:.0f} s"
    holds("  back to normal", f"{back:.0f} s after its end", bound, back <= BACK_BOUND)
    late = percentile([call.sent - call.due for call in calls], 99)
    holds("  sent later than they were due, p99", f"{late * 1e3:.1f} ms", "reported", True)


def measure_peak(gateway: Gateway) -> float:
    """Answers per second of a load that is always just enough for full batches."""
    with InFlight(gateway, 4 * REPLICAS * BATCH) as load:
        load.wait_for_replicas(REPLICAS)
        begin = load.answers()[-1].after
        time.sleep(PEAK_SECONDS)  # the span that is measured
        answers = load.answers()
    within = [answer for answer in answers if begin < answer.after <= begin + PEAK_SECONDS]
    return len(within) / PEAK_SECONDS


def judge_refusals(refused: list[Call], holds: Holds) -> None:
    """They come at once."""
    if not refused:
        return
    times = [call.seconds * 1e3 for call in refused]
    p50, p99 = percentile(times, 50), percentile(times, 99)
    told = f"{p50:.1f}, {p99:.1f}, {max(times):.1f} ms"
    holds(f"  {len(times)} refusals, p50, p99, longest", told, "<= 50 ms", max(times) <= 50)


def seconds_until_normal(calls: list[Call], end: float) -> float:
    """After the overload, the end of the last second that was not as those before it."""
    usual = max(call.seconds for call in calls if 1.0 <= call.due < NORMAL.seconds)
    seconds = range(int(AFTER.seconds))
    after = [[call for call in calls if end + n <= call.due < end + n + 1] for n in seconds]
    return max((n + 1 for n, span in enumerate(after) if not is_normal(span, usual)), default=0)


def is_normal(calls: list[Call], usual: float) -> bool:
    """Whether all are answered, and most hardly later than the slowest before: by when two come within a batch."""
    answered = all(call.code == "OK" for call in calls)
    return answered and statistics.median(call.seconds for call in calls) <= 1.5 * usual
