"""`framegate top`: what it shows is so, and it leaves the terminal as it was."""

import re
import shlex
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import api
from conftest import StartGateway
from gateway import Gateway, environment, run
from places import binary
from policies import policy, simulated
from terminal import DOWN, TAB, Terminal
from waiting import wait_until

ANY = "frames:any.jpg"
CAMERAS = 40
QUICK, STUCK = "quick", "stuck"
STUCK_CALLS = 6
INTERVAL = "200ms"

Line = dict[str, str]


def models() -> dict:
    """One that answers at once, and one that answers nothing while the tests last."""
    stuck = simulated("1m", max_batch_size=1, batch_wait_timeout="0s", replicas=2)
    return {QUICK: simulated("1ms", max_batch_size=4, replicas=3), STUCK: stuck}


@pytest.fixture(scope="module")
def gateway(start_shared_gateway: StartGateway) -> Gateway:
    """A gateway that has served forty cameras, and holds calls that do not end."""
    started = start_shared_gateway(policy(models=models(), server={"default_timeout": "5m"}))
    started.wait_pool(QUICK, desired_replicas=3)
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda camera: send(started, f"camera_{camera}"), range(1, CAMERAS + 1)))
    started.calls = [started.start_predict(ANY, None, models=(STUCK,)) for _ in range(STUCK_CALLS)]
    started.wait_pool(STUCK, ongoing=STUCK_CALLS)
    return started


def send(gateway: Gateway, camera_id: str) -> None:
    """Two frames of a camera."""
    for _ in range(2):
        gateway.predict(ANY, models=(QUICK,), camera_id=camera_id)


@pytest.fixture
def terminal(gateway: Gateway) -> Iterator[Terminal]:
    """A terminal with the view of that gateway."""
    with view(gateway.grpc_address) as shown:
        shown.wait_for("● live")
        yield shown


def top(address: str, log: str = "info") -> list[str]:
    """The command line of `framegate top`."""
    return [str(binary()), "--log", log, "top", "--addr", address, "--interval", INTERVAL]


def view(address: str, log: str = "info") -> Terminal:
    """`framegate top` in a terminal."""
    return Terminal(top(address, log), environment())


def once(address: str) -> list[Line]:
    """The pairs of each line of `framegate top --once`."""
    ended = run("top", "--addr", address, "--once", "--plain", "--interval", INTERVAL)
    assert ended.returncode == 0, ended.stderr
    return [pairs(line) for line in ended.stdout.splitlines()]


def pairs(line: str) -> Line:
    """A line's `key=value` pairs."""
    _, *words = shlex.split(line)
    return dict(word.split("=", 1) for word in words)


def test_plain_lines_agree_with_the_api_and_the_metrics(gateway: Gateway) -> None:
    lines = once(gateway.grpc_address)
    pools = {line["pool"]: line for line in lines if "pool" in line}
    for pool in gateway.operator.ListPools(api.operator.ListPoolsRequest(), timeout=10).pools:
        line = pools[pool.model]
        running = sum(replica.state == api.operator.REPLICA_STATE_RUNNING for replica in pool.replicas)
        wanted = [pool.queued, pool.ongoing, running, pool.desired_replicas]
        assert [int(line[key]) for key in ("queued", "ongoing", "running", "desired")] == wanted
        assert (int(line["min"]), int(line["max"])) == (pool.min_replicas, pool.max_replicas)
        assert line["serving"] == "true"
    assert int(pools[STUCK]["ongoing"]) == STUCK_CALLS
    assert int(pools[QUICK]["results"]) == gateway.answers(QUICK, "OK") == 2 * CAMERAS
    cameras = {line["camera"]: line for line in lines if "camera" in line}
    assert set(cameras) == {f"camera_{number}" for number in range(1, CAMERAS + 1)}
    counts = {(line["frames"], line["results"], line["errors"]) for line in cameras.values()}
    assert counts == {("2", "2", "0")}


def test_rates_are_over_the_interval(start_gateway: StartGateway) -> None:
    gateway = start_gateway(policy(models={QUICK: simulated("1ms")}))
    command = ["top", "--addr", gateway.grpc_address, "--interval", "100ms", "--plain"]
    with Terminal([str(binary()), *command], environment(), 300, 100) as terminal:
        terminal.wait_for("frames_per_s=0.0")
        send(gateway, "yard")
        terminal.wait_for(" results=2 ")
        rates = [float(rate) for rate in re.findall(r"pool=.* frames_per_s=(\S+)", terminal.text())]
        assert max(rates) > 0
        assert min(rates) >= 0
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.exit_code() == 0


