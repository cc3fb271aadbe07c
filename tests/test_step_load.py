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
from in_flight import InFlight
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

    def __add__(self, more: "Times") -> "Times":
        return Times(self.median + more.median, self.worst + more.worst)

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
# 50 ms for each request, one after the other.
DEVICE = simulated("50ms", max_batch_size=1, batch_wait_timeout="0s", autoscaling=SCALING)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_second_replica_serves(start_gateway: StartGateway, placement: str, holds: Holds) -> None:
    gateway = start_gateway(policy(models={"m": DEVICE | {"placement": placement}}))
    times = [step(gateway) for _ in range(STEPS)]
    judge(f"{placement}: idle to {IN_FLIGHT} in flight", BOUNDS[placement], times, holds)


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    "steps", [pytest.param(3, id="short"), pytest.param(STEPS, id="long", marks=pytest.mark.slow)]
)
def test_a_second_replica_of_a_real_model_serves(
    start_gateway: StartGateway, bucket: Path, placement: str, steps: int, holds: Holds
) -> None:
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    model = onnx("nanodet", max_batch_size=1, batch_wait_timeout="0s") | {"autoscaling": SCALING}
    gateway = start_gateway(
        policy(bucket, {"m": model | {"placement": placement}}, limits={"replica_threads": MOST})
    )
    times = [step(gateway) for _ in range(steps)]
    loads = load_times(gateway)
    assert len(loads) > steps, "each step loads the model at least once"
    load = Times.of(loads)
    holds(f"{placement}, real model: loading it {len(loads)} times, median, longest", load, "reported", True)
    judge(f"{placement}, real model: idle to {IN_FLIGHT} in flight", BOUNDS[placement] + load, times, holds)


def step(gateway: Gateway) -> tuple[float, float]:
    """From idle to all in flight; seconds until a second replica has answered, and until all have."""
    wait_until("one replica, idle", lambda: is_idle(gateway), timeout=60)
    with InFlight(gateway, IN_FLIGHT, "frames:good.jpg") as load:
        answers = load.wait_for_replicas(MOST)
    return answers[1].after, answers[-1].after


def judge(what: str, bounds: Times, times: list[tuple[float, float]], holds: Holds) -> None:
    """Holds the times of the second replica against their bounds."""
    found, every = (Times.of(seconds) for seconds in zip(*times, strict=True))
    is_kept = found.median <= bounds.median and found.worst <= bounds.worst
    holds(f"{what}, {len(times)} steps: a second replica's first answer", found, f"<= {bounds}", is_kept)
    holds(f"  all {MOST} have answered", every, "reported", True)


def is_idle(gateway: Gateway) -> bool:
    """Whether nothing is ongoing, and one replica is left to wait for more."""
    pool = gateway.pool("m")
    states = [replica.state for replica in pool.replicas]
    return pool.ongoing == 0 and states == [api.operator.REPLICA_STATE_RUNNING]


def load_times(gateway: Gateway) -> list[float]:
    """How long each replica took from its start until it ran, in seconds."""
    begun: dict[str, float] = {}
    times = []
    for line in gateway.log():
        at = datetime.fromisoformat(line["timestamp"]).timestamp()
        if line.get("message") == "replica starting":
            begun[line["replica"]] = at
        elif line.get("message") == "replica running":
            times.append(at - begun[line["replica"]])
    return times
