"""Models for GPUs on a machine without one: what is missing is told, or what they fall back to serves them."""

import json
import re
from pathlib import Path

import pytest

import needed
import samples
from conftest import StartGateway
from gateway import Gateway, run
from places import DEPS
from policies import onnx, policy, simulated
from probe import check
from prove import Holds
from waiting import wait_until

GPU_LIBRARY = DEPS / "onnxruntime-gpu" / "libonnxruntime.so"
"""ONNX Runtime with its providers for GPUs, which `scripts/setup onnxruntime-gpu` brings."""
WITH_FEATURES = "fetch.before=off"
"""The binary with failpoints has the features for GPUs too; no failpoint is on."""
WANTED = {"tensorrt": {"backend": "tensorrt"}, "cuda": {"device": "cuda"}}

pytestmark = pytest.mark.skipif(
    Path("/dev/nvidiactl").exists(), reason="this machine has a GPU, and these are about one without"
)


@pytest.fixture
def frame(bucket: Path) -> str:
    """A reference to a frame."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    return "frames:good.jpg"


@pytest.mark.gpu(2)
@pytest.mark.parametrize("wanted", WANTED)
def test_a_program_without_it_says_how_to_build_one(
    start_gateway: StartGateway, bucket: Path, frame: str, wanted: str, holds: Holds
) -> None:
    gateway = start(start_gateway, bucket, WANTED[wanted])
    said = problem(gateway)
    told = f"{wanted} is not in this program" in said and f"--features {wanted}" in said
    holds(f"{wanted}, built without", said, "names the feature", told)
    the_other_serves(gateway, frame)


@pytest.mark.gpu(2)
@pytest.mark.parametrize("wanted", WANTED)
def test_a_library_without_it_is_named(
    start_gateway: StartGateway, bucket: Path, frame: str, wanted: str, holds: Holds
) -> None:
    gateway = start(start_gateway, bucket, WANTED[wanted], WITH_FEATURES)
    said = problem(gateway)
    told = f"{wanted} is not in this library of ONNX Runtime: set ORT_DYLIB_PATH" in said
    holds(f"{wanted}, ONNX Runtime for CPUs", said, "names the library", told)
    the_other_serves(gateway, frame)


@pytest.mark.slow
@pytest.mark.gpu(2)
@pytest.mark.parametrize("placement", ["process", "thread"])
@pytest.mark.parametrize("wanted", WANTED)
def test_without_a_driver_the_real_provider_ends_in_an_error(
    start_gateway: StartGateway,
    bucket: Path,
    frame: str,
    wanted: str,
    placement: str,
    holds: Holds,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = f"{GPU_LIBRARY} is missing: scripts/setup onnxruntime-gpu"
    needed.require(None if GPU_LIBRARY.exists() else missing)
    monkeypatch.setenv("ORT_DYLIB_PATH", str(GPU_LIBRARY))
    gateway = start(start_gateway, bucket, WANTED[wanted] | {"placement": placement}, WITH_FEATURES)
    said = problem(gateway)
    told = f"{wanted} needs NVIDIA's driver, and libcuda.so.1 is not found" in said
    holds(f"{wanted}, its provider and no driver, {placement}", said, "names the driver", told)
    panicked = [line for line in gateway.log() if "panic" in json.dumps(line)]
    holds("  panics", len(panicked), "0", not panicked)
    the_other_serves(gateway, frame)


@pytest.mark.gpu(2)
@pytest.mark.parametrize("faults", ["", WITH_FEATURES], ids=["without", "with-features"])
def test_what_it_may_fall_back_to_serves_it(
    start_gateway: StartGateway, bucket: Path, frame: str, faults: str, holds: Holds
) -> None:
    keys = {"backend": "tensorrt", "precision": "fp16", "fallback": ["cuda", "cpu"]}
    gateway = start(start_gateway, bucket, keys, faults)
    wait_until("it serves", lambda: check(gateway, "wants") == "SERVING")
    answer = gateway.predict(frame, models=("wants",)).results[0]
    [replica] = gateway.pool("wants").replicas
    served = (replica.device, answer.HasField("detections"))
    holds("tensorrt, else cuda, else cpu", served, "('cpu', True)", served == ("cpu", True))
    warned = [line["message"] for line in gateway.log() if line.get("level") == "WARN"]
    for missing in WANTED:
        said = [line for line in warned if re.match(f"executed by cpu, since {missing} is not in", line)]
        holds(f"  warned of {missing}", len(said), "1", len(said) == 1)


def test_the_doctor_says_what_is_missing_what_for_and_how_to_get_it() -> None:
    ran = run("doctor")
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    driver = next(number for number, line in enumerate(lines) if line.startswith("NVIDIA driver"))
    assert "MISSING: libcuda.so.1" in lines[driver]
    assert "enables: models on GPUs" in lines[driver + 1]
    assert "get it:" in lines[driver + 2]
    findings = {it["part"]: it for it in json.loads(run("doctor", "--json").stdout)["findings"]}
    assert findings["ONNX Runtime"]["found"]
    assert not findings["devices"]["found"]


def start(start_gateway: StartGateway, bucket: Path, keys: dict, faults: str = "") -> Gateway:
    """A gateway of a model that wants a GPU, and of one that does not."""
    models = {"wants": onnx("nanodet", **keys), "good": simulated("1ms", fetch=True)}
    return start_gateway(policy(bucket, models), faults)


def problem(gateway: Gateway) -> str:
    """Why the model is not served."""
    return wait_until("it has been tried", lambda: gateway.pool("wants").problem)


def the_other_serves(gateway: Gateway, frame: str) -> None:
    assert (check(gateway, "wants"), check(gateway, "good")) == ("NOT_SERVING", "SERVING")
    refusal = gateway.refused(frame, models=("wants",))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "NO_REPLICA")
    assert gateway.predict(frame, models=("good",)).results[0].HasField("classification")
