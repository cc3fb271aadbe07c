"""Item 5: two pools of very different speed share a small byte budget and cannot block one another."""

import time
from pathlib import Path

import grpc
import pytest

import samples
from gateway import Gateway
from policies import policy, simulated
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.item(5)

WIDTH, HEIGHT = 640, 480
FRAME_KIB = WIDTH * HEIGHT * 3 // 1024
BUDGET_KIB = 4 * FRAME_KIB
REQUESTS = 500
LIMIT = 60.0


@pytest.mark.parametrize("camera_order", ["one camera", "many cameras"])
def test_500_requests_of_two_models_finish(
    start_gateway, bucket: Path, holds: Holds, camera_order: str
) -> None:
    keys = samples.write_numbered(bucket, 100, WIDTH, HEIGHT, "png")
    models = {
        "fast": simulated("1ms", fetch=True, max_batch_size=4),
        "slow": simulated("50ms", fetch=True, max_batch_size=4),
    }
    limits = {"frame_bytes": f"{BUDGET_KIB}KiB"}
    gateway = start_gateway(policy(bucket, models, limits=limits))
    started = time.monotonic()
    calls = [start(gateway, number, keys, camera_order) for number in range(REQUESTS)]
    most = 0.0
    finished = 0
    for number, call in enumerate(calls):
        finished += is_served(call)
        if number % 25 == 0:
            most = max(most, frame_bytes(gateway))
    took = time.monotonic() - started
    holds(
        f"two pools 1:50, budget of 4 frames, {camera_order}",
        f"{finished} of {REQUESTS} in {took:.1f} s",
        f"all, in < {LIMIT:g} s",
        finished == REQUESTS and took < LIMIT,
    )
    budget = BUDGET_KIB * 1024
    holds("  most bytes of frames seen", f"{most:g}", f"> 0, <= {budget}", 0 < most <= budget)
    report_loads(gateway, holds)


def start(gateway: Gateway, number: int, keys: list[str], camera_order: str) -> grpc.Future:
    """One request for both models."""
    camera = "1" if camera_order == "one camera" else str(number % 25)
    uri = f"frames:{keys[number % len(keys)]}"
    return gateway.start_predict(
        uri, timeout=LIMIT, models=("fast", "slow"), camera_id=camera, request_id=str(number)
    )


def is_served(call: grpc.Future) -> bool:
    """Whether both models have answered with a result."""
    if call.exception() is not None:
        return False
    results = call.result().results
    served = [result.model for result in results if result.WhichOneof("outcome") == "classification"]
    return served == ["fast", "slow"]


def frame_bytes(gateway: Gateway) -> float:
    """Bytes of decoded frames in memory, pinned and cached; the gauges are set each second."""
    metrics = gateway.metrics()
    return sum(metrics[f'framegate_frame_bytes{{kind="{kind}"}}'] for kind in ("pinned", "cached"))


def report_loads(gateway: Gateway, holds: Holds) -> None:
    """Loads, reloads and evictions: that the budget was short."""

    def loads(kind: str) -> float:
        return gateway.metric("framegate_frame_loads_total", kind=kind)

    wait_until("the loads are counted", lambda: loads("decoded") >= REQUESTS)
    evicted = gateway.metric("framegate_frame_evictions_total")
    reloaded = loads("reloaded")
    holds(
        "  decoded, of which again; evicted",
        f"{loads('decoded'):g}, {reloaded:g}; {evicted:g}",
        "> 0 again, > 0 evicted",
        min(reloaded, evicted) > 0,
    )