def test_the_view_agrees_with_the_api(gateway: Gateway, terminal: Terminal) -> None:
    text = terminal.wait_for(f"Cameras ─ {CAMERAS}, ")
    for pool, drawn in ((QUICK, "●●● 3 running"), (STUCK, "●● 2 running")):
        state = gateway.pool(pool)
        card = re.search(rf"{pool} .*\n.*queued +(\d+) +ongoing +(\d+) ", text)
        assert card is not None, text
        assert [int(figure) for figure in card.groups()] == [state.queued, state.ongoing]
        head = card[0].splitlines()[0]
        assert drawn in head
        assert f"wants {state.desired_replicas} of {state.min_replicas}–{state.max_replicas}" in head


def test_keys_move_between_and_within_panes(terminal: Terminal) -> None:
    terminal.wait_for("▸ Pools")
    terminal.press(TAB)
    text = terminal.wait_for("▸ Cameras")
    assert first_camera(text) == "camera_1"
    terminal.press(DOWN * 2)
    wait_until("two lines further", lambda: first_camera(terminal.text()) == "camera_3")
    terminal.press("\x1b[F")
    assert f"of {CAMERAS} " in terminal.wait_for(f" camera_{CAMERAS} ")
    terminal.press(TAB)
    terminal.wait_for("▸ Latest results")


def first_camera(text: str) -> str:
    """The camera in the first line of the table."""
    found = re.search(r"last frame.*\n│ (\S+)", text)
    return found[1] if found else ""


@pytest.mark.parametrize("way", ["q", "\x1b", "\x03", signal.SIGTERM], ids=["q", "Esc", "Ctrl-C", "SIGTERM"])
def test_it_leaves_the_terminal_as_it_was(terminal: Terminal, way: str | signal.Signals) -> None:
    assert terminal.is_alternate()
    assert terminal.attributes() != terminal.before, "the view needs single keys"
    if isinstance(way, signal.Signals):
        terminal.process.send_signal(way)
    else:
        terminal.press(way)
    assert terminal.exit_code() == 0
    assert not terminal.is_alternate()
    assert terminal.attributes() == terminal.before
    assert not terminal.screen.cursor.hidden


def test_what_is_logged_does_not_tear_the_screen(gateway: Gateway) -> None:
    with view(gateway.grpc_address, log="debug") as terminal:
        terminal.wait_for("● live")
        terminal.press("q")
        assert terminal.exit_code() == 0
        shown, after = terminal.written.split(b"\x1b[?1049l")
    assert b"DEBUG" not in shown
    assert b"DEBUG" in after, "it is shown afterwards"


def test_colours_are_not_used_where_they_are_not_wanted(gateway: Gateway) -> None:
    plain = environment()
    colourful = {name: value for name, value in plain.items() if name != "NO_COLOR"}
    for variables, wanted in ((plain, False), (colourful, True)):
        with Terminal(top(gateway.grpc_address), variables) as terminal:
            terminal.wait_for("● live")
            assert (b"\x1b[38;" in terminal.written) == wanted


def test_a_terminal_that_cannot_place_its_cursor_gets_lines(gateway: Gateway) -> None:
    with Terminal(top(gateway.grpc_address), environment(), 300, 100, kind="dumb") as terminal:
        terminal.wait_for(f" pool={QUICK} ")
        assert b"\x1b" not in terminal.written
        assert terminal.attributes() == terminal.before


def test_it_connects_again_when_the_gateway_comes_back(start_gateway: StartGateway) -> None:
    first = start_gateway(policy(models={QUICK: simulated("1ms")}))
    send(first, "yard")
    with view(first.grpc_address) as terminal:
        terminal.wait_for(" yard ")
        first.kill()
        text = terminal.wait_for("reconnecting")
        assert " yard " in text, "what was seen stays"
        server = {"grpc": first.grpc_address}
        second = start_gateway(policy(models={QUICK: simulated("1ms")}, server=server))
        terminal.wait_for("● live")
        send(second, "gate")
        text = terminal.wait_for("simulated 1.00")
        assert re.search(rf"gate +{QUICK} +simulated 1.00", text), f"no latest result\n{text}"
        assert " yard " not in text
        assert not re.search(r"-\d", text), f"a negative rate\n{text}"
        terminal.press("q")
        assert terminal.exit_code() == 0


def test_without_a_gateway_it_says_so(gateway: Gateway) -> None:
    ended = run("top", "--addr", "127.0.0.1:1", "--once")
    assert ended.returncode == 1
    assert "127.0.0.1:1: Connection refused" in ended.stderr
    assert ended.stdout == ""


@pytest.mark.parametrize("interval", ["1", "50ms", "2m"])
def test_an_interval_out_of_bounds_is_refused(interval: str) -> None:
    ended = run("top", "--interval", interval)
    assert ended.returncode == 2
    assert "--interval" in ended.stderr
