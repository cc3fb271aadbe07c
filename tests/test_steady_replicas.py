"""Item 2: pools do not flap, neither when the load comes and goes nor when it varies by chance."""

import statistics
import time
from collections import Counter

import pytest

from arrivals import Arrival, Phase, by_chance, evenly, together
from conftest import StartGateway
from open_load import Call, OpenLoad
from policies import policy, simulated
from prove import Holds
from scaling import Change, Decisions, turns

pytestmark = pytest.mark.elastic(2)

TARGET = 16
HIGH_SECONDS, PERIOD = 5.0, 10.0
WAVES = {"two": 80.0, "four": 160.0}
"""Requests per second of a high phase, by how many replicas they ask for."""
LOW = 8.0
MEANS = {1.5: 70.0, 2.5: 113.0}
"""Requests per second, by how often the target they keep ongoing on average."""
SETTLED = 10.0


def device(**scaling: object) -> dict:
    """200 ms for a batch, however large: with a target of half as many, what is ongoing hardly depends on
    the number of replicas."""
    scaling = {"min_replicas": 1, "max_replicas": 10, "target_ongoing_requests": TARGET, **scaling}
    return simulated("200ms", max_batch_size=TARGET, batch_wait_timeout="0s", autoscaling=scaling)


@pytest.mark.parametrize(
    "periods", [pytest.param(2, id="short"), pytest.param(12, id="long", marks=pytest.mark.slow)]
)
def test_a_square_wave(start_gateway: StartGateway, periods: int, holds: Holds) -> None:
    delays = {"default": {}, "quick": {"downscale_delay": "2s"}}
    names = [(wave, delay) for wave in WAVES for delay in delays]
    models = {f"{wave}-{delay}": device(**delays[delay]) for wave, delay in names}
    gateway = start_gateway(policy(models=models))
    load = together(
        *(
            evenly(wave_of(high, periods), *(f"{wave}-{delay}" for delay in delays))
            for wave, high in WAVES.items()
        )
    )
    with Decisions(gateway, *models) as seen, OpenLoad(gateway, load) as playing:
        began = wall_clock(playing.began)
        codes = Counter(call.code for call in playing.finish())
    holds(f"square wave, {periods} periods of {PERIOD:.0f} s", dict(codes), "all OK", set(codes) == {"OK"})
    for wave in WAVES:
        first = seen.changes(f"{wave}-default")
        high = [change for change in first if change.at < began + HIGH_SECONDS]
        later = first[len(high) :]
        holds(
            f"  {wave} replicas, default delays: changes in the first high phase, and later",
            f"{told(high)}, {told(later)}",
            "> 0, none",
            high and not later,
        )
        judge_quick(wave, began, periods, seen.changes(f"{wave}-quick"), holds)


def judge_quick(wave: str, began: float, periods: int, changes: list[Change], holds: Holds) -> None:
    """One rise and one fall in each period at most, each of one step or of several."""
    found = Counter((int((change.at - began) // PERIOD), change.is_up) for change in turns(changes))
    rises = [found[period, True] for period in range(periods)]
    falls = [found[period, False] for period in range(periods)]
    holds(
        f"  {wave} replicas, downscale_delay 2 s: rises and falls of each period",
        f"{rises}, {falls}",
        "<= 1 each, some",
        0 < max(rises) <= 1 and 0 < max(falls) <= 1,
    )
    holds("    in steps of the number wanted", len(changes), "reported", True)


@pytest.mark.parametrize(
    "seconds", [pytest.param(10.0, id="short"), pytest.param(120.0, id="long", marks=pytest.mark.slow)]
)
def test_a_load_by_chance_between_two_numbers(
    start_gateway: StartGateway, seconds: float, holds: Holds
) -> None:
    models = {f"m{number}": device() for number in range(len(MEANS))}
    gateway = start_gateway(policy(models=models))
    lasts = SETTLED + seconds
    loads = [
        by_chance([Phase(lasts, rate)], seed, name)
        for seed, (name, rate) in enumerate(zip(models, MEANS.values(), strict=True), start=1)
    ]
    load = together(*loads)
    with Decisions(gateway, *models) as seen, OpenLoad(gateway, load) as playing:
        settled = wall_clock(playing.began) + SETTLED
        end = settled + seconds
        calls = playing.finish()
    codes = Counter(call.code for call in calls)
    holds(f"by chance, {lasts:.0f} s", dict(codes), "all OK", set(codes) == {"OK"})
    for name, (mean, rate) in zip(models, MEANS.items(), strict=True):
        demand = rate * latency_of(name, load, calls) / TARGET
        near = mean - 0.3 <= demand <= mean + 0.3
        holds("  mean ongoing requests by the target", f"{demand:.2f}", f"{mean} ± 0.3", near)
        changes = [change for change in seen.changes(name, settled) if change.at < end]
        holds(f"    changes after the first {SETTLED:.0f} s", told(changes), "<= 1", len(changes) <= 1)


def latency_of(model: str, load: list[Arrival], calls: list[Call]) -> float:
    """How long the model's requests took on average once it had settled, in seconds."""
    times = [
        call.seconds
        for arrival, call in zip(load, calls, strict=True)
        if arrival.at >= SETTLED and arrival.models == (model,)
    ]
    return statistics.mean(times)


def wave_of(high: float, periods: int) -> list[Phase]:
    """High for 5 s, then low for 5 s, again and again."""
    return [Phase(HIGH_SECONDS, high), Phase(PERIOD - HIGH_SECONDS, LOW)] * periods


def wall_clock(monotonic: float) -> float:
    """The same moment by the clock of decisions."""
    return time.time() - time.monotonic() + monotonic


def told(changes: list[Change]) -> str:
    """In short."""
    return " ".join(f"{change.before}→{change.desired}" for change in changes) or "none"
