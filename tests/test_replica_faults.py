"""Elastic pools, item 4: replicas that are killed, crash or hang, and what becomes of their requests."""

import io
import random
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from PIL import Image

import api
from arrivals import Phase, evenly
from gateway import Gateway
from open_load import OpenLoad
from places import failpoints_binary
from policies import policy, simulated
from prove import Holds
from replica_processes import children, running, send
from steady import Steady
from waiting import wait_until

RATE = 200
DEADLINE = 5.0
BATCH = 16
POISON = (255, 0, 255)


@pytest.fixture
def failpoints() -> None:
    """A binary that has failpoints."""
    path = failpoints_binary()
    assert path.exists(), f"{path} is missing; run make failpoints"


# Killed from outside


class Killer:
    """Kills a replica's process, by chance which."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self._gateway, self._random = gateway, random.Random(seed)
        self.killed: list[int] = []

    def kill(self) -> None:
        """One that takes entries, if any does."""
        processes = running(self._gateway)
        if processes:
            victim = self._random.choice(processes)
            send(victim, signal.SIGKILL)
            self.killed.append(victim)


@pytest.mark.elastic(4)
def test_a_kill_each_second_fails_no_request(start_gateway, holds: Holds) -> None:
    kill_replicas(start_gateway, holds, seconds=15)


@pytest.mark.slow
@pytest.mark.elastic(4)
def test_ten_minutes_of_kills_fail_no_request(start_gateway, holds: Holds) -> None:
    kill_replicas(start_gateway, holds, seconds=600)


def kill_replicas(start_gateway, holds: Holds, seconds: float) -> None:
    """The load of item 4 under a kill each second."""
    model = simulated("20ms", replicas=4, placement="process", max_batch_size=4, batch_wait_timeout="2ms")
    gateway = start_gateway(policy(models={"m": model}))
    killer = Killer(gateway, seed=4)
    load = evenly([Phase(seconds, RATE)], "m")
    with OpenLoad(gateway, load, DEADLINE) as playing, Steady(killer.kill, pause=1.0):
        calls = playing.finish()
    ends, kills = Counter(call.code for call in calls), len(killer.killed)
    holds(f"{seconds:.0f} s at {RATE}/s: kills", kills, f">= {seconds * 0.8:.0f}", kills >= seconds * 0.8)
    holds("  how the requests ended", dict(ends), f"{len(load)} OK", ends == {"OK": len(load)})
    answers = int(gateway.answers("m", "OK"))
    holds("  outcomes that the gateway counts", answers, len(load), answers == len(load))
    longest, bound = max(call.seconds for call in calls), DEADLINE + 1
    holds("  longest answer", f"{longest * 1000:.0f} ms", f"<= {bound} s", longest <= bound)
    left = len(children(gateway.process.pid))
    holds("  processes at its end", left, "<= 4", left <= 4)


# A frame that is its replica's end


@dataclass(frozen=True)
class Poison:
    """What a poison frame does to its replica, and what its request hears then."""

    placement: str
    fault: str
    reason: str


POISONS = (
    Poison("process", "kill", "REPLICA_CRASHED"),
    Poison("process", "panic", "REPLICA_CRASHED"),
    Poison("process", "hang", "REPLICA_HUNG"),
    Poison("thread", "panic", "REPLICA_CRASHED"),
    Poison("thread", "error", "BACKEND_FAILED"),
)


@pytest.mark.usefixtures("failpoints")
@pytest.mark.elastic(4)
@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: f"{poison.placement}-{poison.fault}")
def test_a_poison_frame_fails_alone(start_gateway, bucket: Path, holds: Holds, poison: Poison) -> None:
    poison_batches(start_gateway, bucket, holds, poison, (7,))


@pytest.mark.slow
@pytest.mark.usefixtures("failpoints")
@pytest.mark.elastic(4)
@pytest.mark.parametrize("poison", POISONS, ids=lambda poison: f"{poison.placement}-{poison.fault}")
def test_a_poison_frame_fails_alone_at_each_place(
    start_gateway, bucket: Path, holds: Holds, poison: Poison
) -> None:
    poison_batches(start_gateway, bucket, holds, poison, tuple(range(BATCH)))


def poison_batches(
    start_gateway, bucket: Path, holds: Holds, poison: Poison, positions: tuple[int, ...]
) -> None:
    """A batch of 16 with the frame at each of these places, each time on a new replica without a back-off."""
    write_frames(bucket)
    model = simulated(
        "5ms",
        fetch=True,
        placement=poison.placement,
        max_batch_size=BATCH,
        batch_wait_timeout="5s",
        batch_timeout="300ms",
    )
    struck, whole, wrong = 0, 0, []
    for position in positions:
        gateway = start_gateway(policy(bucket, {"m": model}), f"execute.poison=return({poison.fault})")
        frames = [f"frames:{'poison' if number == position else 'good'}.png" for number in range(BATCH)]
        # One camera, so that they stay in their order.
        calls = [gateway.start_predict(frame, camera_id="one") for frame in frames]
        ends = [end_of(call) for call in calls]
        expected = [poison.reason if number == position else "classification" for number in range(BATCH)]
        if ends != expected:
            wrong.append((position, dict(Counter(ends))))
        struck += strikes(gateway)
        whole += failed_whole(gateway)
        gateway.kill()
    what = f"a frame's {poison.fault} in a {poison.placement}, at {len(positions)} places of a batch"
    holds(f"{what}: faults", struck, 2 * len(positions), struck == 2 * len(positions))
    holds(f"  batches of {BATCH} that failed", whole, len(positions), whole == len(positions))
    holds("  batches in which not 15 succeeded and it failed alone", wrong or 0, 0, not wrong)


def strikes(gateway: Gateway) -> int:
    """How often the failpoint has struck; processes log beside their gateway."""
    return sum(line.get("message") == "failpoint struck" for line in gateway.log())


def failed_whole(gateway: Gateway) -> int:
    """How many full batches have failed."""
    failed = [line for line in gateway.log() if line.get("message") == "batch failed"]
    return sum(line["entries"] == BATCH for line in failed)


def end_of(call: grpc.Future) -> str:
    """The outcome of a call's one model, or why there is none."""
    try:
        [result] = call.result().results
    except grpc.RpcError as error:
        return api.refusal(error).reason
    return result.WhichOneof("outcome")


