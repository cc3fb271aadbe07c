"""Item 7: what `framegate simulate` says of a load, and what the same load does to a gateway."""

import statistics
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

import api
from arrivals import Arrival, Phase, by_chance
from conftest import StartGateway
from gateway import Gateway
from open_load import OpenLoad
from policies import policy, simulated
from process import percentile
from prove import Holds
from recording import Recording
from scaling import ReplicaSeconds
from waiting import wait_until

pytestmark = pytest.mark.elastic(7)

SCALING = {"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 2, "downscale_delay": "3s"}
# Full batches take 90 ms, so a replica serves up to 44 requests per second.
POLICY = policy(models={"m": simulated("50ms", "10ms", max_batch_size=4, autoscaling=SCALING)})
PART, LEAST_MS = 0.1, 20.0
"""How far a figure may be off: a tenth; at the 99th percentile 20 ms at least."""


@dataclass(frozen=True)
class Figures:
    """Of a run, real or simulated."""

    p50: float
    p99: float
    replica_seconds: float


# All by chance: where requests come at even distances and replicas are just busy, a millisecond more or
# less for each makes half of them wait for another one or not, and the median says nothing.


def steps(seconds: float, seed: int) -> list[Arrival]:
    """Few requests, many, and few again, by chance."""
    return by_chance([Phase(seconds / 3, rate) for rate in (15, 75, 15)], seed, "m")


def waves(seconds: float, seed: int) -> list[Arrival]:
    """Few requests and many in turn, by chance."""
    return by_chance([Phase(10.0, 8), Phase(10.0, 50)] * round(seconds / 20), seed, "m")


def bursts(seconds: float, seed: int) -> list[Arrival]:
    """Two seconds in ten that bring five times as many, by chance."""
    return by_chance([Phase(8.0, 20), Phase(2.0, 100)] * round(seconds / 10), seed, "m")


@pytest.mark.parametrize(
    ("trace", "seconds", "runs"),
    [
        pytest.param(steps, 15.0, 1, id="steps-short"),
        *(
            pytest.param(trace, 60.0, 3, id=f"{trace.__name__}-long", marks=pytest.mark.slow)
            for trace in (steps, waves, bursts)
        ),
    ],
)
def test_a_simulation_is_true(
    start_gateway: StartGateway, tmp_path: Path, trace, seconds: float, runs: int, holds: Holds
) -> None:
    load = trace(seconds, 7)
    name = f"{trace.__name__}, {seconds:.0f} s"
    found = [compare(start_gateway(POLICY), load, tmp_path / f"run_{run}") for run in range(runs)]
    real, simulation = (median(figures) for figures in zip(*found, strict=True))
    holds(f"{name}: requests, runs", f"{len(load)}, {runs}", "reported", True)
    for what, real_value, value in zip(("p50", "p99"), astuple(real), astuple(simulation), strict=False):
        allowed = PART * real_value if what == "p50" else max(PART * real_value, LEAST_MS)
        told = f"{real_value:.1f} ms real, {value:.1f} ms simulated"
        bound = f"{allowed:.1f} ms apart"
        holds(f"  {what}", told, bound, abs(value - real_value) <= allowed)
    apart = simulation.replica_seconds / real.replica_seconds - 1
    told = f"{real.replica_seconds:.1f} real, {simulation.replica_seconds:.1f} simulated ({apart:+.1%})"
    holds("  replica-seconds", told, f"{PART:.0%} apart", abs(apart) <= PART)


def compare(gateway: Gateway, load: list[Arrival], folder: Path) -> tuple[Figures, Figures]:
    """What the load does to the gateway, and what the simulation says of what the gateway has seen."""
    with Recording(gateway, folder) as recording, ReplicaSeconds(gateway, "m") as replicas:
        wait_until("one replica, idle", lambda: is_idle(gateway))
        with OpenLoad(gateway, load) as playing:
            calls = playing.finish()
    kinds = Counter(call.code for call in calls)
    assert set(kinds) == {"OK"}, kinds
    times = [call.seconds * 1e3 for call in calls]
    begin, end = (playing.began + at for at in (calls[0].sent, max(call.ended for call in calls)))
    real = Figures(percentile(times, 50), percentile(times, 99), replicas.between(begin, end))
    (model,) = recording.simulate(POLICY)["models"]
    assert model["served"] == model["requests"] == len(load), model
    latency = model["latency_ms"]
    return real, Figures(latency["p50"], latency["p99"], model["replica_seconds"])


def median(figures: tuple[Figures, ...]) -> Figures:
    """The median of each figure."""
    return Figures(*map(statistics.median, zip(*map(astuple, figures), strict=True)))


def is_idle(gateway: Gateway) -> bool:
    """Whether nothing is ongoing, and one replica is there."""
    pool = gateway.pool("m")
    states = [replica.state for replica in pool.replicas]
    return pool.ongoing == 0 and states == [api.operator.REPLICA_STATE_RUNNING]
