"""Health per model by the standard probe, and models that cannot be loaded beside others that can."""

import shutil
import socket
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

import samples
from gateway import Gateway, run
from places import MODELS, onnx_runtime
from policies import onnx, policy, simulated
from probe import FRAMES, OPERATORS, changes, check
from waiting import wait_until


def no_folder(folder: Path) -> str:
    """No artifact at all; what the problem names."""
    return str(folder / "model.yaml")


def no_yaml(folder: Path) -> str:
    """A `model.yaml` of another form."""
    copy(folder)
    (folder / "model.yaml").write_text("name: [")
    return str(folder / "model.yaml")


def torn_model(folder: Path) -> str:
    """Half an ONNX file."""
    copy(folder)
    model = folder / "model.onnx"
    model.write_bytes(model.read_bytes()[: 64 << 10])
    return str(model)


def copy(folder: Path) -> None:
    shutil.copytree(MODELS / "nanodet", folder, dirs_exist_ok=True, copy_function=shutil.copyfile)


@pytest.fixture
def frame(bucket: Path) -> str:
    """A reference to a frame."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    return "frames:good.jpg"


@pytest.mark.doors(3)
@pytest.mark.parametrize("break_it", [no_folder, no_yaml, torn_model])
def test_a_broken_model_is_told_and_comes_up_once_repaired(
    start_gateway, bucket: Path, tmp_path: Path, frame: str, break_it: Callable[[Path], str]
) -> None:
    folder = tmp_path / "artifact"
    named = break_it(folder)
    broken = onnx("nanodet") | {"artifact": str(folder)}
    gateway = start_gateway(policy(bucket, {"broken": broken, "good": simulated("1ms", fetch=True)}))
    assert [check(gateway, name) for name in ("", FRAMES, OPERATORS, "good")] == ["SERVING"] * 4
    assert [check(gateway, name) for name in ("broken", "unknown")] == ["NOT_SERVING", "NOT_FOUND"]
    assert_told(gateway, named)
    assert_others_serve(gateway, frame)
    health = changes(gateway, "broken")
    assert next(health) == "NOT_SERVING"
    copy(folder)
    assert next(health) == "SERVING"
    assert gateway.predict(frame, models=("broken",)).results[0].HasField("detections")
    wait_until("no problem", lambda: gateway.get("/readyz") == (200, "ready\n"))
    pool = gateway.pool("broken")
    assert (pool.serving, pool.problem) == (True, "")
    assert pool.version


def assert_told(gateway: Gateway, named: str) -> None:
    status, body = gateway.get("/readyz")
    assert (status, body.splitlines()[0]) == (200, "ready"), "the other model is served"
    assert "model `broken`: no replica runs" in body
    assert named in body
    pool = gateway.pool("broken")
    assert not pool.serving
    assert named in pool.problem
    assert gateway.pool("good").serving
    assert any(line.get("message") == "model does not serve" for line in gateway.log())


def assert_others_serve(gateway: Gateway, frame: str) -> None:
    refusal = gateway.refused(frame, models=("broken",))
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "NO_REPLICA")
    assert "/" not in refusal.message, "clients are told no path"
    both = {result.model: result for result in gateway.predict(frame).results}
    assert both["good"].HasField("classification")
    assert both["broken"].error.reason == "NO_REPLICA"


def test_onnx_runtime_can_come_later(
    start_gateway, bucket: Path, tmp_path: Path, frame: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library, real = tmp_path / "libonnxruntime.so", onnx_runtime().resolve()
    monkeypatch.setenv("ORT_DYLIB_PATH", str(library))
    gateway = start_gateway(policy(bucket, {"real": onnx("nanodet"), "good": simulated("1ms")}))
    assert check(gateway, "real") == "NOT_SERVING"
    assert str(library) in gateway.pool("real").problem
    library.symlink_to(real)
    wait_until("it serves", lambda: check(gateway, "real") == "SERVING")
    assert gateway.predict(frame, models=("real",)).results[0].version


def test_without_any_model_it_runs_unready(start_gateway, bucket: Path, tmp_path: Path) -> None:
    folder, port = tmp_path / "artifact", free_port()
    models = {"broken": onnx("nanodet") | {"artifact": str(folder)}}
    rules = policy(bucket, models, server={"http": f"127.0.0.1:{port}"})
    with ThreadPoolExecutor(1) as executor:
        starting: Future[Gateway] = executor.submit(start_gateway, rules)
        probe = Probe(f"127.0.0.1:{port}")
        status, body = wait_until("it answers", probe.ready)
        assert status == 503
        assert body.startswith("model `broken`: no replica runs: cannot start: ")
        assert not starting.done(), "no ready line"
        copy(folder)
        gateway = starting.result()
    assert gateway.get("/readyz") == (200, "ready\n")
    assert check(gateway) == "SERVING"


class Probe(Gateway):
    """Asks a gateway that another holds."""

    def __init__(self, http_address: str) -> None:
        self.http_address = http_address

    def ready(self) -> tuple[int, str] | None:
        """What `/readyz` says, once it says anything about models."""
        try:
            status, body = self.get("/readyz")
        except OSError:
            return None
        return (status, body) if "cannot start" in body else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_a_model_scaled_to_zero_serves_unless_it_is_broken(
    start_gateway, bucket: Path, tmp_path: Path, frame: str
) -> None:
    none = {"autoscaling": {"min_replicas": 0, "max_replicas": 1, "downscale_delay": "0s"}}
    folder = tmp_path / "artifact"
    models = {"asleep": onnx("nanodet") | none, "broken": {"artifact": str(folder)} | none}
    gateway = start_gateway(policy(bucket, models))
    assert check(gateway, "asleep") == "SERVING"
    assert not gateway.pool("asleep").replicas
    wait_until("one replica tries", lambda: str(folder) in gateway.pool("broken").problem)
    assert check(gateway, "broken") == "NOT_SERVING"
    assert gateway.refused(frame, models=("broken",)).reason == "NO_REPLICA"
    copy(folder)
    assert "SERVING" in changes(gateway, "broken")
    wait_until("none is left", lambda: not gateway.pool("broken").replicas)
    assert check(gateway, "broken") == "SERVING"
    for model in models:
        assert gateway.predict(frame, models=(model,)).results[0].version


@pytest.mark.doors(3)
def test_health_goes_off_and_its_watches_end_with_the_gateway(start_gateway) -> None:
    gateway = start_gateway(policy(models={"m": simulated("1ms"), "n": simulated("1ms")}))
    watches = [changes(gateway, name) for name in ("", FRAMES, OPERATORS, "m")]
    assert [next(health) for health in watches] == ["SERVING"] * 4
    gateway.terminate()
    assert [list(health) for health in watches] == [["NOT_SERVING"]] * 4, "then the watches end"
    assert gateway.exit_code(timeout=10) == 0, "within the grace period of 30 s"


def test_check_names_what_cannot_be_served(tmp_path: Path) -> None:
    folder = tmp_path / "artifact"
    config = tmp_path / "policy.yaml"
    config.write_text(f"models:\n  broken: {{ artifact: {folder} }}\n")
    checked = run("check", str(config))
    assert checked.returncode == 0, "the policy is valid"
    assert f"model broken: onnx {folder}, " in checked.stdout
    assert f"\n  cannot be served here: {folder}/model.yaml: " in checked.stdout
