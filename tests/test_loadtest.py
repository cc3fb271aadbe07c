"""`framegate-loadtest`: open and closed loads, and what it says of them."""

import json
import re
import subprocess
from pathlib import Path

import pytest

import api
import ghz
from conftest import StartGateway
from h2load import GRPC_HEADERS, METHOD, framed
from loadtest import BINARY, figures, loadtest
from places import ROOT
from policies import policy, simulated
from posts import Server


@pytest.mark.parametrize(
    ("load", "least", "most"),
    [
        (["--even-rate", 100], 200, 200),
        (["--rate", 100], 140, 260),
        (["--bursts", "150@0.5"], 600, 600),
    ],
    ids=["even", "by-chance", "bursts"],
)
def test_as_much_is_asked_as_told(start_gateway: StartGateway, load: list, least: int, most: int) -> None:
    gateway = start_gateway(policy(models={"m": simulated("1ms", max_batch_size=64)}))
    figures = loadtest(gateway, *load, "--seconds", 2, "--cameras", 3, "--models", "m")
    assert figures["ends"].keys() == {"OK"}
    assert least <= figures["ends"]["OK"] <= most
    assert gateway.answers("m", "OK") == figures["ends"]["OK"]
    assert figures["not_sent"] == 0


def test_a_gateway_that_falls_behind_is_not_asked_less(start_gateway: StartGateway) -> None:
    """Twice what it can do for 2 s: the last answer comes 2 s late, and that counts."""
    one_by_one = simulated("50ms", max_batch_size=1, batch_wait_timeout="0s")
    gateway = start_gateway(policy(models={"m": one_by_one}))
    figures = loadtest(gateway, "--even-rate", 40, "--seconds", 2)
    assert figures["ends"] == {"OK": 80}
    assert figures["latency_ms"]["max"] >= 1800
    closed = loadtest(gateway, "--in-flight", 1, "--seconds", 2)
    assert closed["latency_ms"]["p50"] < figures["latency_ms"]["p50"] / 4


def test_refusals_and_what_could_not_be_sent_are_counted(start_gateway: StartGateway) -> None:
    device = simulated("500ms", max_batch_size=1, max_queued_requests=1)
    gateway = start_gateway(policy(models={"m": device}))
    figures = loadtest(gateway, "--bursts", "20@5", "--seconds", 1)
    assert figures["ends"].keys() == {"OK", "QUEUE_FULL"}
    assert sum(figures["ends"].values()) == 20
    figures = loadtest(gateway, "--bursts", "20@5", "--seconds", 1, "--most-in-flight", 2)
    assert (sum(figures["ends"].values()), figures["not_sent"]) == (2, 18)
    figures = loadtest(gateway, "--bursts", "1@5", "--seconds", 1, "--timeout", 0.1)
    assert figures["ends"] == {"DEADLINE_EXCEEDED": 1}


def test_a_recording_is_played(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway(policy(models={"a": simulated("1ms"), "b": simulated("1ms")}))
    frames = [{"at": 0.01 * n, "camera_id": f"camera_{n % 2}", "models": ["ab"[n % 2]]} for n in range(50)]
    recording = tmp_path / "load.jsonl"
    recording.write_text("\n".join(map(json.dumps, frames)))
    figures = loadtest(gateway, "--recording", recording)
    assert figures["ends"] == {"OK": 50}
    assert [gateway.answers(model, "OK") for model in "ab"] == [25, 25]


def test_files_are_posted_to_a_server_of_http2(start_gateway: StartGateway, bodies: Path) -> None:
    """A gateway by its gRPC service: one of two bodies asks for a model that it does not have."""
    gateway = start_gateway(policy(models={"m": simulated("1ms")}))
    url = f"http://{gateway.grpc_address}{METHOD}"
    headers = [word for header in GRPC_HEADERS for word in ("--header", header)]
    asked = ["--url", url, "--bodies", bodies, *headers]
    good, bad = (api.request("frames:a.jpg", models=[name]).SerializeToString() for name in ("m", "n"))
    (bodies / "0").write_bytes(framed(good))
    closed = figures(*asked, "--in-flight", 4, "--seconds", 1)
    assert closed["ends"].keys() == {"OK"}
    assert gateway.answers("m", "OK") == closed["ends"]["OK"]
    (bodies / "1").write_bytes(framed(bad))
    opened = figures(*asked, "--even-rate", 50, "--seconds", 1)
    assert opened["ends"] == {"OK": 25, "GRPC 5": 25}


def test_files_are_posted_to_a_server_of_http1(bodies: Path) -> None:
    asked = ["--http1", "--bodies", bodies, "--header", "X-Test: yes", "--url"]
    for number, body in enumerate(["200", "503"]):
        (bodies / str(number)).write_text(body)
    with Server() as server:
        opened = figures(*asked, server.url, "--bursts", "2@0.1", "--seconds", 1)
    assert opened["ends"] == {"OK": 10, "HTTP 503": 10}
    assert server.posted == {("/it", "200", "yes"): 10, ("/it", "503", "yes"): 10}
    with Server() as server:
        closed = figures(*asked, server.url, "--in-flight", 3, "--seconds", 0.5)
    assert (closed["ends"].keys(), server.connections) == ({"OK", "HTTP 503"}, 3)
    (bodies / "1").write_text("hang up")
    with Server() as server:
        broken = figures(*asked, server.url, "--even-rate", 20, "--seconds", 1)
    assert broken["ends"] == {"OK": 10, "connection closed before message completed": 10}


@pytest.fixture
def bodies(tmp_path: Path) -> Path:
    """A folder for what is posted."""
    folder = tmp_path / "bodies"
    folder.mkdir()
    return folder


def test_the_scenarios_run() -> None:
    ghz.require()
    run = subprocess.run(
        [ROOT / "loadtest" / "run", "1"], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert [line.split()[0] for line in run.stdout.splitlines() if "responses" in line] == ["[OK]", "[OK]"]
    answers = re.findall(r'^framegate_answers_total{model="device",reason="(\w+)"} (\d+)$', run.stdout, re.M)
    # 1000/s of calls, 20 streams of 200 frames, ten bursts.
    assert [reason for reason, _ in answers] == ["OK"], answers
    assert int(answers[0][1]) == pytest.approx(1000 + 20 * 200 + 10 * 150, rel=0.1)


def test_what_is_wrong_is_told(tmp_path: Path, bodies: Path) -> None:
    def refused(*words: object) -> str:
        run = subprocess.run(
            [str(word) for word in (BINARY, *words)], capture_output=True, text=True, timeout=30, check=False
        )
        assert run.returncode != 0
        return run.stderr

    assert "no gateway answers at 127.0.0.1:1" in refused("--addr", "127.0.0.1:1", "--rate", 1)
    assert "--rate" in refused()
    assert "write N@SECONDS" in refused("--bursts", "150")
    nowhere = ["--url", "http://127.0.0.1:1/", "--in-flight", 1]
    assert "--bodies" in refused(*nowhere)
    assert "there is no file" in refused(*nowhere, "--bodies", bodies)
    (bodies / "0").touch()
    assert "no server answers at http://127.0.0.1:1/" in refused(*nowhere, "--bodies", bodies)
    assert "cannot be used with" in refused(*nowhere, "--bodies", bodies, "--addr", "127.0.0.1:1")
    assert "write NAME: VALUE" in refused(*nowhere, "--bodies", bodies, "--header", "te trailers")
