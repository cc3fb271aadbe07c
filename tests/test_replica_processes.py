"""`placement: process`: a replica in a process of its own, whose end costs no request."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

import api
from gateway import environment, run
from places import FRAMES, binary
from policies import onnx, policy, simulated
from replica_processes import all_run, children, is_there, running, send
from waiting import wait_until


def processes(base: str = "20ms", replicas: int = 1, **fields: object) -> dict:
    """A policy with one simulated model whose replicas are processes."""
    return policy(models={"m": simulated(base, replicas=replicas, placement="process", **fields)})


def test_a_process_answers_as_a_thread_does(start_gateway, reference_frames: Path) -> None:
    models = ("nanodet", "efficientnet-lite0", "centerface")
    answers = {}
    for placement in ("thread", "process"):
        served = {name: onnx(name, placement=placement) for name in models}
        gateway = start_gateway(policy(reference_frames, served))
        frames = sorted(path.name for path in FRAMES.glob("*.png"))
        answers[placement] = [outcomes(gateway.predict(f"frames:{name}")) for name in frames]
        gateway.stop()
    assert len(answers["process"]) == 9
    assert answers["process"] == answers["thread"]


def outcomes(response: object) -> list[object]:
    """What the models say, without how long it took."""
    results = sorted(response.results, key=lambda result: result.model)
    return [getattr(result, result.WhichOneof("outcome")) for result in results]


def test_operators_see_the_process(start_gateway) -> None:
    gateway = start_gateway(processes(replicas=2))
    pool = gateway.pool("m")
    assert {replica.placement for replica in pool.replicas} == {api.operator.PLACEMENT_PROCESS}
    assert sorted(running(gateway)) == sorted(children(gateway.process.pid))
    assert gateway.predict("any").results[0].replica in {replica.id for replica in pool.replicas}


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM"])
def test_a_process_that_ends_costs_no_request(start_gateway, name: str) -> None:
    gateway = start_gateway(processes(replicas=2, max_batch_size=4))
    victims = all_run(gateway, 2)
    calls = [gateway.start_predict("any") for _ in range(40)]
    end(victims, signal.Signals[name])
    assert {kind_of(call.result()) for call in calls} == {"classification"}
    again = all_run(gateway, 2)
    assert not set(again) & set(victims)
    failures = [line for line in gateway.log() if line.get("message") == "replica failed"]
    assert len(failures) == 2
    assert all(f"({name})" in line["failure"] for line in failures), failures


def end(victims: list[int], number: signal.Signals) -> None:
    """Sends the signal until they are gone: Rust looks at the first SIGSEGV, lest a stack has overflowed."""

    def sent() -> bool:
        for process in victims:
            send(process, number)
        return not any(map(is_there, victims))

    wait_until(f"{victims} are gone", sent)


def kind_of(response: object) -> str:
    """What the one model says."""
    [result] = response.results
    return result.WhichOneof("outcome")


def test_a_process_that_stands_still_is_replaced(start_gateway) -> None:
    gateway = start_gateway(processes())
    [victim] = all_run(gateway, 1)
    send(victim, signal.SIGSTOP)
    wait_until("it is gone", lambda: not is_there(victim), timeout=15)
    [other] = all_run(gateway, 1)
    assert other != victim
    [failure] = [line["failure"] for line in gateway.log() if line.get("message") == "replica failed"]
    assert failure == "crashed: its process said nothing for 5s"


def test_where_memory_runs_out_the_system_takes_the_replica_first(start_gateway) -> None:
    """It ends it with SIGKILL; the larger score goes first."""
    gateway = start_gateway(processes())
    [replica] = all_run(gateway, 1)
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (replica, gateway.process.pid)]
    assert scores[0] == 500 > scores[1]


def test_processes_go_when_they_are_not_needed(start_gateway) -> None:
    model = simulated("20ms", placement="process", max_batch_size=1, batch_wait_timeout="0s")
    model["autoscaling"] = {
        "min_replicas": 1,
        "max_replicas": 4,
        "target_ongoing_requests": 2,
        "downscale_delay": "1s",
    }
    gateway = start_gateway(policy(models={"m": model}))
    calls = [gateway.start_predict("any") for _ in range(300)]
    assert {kind_of(call.result()) for call in calls} == {"classification"}
    assert gateway.wait_pool("m", desired_replicas=1).max_replicas == 4
    wait_until("one process is left", lambda: len(children(gateway.process.pid)) == 1)
    assert max(int(line["desired"]) for line in gateway.log() if line.get("message") == "scaling") == 4


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_its_gateway(start_gateway, end: signal.Signals) -> None:
    gateway = start_gateway(processes("300ms", replicas=2, max_batch_size=1))
    victims = all_run(gateway, 2)
    calls = [gateway.start_predict("any") for _ in range(2)]
    wait_until("both execute", lambda: gateway.pool("m").ongoing == 2)
    gateway.process.send_signal(end)
    code = gateway.exit_code()
    if end != signal.SIGKILL:
        assert code == 0
        assert {kind_of(call.result()) for call in calls} == {"classification"}
    wait_until("they are gone", lambda: not any(map(is_there, victims)), timeout=5)


def test_a_terminals_signal_is_not_for_the_replicas(start_gateway) -> None:
    gateway = start_gateway(processes())
    [replica] = all_run(gateway, 1)
    group = Path(f"/proc/{replica}/stat").read_text().rpartition(")")[2].split()[2]
    assert int(group) == replica, "it would get the Ctrl-C that is meant for the gateway"


def test_a_replica_by_hand_is_refused() -> None:
    ended = run("replica")
    assert ended.returncode == 2
    assert "the standard input is no socket; `framegate serve` starts replicas by itself" in ended.stderr


def test_a_process_that_cannot_start_says_why(tmp_path: Path, start_gateway) -> None:
    (tmp_path / "empty").mkdir()
    model = {"artifact": str(tmp_path / "empty"), "placement": "process"}
    gateway = start_gateway(policy(models={"m": model, "n": simulated("1ms")}))
    problem = gateway.pool("m").problem
    assert "model.yaml" in problem and "No such file" in problem, problem
    assert not children(gateway.process.pid)


def test_what_is_no_gateway_ends_a_replica() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [str(binary()), "replica"], env=environment(), stdin=theirs, stderr=subprocess.PIPE, text=True
            )
        ours.sendall(b"\x00\x00\x00\x02\xff\xff")
        _, told = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "replica process failed" in told
