"""What must hold of the speed against the limits of this machine: items 1 and 2."""

import statistics
import subprocess
from collections import Counter
from pathlib import Path

import pytest

import api
import h2load
from conftest import StartGateway
from gateway import Gateway
from h2load import H2load
from limits import Echo, frame_loop
from loadtest import loadtest
from places import DEPS
from policies import onnx, policy, simulated
from prove import Holds

pytestmark = pytest.mark.slow

ROUNDS = 5
SECONDS = 4.0
FRAMES = 64


@pytest.mark.fast(1)
def test_a_null_model_against_a_bare_echo(start_gateway: StartGateway, tmp_path: Path, holds: Holds) -> None:
    h2load.require()
    null = simulated("0ms", replicas=2, max_batch_size=8, batch_wait_timeout="1ms")
    gateway = start_gateway(policy(models={"null": null}))
    load = H2load(tmp_path, request())
    with Echo() as echo:
        load.rate(gateway.grpc_address, gateway.process.pid, 1)
        load.rate(echo.address, echo.pid, 1)
        before = ends(gateway)
        bare, served = [], []
        for _ in range(ROUNDS):
            bare.append(load.rate(echo.address, echo.pid, SECONDS))
            served.append(load.rate(gateway.grpc_address, gateway.process.pid, SECONDS))
    limit, rate = (statistics.median(each.per_second for each in rates) for rates in (bare, served))
    share = statistics.median(a.per_second / b.per_second for a, b in zip(served, bare, strict=True))
    holds("bare echo, requests/s, median", f"{limit:.0f}", "reported", True)
    cpu = statistics.median(each.cpu_us for each in bare)
    holds("  CPU for each", f"{cpu:.1f} us", "reported", True)
    holds("null model, 64 in flight, requests/s, median", f"{rate:.0f}", ">= 70000", rate >= 70_000)
    holds("  share of the echo, median", f"{share:.1%}", ">= 80 %", share >= 0.8)
    failed, done = (sum(getattr(each, name) for each in served) for name in ("failed", "done"))
    # h2load does not read how a call of gRPC ended; what was under way at an end was not waited for.
    counted = ends(gateway) - before
    told = f"{done}, {failed} failed; by the gateway {dict(counted)}"
    holds("  answered", told, "0 failed, all OK", failed == 0 and set(counted) == {"OK"})
    cpu = statistics.median(each.cpu_us for each in served)
    holds("  CPU for each", f"{cpu:.1f} us", "<= 25 us", cpu <= 25)
    times = [load.latency_ms(gateway.grpc_address, SECONDS, 99) for _ in range(ROUNDS)]
    p99 = statistics.median(times)
    holds("  p99", f"{p99:.2f} ms", "<= 2 ms", p99 <= 2)


def ends(gateway: Gateway) -> Counter[str]:
    """How its requests have ended."""
    return Counter(
        {reason: gateway.answers("null", reason) for reason in ("OK", "QUEUE_FULL", "DEADLINE_EXCEEDED")}
    )


def request() -> api.frames.PredictRequest:
    """A reference of about a hundred bytes."""
    asked = api.frames.PredictRequest(request_id="request-000001", models=["null"])
    asked.frame.uri = "frames:camera_017/2026-11-27/frame_000123.jpg"
    asked.frame.camera_id = "camera_017"
    return asked


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Frames of 1280x720, as cameras send them."""
    folder = tmp_path / "frames"
    folder.mkdir()
    clip = ["-i", DEPS / "clips" / "vtest.avi", "-vf", "scale=1280:720", "-frames:v", FRAMES, "-q:v", 3]
    command = ["ffmpeg", "-v", "error", *clip, "-start_number", 0, folder / "frame_%d.jpg"]
    subprocess.run([str(word) for word in command], check=True)
    return folder


@pytest.mark.fast(2)
@pytest.mark.parametrize("in_flight", [32, 8])
def test_the_frame_job_against_a_loop(
    start_gateway: StartGateway, frames: Path, in_flight: int, holds: Holds
) -> None:
    # Batches do not pay on a CPU.
    model = onnx("efficientnet-lite0", replicas=2, num_threads=1, max_batch_size=1, batch_wait_timeout="0s")
    gateway = start_gateway(policy(frames, {"classifier": model}))
    load = ["--in-flight", in_flight, "--frames", FRAMES, "--cameras", 8, "--warm-up", 2, "--seconds", 8]
    loops, served = [], []
    for _ in range(ROUNDS):
        loops.append(frame_loop(frames, 8))
        served.append(loadtest(gateway, *load))
    limit = statistics.median(loops)
    rate = statistics.median(each["per_second"] for each in served)
    share = statistics.median(a["per_second"] / b for a, b in zip(served, loops, strict=True))
    holds(f"loop without a server, {in_flight}: frames/s, median", f"{limit:.1f}", "reported", True)
    holds(f"frame job, {in_flight} in flight: frames/s, median", f"{rate:.1f}", "reported", True)
    holds("  share of the loop, median", f"{share:.1%}", ">= 97 %", share >= 0.97)
    ends = {end for each in served for end in each["ends"]}
    holds("  how they ended", ", ".join(sorted(ends)), "OK", ends == {"OK"})
    p50, p99 = (statistics.median(each["latency_ms"][name] for each in served) for name in ("p50", "p99"))
    told = f"{p50:.0f}, {p99:.0f} ms, {p99 / p50:.2f}"
    if in_flight == 8:
        holds("  p50, p99, their ratio", told, "<= 1.3", p99 <= 1.3 * p50)
    else:
        holds("  p50, p99, their ratio", told, "reported", True)
