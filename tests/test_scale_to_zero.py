"""Item 5: a pool without replicas, and the first request after that."""

import contextlib
import statistics
import time
from pathlib import Path

import pytest

import samples
from conftest import StartGateway
from gateway import Gateway
from policies import PLACEMENTS, onnx, policy, simulated
from process import cpu_seconds, resident_mib
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.elastic(5)

IDLE_SECONDS = 5.0
SCALING = {
    "min_replicas": 0,
    "max_replicas": 2,
    "downscale_delay": "200ms",
    "downscale_to_zero_delay": "500ms",
}
MODELS = {
    "simulated": simulated("20ms", fetch=True),
    "nanodet": onnx("nanodet"),
}
KEPT = {"simulated": 0, "nanodet": 1}
"""Threads of ONNX Runtime's environment, which a process has once; they bear the first replica's name."""
CYCLES = pytest.mark.parametrize(
    "cycles", [pytest.param(2, id="short"), pytest.param(20, id="long", marks=pytest.mark.slow)]
)


@CYCLES
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", MODELS)
def test_to_zero_and_back(
    start_gateway: StartGateway, bucket: Path, name: str, placement: str, cycles: int, holds: Holds
) -> None:
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    model = MODELS[name] | {"autoscaling": SCALING, "placement": placement}
    gateway = start_gateway(policy(bucket, {name: model}))
    kept = KEPT[name] if placement == "thread" else 0
    starts, left = [], []
    for _ in range(cycles):
        starts.append(first_answers(gateway))
        left.append(left_at_zero(gateway, name, kept))
    cold, warm = (statistics.median(times) for times in zip(*starts, strict=True))
    what = f"{name}, {placement}: from zero and back"
    holds(what, f"{len(starts)} times", cycles, len(starts) == cycles)
    holds("  first answer, the next, median", f"{cold * 1e3:.0f}, {warm * 1e3:.0f} ms", "reported", True)
    running = ", ".join(sorted({" ".join(each) for each in left}))
    gone = all(len(each) <= kept for each in left)
    bound = f"{kept} idle thread of ONNX Runtime" if kept else "nothing"
    holds("  left of replicas at zero", running or "nothing", bound, gone)
    judge_idle(gateway, holds)
    answers = gateway.answers(name, "OK")
    holds("  answered", f"{answers:g}", f"{2 * cycles}, each once", answers == 2 * cycles)


def judge_idle(gateway: Gateway, holds: Holds) -> None:
    """What a process costs whose only pool is at zero."""
    before = cpu_seconds(gateway.process.pid)
    time.sleep(IDLE_SECONDS)  # the span that is measured
    share = (cpu_seconds(gateway.process.pid) - before) / IDLE_SECONDS
    holds(f"  CPU at zero, {IDLE_SECONDS:.0f} s", f"{share:.2%} of a core", "<= 1 %", share <= 0.01)
    holds("  resident memory at zero", f"{resident_mib(gateway.process.pid):.0f} MiB", "reported", True)


def first_answers(gateway: Gateway) -> tuple[float, float]:
    """Seconds until the first request is answered, and until the next one is."""
    times = []
    for _ in range(2):
        began = time.monotonic()
        result = gateway.predict("frames:good.jpg").results[0]
        times.append(time.monotonic() - began)
        assert result.WhichOneof("outcome") in ("classification", "detections"), result
    first, second = times
    return first, second


def left_at_zero(gateway: Gateway, name: str, kept: int) -> list[str]:
    """Waits until the pool has no replica; what runs on of those that it had."""
    wait_until("no replica", lambda: not gateway.pool(name).replicas)
    with contextlib.suppress(TimeoutError):
        wait_until("their threads end", lambda: len(left_of_replicas(gateway, name)) <= kept, timeout=5)
    return left_of_replicas(gateway, name)


def left_of_replicas(gateway: Gateway, name: str) -> list[str]:
    """Threads that bear the names of the pool's replicas, and child processes, by their names."""
    names = []
    for task in Path(f"/proc/{gateway.process.pid}/task").iterdir():
        # A thread may end while it is looked at.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children = (task / "children").read_text().split()
            names += [(task / "comm").read_text().strip(), *(f"{name}-process" for _ in children)]
    return [each for each in names if each.startswith(f"{name}-")]
