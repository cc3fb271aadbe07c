"""Pools share the machine's threads evenly; the last replica of a pool has a delay of its own."""

from pathlib import Path

import api
import samples
from gateway import Gateway
from policies import onnx, policy, simulated
from waiting import wait_until
from watching import decisions

GREEDY = {"min_replicas": 1, "max_replicas": 8, "target_ongoing_requests": 1}


def running(gateway: Gateway, model: str) -> int:
    """How many replicas of the pool take entries."""
    return sum(
        replica.state == api.operator.REPLICA_STATE_RUNNING for replica in gateway.pool(model).replicas
    )


def test_a_pool_gives_back_what_another_has_a_right_to(start_gateway, bucket: Path) -> None:
    """The first pool takes all threads that are free; when the second wants more, each gets two of four."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    model = onnx("nanodet", max_batch_size=1) | {"autoscaling": GREEDY}
    models = {"first": model, "second": model}
    gateway = start_gateway(policy(bucket, models, limits={"replica_threads": 4}))
    calls = [gateway.start_predict("frames:good.jpg", models=["first"]) for _ in range(100)]
    wait_until("three replicas of the first", lambda: running(gateway, "first") == 3)
    calls += [gateway.start_predict("frames:good.jpg", models=["second"]) for _ in range(50)]
    wait_until("two of each", lambda: [running(gateway, name) for name in models] == [2, 2])
    for call in calls:
        assert call.result().results[0].WhichOneof("outcome") == "detections"


def test_the_last_replica_stops_after_a_delay_of_its_own(start_gateway) -> None:
    scaling = {"min_replicas": 0, "max_replicas": 3, "target_ongoing_requests": 1}
    delays = {"downscale_delay": "0s", "downscale_to_zero_delay": "1s"}
    model = simulated("50ms", max_batch_size=1, batch_wait_timeout="0s", autoscaling={**scaling, **delays})
    gateway = start_gateway(policy(models={"m": model}))
    for _ in range(2):  # from nothing each time
        gateway.wait_pool("m", desired_replicas=0)
        for call in [gateway.start_predict("any") for _ in range(8)]:
            call.result()
    gateway.wait_pool("m", desired_replicas=0)
    kept = decisions(gateway, "m")
    held = [d for d in kept if d.bound == api.operator.SCALING_BOUND_DOWNSCALE_TO_ZERO_DELAY]
    assert {decision.desired_replicas for decision in held} == {1}
    assert held[0].explanation.endswith("kept at 1 until downscale_to_zero_delay (1s) has passed")