def write_frames(bucket: Path) -> None:
    """One that is poison, and one that is not."""
    for name, colour in (("poison", POISON), ("good", (90, 120, 60))):
        file = io.BytesIO()
        Image.new("RGB", (64, 48), colour).save(file, "PNG")
        (bucket / f"{name}.png").write_bytes(file.getvalue())


# Replicas that never come right


@pytest.mark.usefixtures("failpoints")
def test_a_crash_loop_does_not_spin(start_gateway) -> None:
    model = simulated("1ms", placement="process", max_batch_size=1)
    gateway = start_gateway(policy(models={"m": model}), "execute.before=return(kill)")
    calls = [gateway.start_predict("any", timeout=8.0) for _ in range(20)]
    reasons = Counter(end_of(call) for call in calls)
    # The client's own deadline gives no reason.
    assert reasons.keys() <= {"REPLICA_CRASHED", "DEADLINE_EXCEEDED", "NO_REPLICA", ""}, reasons
    assert reasons["REPLICA_CRASHED"] > 0
    # 0.5, 1, 2, 4 s at most and half of that at least lie between two starts.
    assert 3 <= len([line for line in gateway.log() if line.get("message") == "replica failed"]) <= 6
    failed = [one for one in gateway.pool("m").replicas if one.state == api.operator.REPLICA_STATE_FAILED]
    assert failed, gateway.pool("m")
    assert "SIGKILL" in gateway.pool("m").problem
    assert gateway.get("/readyz")[0] == 503


@pytest.mark.usefixtures("failpoints")
def test_threads_that_hang_are_abandoned_twice_at_most(start_gateway, bucket: Path) -> None:
    write_frames(bucket)
    model = simulated("1ms", fetch=True, max_batch_size=1, batch_timeout="200ms", placement="thread")
    gateway = start_gateway(policy(bucket, {"m": model}), "execute.poison=2*return(hang:6000)")
    assert end_of(gateway.start_predict("frames:poison.png")) == "REPLICA_HUNG"
    told = "2 threads of the model hang in batches, and a thread cannot be ended; write `placement: process`"
    wait_until("the pool says so", lambda: told in gateway.pool("m").problem)
    assert gateway.get("/readyz")[0] == 503
    # They come back, and so does the pool.
    wait_until("it is ready again", lambda: gateway.get("/readyz")[0] == 200, timeout=60)
    wait_until("it serves again", lambda: kind(gateway, "good") == "classification")
    assert kind(gateway, "poison") == "classification", "the failpoint is spent"


def kind(gateway: Gateway, frame: str) -> str:
    """How a call with this frame ends."""
    return end_of(gateway.start_predict(f"frames:{frame}.png"))


@pytest.mark.usefixtures("failpoints")
def test_a_replica_that_does_not_open_in_time_is_given_up(start_gateway) -> None:
    """Warm-up under latency_slo executes batches while the model is opened."""
    model = simulated("1500ms", placement="process", start_timeout="1s")
    model |= {"latency_slo": "10s"}
    gateway = start_gateway(policy(models={"m": model, "n": simulated("1ms")}))
    problem = wait_until("it fails", lambda: gateway.pool("m").problem)
    assert "cannot start: the model was not open within start_timeout (1s)" in problem
    assert len(children(gateway.process.pid)) <= 1
