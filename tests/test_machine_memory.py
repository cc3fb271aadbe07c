"""`limits.replica_memory`: how many replicas fit is known by what each took when its model was opened."""

from pathlib import Path

import pytest

import api
from gateway import Gateway
from policies import onnx, policy
from process import resident_mib
from replica_processes import all_run
from waiting import wait_until

MIB = 1 << 20
MODEL = "efficientnet-lite0"


@pytest.fixture(scope="module")
def each(start_shared_gateway) -> int:
    """What a replica of the model takes in a process of its own, in bytes."""
    gateway = start_shared_gateway(policy(models={"m": onnx(MODEL, placement="process")}))
    all_run(gateway, 1)
    [replica] = gateway.pool("m").replicas
    resident = resident_mib(replica.process_id, "RssAnon") * MIB
    assert replica.memory_bytes == pytest.approx(resident, rel=0.1)
    return replica.memory_bytes


def limited(start_gateway, memory: float, bucket: Path | None = None, **scaling: object) -> Gateway:
    """A gateway whose replicas may take so many bytes together."""
    model = onnx(MODEL, placement="process", max_batch_size=1) | {"autoscaling": scaling}
    # Threads do not limit them.
    limits = {"replica_memory": f"{int(memory) >> 10}KiB", "replica_threads": 64}
    return start_gateway(policy(bucket, {"m": model}, limits=limits))


def test_no_more_replicas_start_than_memory_has_room_for(
    start_gateway, reference_frames: Path, each: int
) -> None:
    scaling = {"max_replicas": 6, "target_ongoing_requests": 1}
    gateway = limited(start_gateway, 2.6 * each, reference_frames, **scaling)
    calls = [gateway.start_predict("frames:vtest_050.png") for _ in range(300)]
    wait_until("two run", lambda: len(all_run(gateway, 2)) == 2)
    asked = api.operator.ExplainScalingRequest(model="m")
    decisions = gateway.operator.ExplainScaling(asked, timeout=10).decisions
    bound = [one for one in decisions if one.bound == api.operator.SCALING_BOUND_MACHINE]
    assert bound and bound[0].machine_limit == 2
    assert bound[0].explanation.endswith("the pool's share of limits.replica_threads and replica_memory")
    assert max(one.desired_replicas for one in decisions if one.machine_limit < 6) == 2
    assert all(call.result().results for call in calls)


def test_too_little_memory_for_the_least_is_told(start_gateway, each: int) -> None:
    gateway = limited(start_gateway, 1.5 * each, min_replicas=2, max_replicas=2)
    told = "has no room for min_replicas of all models; a replica of this one takes"
    wait_until("it is told", lambda: told in gateway.pool("m").problem)
    assert gateway.get("/readyz")[0] == 200
