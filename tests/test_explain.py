"""Why pools have the replicas they have: ExplainScaling from outside."""

from pathlib import Path

import grpc
import pytest

import api
import samples
from gateway import Gateway
from policies import onnx, policy, simulated
from waiting import wait_until
from watching import decisions

QUICK_STEPS = {"min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 2, "downscale_delay": "200ms"}
MIN, MAX, MACHINE = (
    getattr(api.operator, f"SCALING_BOUND_{name}") for name in ("MIN_REPLICAS", "MAX_REPLICAS", "MACHINE")
)


def test_scaling_is_explained(start_gateway) -> None:
    # All calls are there before replicas are added, so that the step is cut off.
    scaling = QUICK_STEPS | {"upscale_delay": "200ms"}
    model = simulated("300ms", max_batch_size=1, batch_wait_timeout="0s", autoscaling=scaling)
    gateway = start_gateway(policy(models={"m": model}))
    calls = [gateway.start_predict("any") for _ in range(24)]
    gateway.wait_pool("m", desired_replicas=3)
    for call in calls:
        call.result()
    gateway.wait_pool("m", desired_replicas=1)
    kept = decisions(gateway, "m")
    assert_they_add_up(kept)
    bounds = {decision.bound for decision in kept}
    assert {MAX, MIN} <= bounds
    held = next(d for d in kept if d.bound == MAX)
    assert held.raw_replicas > held.desired_replicas == 3
    assert held.explanation.endswith("held at 3 by max_replicas")
    assert kept[0].cost_per_entry.ToTimedelta().total_seconds() >= 0.3, "what a batch of one takes"
    assert len(decisions(gateway, "m", limit=2)) == 2
    logged = [line for line in gateway.log() if line.get("message") == "scaling"]
    assert any(line["desired"] == 3 and "held at 3 by max_replicas" in line["why"] for line in logged)


def assert_they_add_up(kept: list) -> None:
    """Newest first, each with a demand that is the sum of its inputs, none equal to the one before."""
    times = [decision.time.ToNanoseconds() for decision in kept]
    assert times == sorted(times, reverse=True)
    for decision in kept:
        assert decision.demand == pytest.approx(decision.ongoing + decision.shed + decision.waiting)
        assert decision.raw_replicas == pytest.approx(decision.demand / 2, abs=1)
        assert decision.repeated_times >= 1
        assert decision.last_time.ToNanoseconds() >= decision.time.ToNanoseconds()
        assert f"demand {decision.demand:.1f}" in decision.explanation


def test_a_steady_state_is_one_decision(start_gateway) -> None:
    gateway = start_gateway(policy(models={"m": simulated("1ms")}))
    newest = wait_until("ten equal decisions", lambda: repeated(gateway, 10))
    kept = decisions(gateway, "m")
    assert len(kept) <= 3, "at most: before the replica started, while, and after"
    assert newest.replicas_running == 1
    with pytest.raises(grpc.RpcError) as raised:
        decisions(gateway, "unknown")
    assert api.refusal(raised.value).reason == "UNKNOWN_MODEL"


def repeated(gateway: Gateway, times: int) -> object | None:
    newest = decisions(gateway, "m", limit=1)[0]
    return newest if newest.repeated_times >= times else None


def test_the_machine_binds(start_gateway, bucket: Path) -> None:
    """Replicas of real models take threads of the machine, of which there are two."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    scaling = {"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 1}
    model = onnx("nanodet", max_batch_size=1) | {"autoscaling": scaling}
    gateway = start_gateway(policy(bucket, {"m": model}, limits={"replica_threads": 2}))
    calls = [gateway.start_predict("frames:good.jpg") for _ in range(64)]
    found = wait_until("the machine binds", lambda: bound_by(gateway, MACHINE))
    assert all(decision.machine_limit == 2 == decision.desired_replicas for decision in found)
    assert found[0].explanation.endswith(
        "held at 2 by the pool's share of limits.replica_threads and replica_memory"
    )
    for call in calls:
        call.result()


def bound_by(gateway: Gateway, bound: int) -> list[object]:
    """The decisions that this bound."""
    return [decision for decision in decisions(gateway, "m") if decision.bound == bound]
