"""Item 1: from idle to 32 requests in flight, and how soon a second replica serves."""

import statistics
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

import api
import samples
from conftest import StartGateway
from gateway import Gateway
from in_flight import Answer, InFlight
from policies import PLACEMENTS, onnx, policy, simulated
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.elastic(1)

IN_FLIGHT, MOST = 32, 4
STEPS = 10


@dataclass(frozen=True)
class Times:
    """How long something took that was done again and again, in seconds."""

    median: float
    worst: float

    @classmethod
    def of(cls, seconds: list[float]) -> "Times":
        return cls(statistics.median(seconds), max(seconds))

    def __str__(self) -> str:
        return f"{self.median * 1e3:.0f}, {self.worst * 1e3:.0f} ms"


BOUNDS = {"thread": Times(0.3, 0.6), "process": Times(1.0, 2.0)}
"""Until a second replica has answered, by where replicas run."""
SCALING = {
    "min_replicas": 1,
    "max_replicas": MOST,
    "target_ongoing_requests": IN_FLIGHT // MOST,
    "look_back": "200ms",
    "downscale_delay": "200ms",  # back to one between two steps
}
ONE_BY_ONE = {"max_batch_size": 1, "batch_wait_timeout": "0s"}
# 50 ms for each request.
DEVICE = simulated("50ms", **ONE_BY_ONE, autoscaling=SCALING)
CORES = 2
# About as long for each request, as long as each replica has a core.
REAL = onnx("efficientnet-lite0", **ONE_BY_ONE) | {"autoscaling": {**SCALING, "max_replicas": CORES}}


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_second_replica_serves(start_gateway: StartGateway, placement: str, holds: Holds) -> None:
    gateway = start_gateway(policy(models={"m": DEVICE | {"placement": placement}}))
    answers = [step(gateway, MOST) for _ in range(STEPS)]
    judge(f"{placement}: idle to {IN_FLIGHT} in flight", placement, answers, holds)


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    "steps", [pytest.param(3, id="short"), pytest.param(STEPS, id="long", marks=pytest.mark.slow)]
)
def test_a_second_replica_of_a_real_model_serves(
    start_gateway: StartGateway, bucket: Path, placement: str, steps: int, holds: Holds
) -> None:
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(320, 240)))
    gateway = start_gateway(policy(bucket, {"m": REAL | {"placement": placement}}))
    answers = [step(gateway, CORES) for _ in range(steps)]
    loads = load_times(gateway)
    told = Times.of([loads[second.replica] for _, second in answers])
    holds(f"{placement}, real model: loading it for a second replica", told, "reported", True)
    judge(
        f"{placement}, real model, less its loading: idle to {IN_FLIGHT} in flight",
        placement,
        answers,
        holds,
        loads,
    )


def step(gateway: Gateway, replicas: int) -> list[Answer]:
    """From idle to all in flight; the first answers of so many replicas."""
    wait_until("one replica, idle", lambda: is_idle(gateway), timeout=60)
    with InFlight(gateway, IN_FLIGHT, "frames:good.jpg") as load:
        return load.wait_for_replicas(replicas)


def judge(
    what: str, placement: str, steps: list[list[Answer]], holds: Holds, loads: dict[str, float] | None = None
) -> None:
    """Holds the times of the second replica, less what it took to load its model, against their bounds."""
    seconds = [answers[1].after - (loads or {}).get(answers[1].replica, 0.0) for answers in steps]
    found, bounds = Times.of(seconds), BOUNDS[placement]
    is_kept = found.median <= bounds.median and found.worst <= bounds.worst
    told = f"{what}, {len(steps)} steps: a second replica's first answer"
    holds(told, found, f"<= {bounds}", is_kept)
    every = Times.of([answers[-1].after for answers in steps])
    holds(f"  all {len(steps[0])} have answered", every, "reported", True)


def is_idle(gateway: Gateway) -> bool:
    """Whether nothing is ongoing, and one replica is left to wait for more."""
    pool = gateway.pool("m")
    states = [replica.state for replica in pool.replicas]
    return pool.ongoing == 0 and states == [api.operator.REPLICA_STATE_RUNNING]


def load_times(gateway: Gateway) -> dict[str, float]:
    """How long each replica took from its start until it ran, in seconds."""
    moments: dict[str, list[float]] = {}
    for line in gateway.log():
        if line.get("message") in ("replica starting", "replica running"):
            at = datetime.fromisoformat(line["timestamp"]).timestamp()
            moments.setdefault(line["replica"], []).append(at)
    return {replica: max(times) - min(times) for replica, times in moments.items()}
