"""`framegate simulate`: a load through a policy's pools in virtual time, as an operator runs it."""

import json
import signal
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import yaml

from gateway import Gateway, environment, run
from places import ROOT, binary
from policies import policy, simulated
from waiting import wait_until

TRACE = {"load": [{"for": "20s", "cameras": 20, "rate": 1}, {"for": "20s", "cameras": 270, "rate": 1}]}
SCALING = {"min_replicas": 1, "max_replicas": 6, "target_ongoing_requests": 2, "downscale_delay": "5s"}


def write(folder: Path, name: str, data: dict) -> str:
    """A YAML file in the folder."""
    path = folder / name
    path.write_text(yaml.safe_dump(data))
    return str(path)


def simulate(folder: Path, policy_file: str, trace: dict, *more: str) -> tuple[str, dict]:
    """The table, and the figures behind it."""
    figures = folder / "figures.json"
    trace_file = write(folder, "trace.yaml", trace)
    done = run("simulate", "--policy", policy_file, "--trace", trace_file, "--json", str(figures), *more)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(figures.read_text())


def test_a_load_is_simulated_as_table_figures_and_drawing(tmp_path: Path) -> None:
    models = {"m": simulated("20ms", max_batch_size=1, autoscaling=SCALING)}
    policy_file = write(tmp_path, "policy.yaml", policy(models=models))
    drawing = tmp_path / "drawing.svg"
    table, figures = simulate(tmp_path, policy_file, TRACE, "--svg", str(drawing))
    head, row, foot = table.splitlines()
    (model,) = figures["models"]
    assert row.split()[:3] == ["m", str(model["requests"]), str(model["served"])]
    assert head.split()[-1] == "replica-s" and foot == "40 s simulated, seed 1"
    assert model["requests"] == model["served"] > 4_000
    assert model["most_replicas"] == 6 and model["latency_ms"]["p50"] >= 20
    assert max(sample["pools"][0]["running"] for sample in figures["timeline"]) == 6
    assert ET.parse(drawing).getroot().tag.endswith("svg")
    assert simulate(tmp_path, policy_file, TRACE) == (table, figures)
    other, _ = simulate(tmp_path, policy_file, TRACE, "--seed", "2")
    assert other.splitlines()[1] != row


def test_real_models_need_costs(tmp_path: Path) -> None:
    config, trace = str(ROOT / "configs" / "demo.yaml"), write(tmp_path, "trace.yaml", {"load": []})
    refused = run("simulate", "--policy", config, "--trace", trace)
    assert refused.returncode == 2
    assert refused.stderr.startswith("what does a batch of `detector` take? Write `costs: { detector: ")
    costs = {"base": "2ms", "per_item": "15ms", "load": "4ms", "start": "300ms"}
    load = [{"for": "30s", "cameras": 10, "rate": 2, "arrivals": "even", "models": ["detector"]}]
    trace = {"costs": {"detector": costs, "classifier": costs}, "load": load}
    _, figures = simulate(tmp_path, config, trace)
    detector, classifier = figures["models"]
    assert detector["served"] == 600 and classifier["requests"] == 0


def test_what_cannot_be_simulated_is_refused(tmp_path: Path) -> None:
    policy_file = write(tmp_path, "policy.yaml", policy(models={"m": simulated("1ms")}))
    for trace, told in [("load: {", "trace.yaml"), ("loads: []", "loads"), ("load: [{ for: 3 }]", "for")]:
        (tmp_path / "trace.yaml").write_text(trace)
        refused = run("simulate", "--policy", policy_file, "--trace", str(tmp_path / "trace.yaml"))
        assert refused.returncode == 2 and told in refused.stderr, refused.stderr
    refused = run("simulate", "--policy", policy_file, "--trace", str(tmp_path / "none.yaml"))
    assert refused.returncode == 2 and "none.yaml" in refused.stderr


def test_what_comes_into_a_gateway_is_recorded_and_simulated(start_gateway, tmp_path: Path) -> None:
    data = policy(models={"a": simulated("5ms"), "b": simulated("5ms")})
    gateway = start_gateway(data)
    recording = tmp_path / "recording.jsonl"
    command = [str(binary()), "record", "--addr", gateway.grpc_address, "--for", "60s", str(recording)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment(), **pipes) as recorder:
        wait_until("the recording", lambda: calls(gateway, recording))
        recorder.send_signal(signal.SIGINT)
        said, complaint = recorder.communicate(timeout=20)
        assert recorder.returncode == 0, complaint
    frames = [json.loads(line) for line in recording.read_text().splitlines()]
    assert said == f"{len(frames)} frames recorded: {recording}\n"
    assert frames[-1]["camera_id"] == "camera_1" and frames[-1]["models"] == ["b"]
    assert [frame["at"] for frame in frames] == sorted(frame["at"] for frame in frames)
    policy_file = write(tmp_path, "policy.yaml", data)
    _, figures = simulate(tmp_path, policy_file, {"recorded": recording.name})
    assert [model["served"] for model in figures["models"]] == [0, len(frames)]
    nobody = run("record", "--addr", "127.0.0.1:1", str(recording))
    assert nobody.returncode == 1 and "no gateway answers at 127.0.0.1:1" in nobody.stderr


def calls(gateway: Gateway, recording: Path) -> bool:
    """Calls once; whether one of the calls is in the recording."""
    gateway.predict("any", models=["b"], camera_id="camera_1")
    return recording.exists() and recording.stat().st_size > 0
