"""Item 4: what the grace period cuts off, and what a second signal does."""

import socket
import time

import pytest

import api
from policies import policy, simulated
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.item(4)


def test_calls_beyond_the_grace_period_get_unavailable(start_gateway, holds: Holds) -> None:
    model = simulated("4s", max_batch_size=1, batch_wait_timeout="0s", graceful_shutdown_timeout="0s")
    server = {"graceful_shutdown_timeout": "300ms"}
    gateway = start_gateway(policy(models={"slow": model}, server=server))
    calls = [gateway.start_predict("frames:any") for _ in range(3)]
    wait_until("calls in flight", lambda: gateway.pool("slow").ongoing == 3)
    started = time.monotonic()
    code = gateway.stop()
    took = time.monotonic() - started
    kinds = {
        f"{refusal.code} {refusal.reason}" for refusal in (api.refusal(call.exception()) for call in calls)
    }
    holds(
        "calls beyond the grace period, 3 in flight",
        " ".join(kinds),
        "UNAVAILABLE DRAINING",
        kinds == {"UNAVAILABLE DRAINING"},
    )
    holds("  exit code, time to stop", f"{code}, {took:.1f} s", "0, < 4 s", code == 0 and took < 4)


def test_a_second_signal_ends_it_at_once(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models={"slow": simulated("20s")}))
    call = gateway.start_predict("frames:any")
    gateway.wait_pool("slow", ongoing=1)
    gateway.terminate()
    wait_until("it stops", lambda: 4 in gateway.stop_steps())
    started = time.monotonic()
    code = gateway.stop()
    took = time.monotonic() - started
    holds("second SIGTERM: exit code, time", f"{code}, {took:.1f} s", "130, < 2 s", code == 130 and took < 2)
    assert call.exception().code().name == "UNAVAILABLE"


def test_an_idle_gateway_stops_on_sigterm(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models={"any": simulated("1ms")}))
    code = gateway.stop()
    steps = gateway.stop_steps()
    holds("idle: exit code, steps", f"{code}, {steps}", "0, 1 to 8", code == 0 and steps == list(range(1, 9)))


def test_a_connection_that_says_nothing_does_not_hold_up_the_stop(start_gateway, holds: Holds) -> None:
    gateway = start_gateway(policy(models={"any": simulated("1ms")}))
    host, port = gateway.grpc_address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as silent:
        code = gateway.stop()
        ended = silent.recv(1)
    cut_off = [line for line in gateway.log() if "cut off" in str(line)]
    graceful = (code, cut_off, ended) == (0, [], b"")
    holds("silent connection: exit code, cut off", f"{code}, {len(cut_off)}", "0, 0", graceful)
