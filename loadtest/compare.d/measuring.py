"""A server's turn: it is started for a job, its answers are looked at, it is loaded, and it is ended."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import tree
from asking import Asking, WrongAnswer
from h2load import H2load
from jobs import FRAMES, NULL
from process import percentile
from servers import Running, Server

from loadtest import figures

NULL_IN_FLIGHT = (1, 8, 32, 64)
FRAMES_IN_FLIGHT = (1, 8, 32)
CONNECTIONS = 8
WARM_UP = 1
START_LIMIT, PAUSE = 90.0, 0.01
REFERENCE = (
    "frames:camera_017/2026-11-27/12h/frame_000123.jpg?width=1280&height=720&sequence=0000000000123456789"
)
"""A hundred bytes that stand for a frame."""


@dataclass(frozen=True)
class Plan:
    """What a run keeps to."""

    folder: Path
    frames: list[Path]
    seconds: int
    """Of each load of the null model; those of frames take twice as long."""
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def bucket(self) -> Path:
        return self.frames[0].parent

    def next_folder(self) -> Path:
        """For a turn. Its name is short: servers put Unix sockets far below it, whose paths have a limit."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder


def null_turn(server: Server, plan: Plan) -> dict:
    """Rates and times at each number of requests in flight, idle memory, and time to the first answer."""
    asking, folder = server.asking(NULL), plan.next_folder()
    began = time.perf_counter()
    with server.start(NULL, folder, plan.bucket) as running:
        first_answer(running, began, lambda: look_at_null(server, asking, running))
        start = time.perf_counter() - began
        time.sleep(server.settles)
        idle_mib = tree.resident_mib(running.pid)
        all_ok(asking, running, folder, [REFERENCE], WARM_UP, NULL_IN_FLIGHT[-1])
        points = {str(n): null_point(asking, running, folder, plan.seconds, n) for n in NULL_IN_FLIGHT}
    return {"start_s": start, "idle_mib": idle_mib, "in_flight": points}


def look_at_null(server: Server, asking: Asking, running: Running) -> None:
    answer = asking.ask(running.address, REFERENCE)
    if answer != server.constant:
        raise WrongAnswer(f"{answer!r} instead of {server.constant!r}")


def null_point(asking: Asking, running: Running, folder: Path, seconds: int, in_flight: int) -> dict:
    """By h2load: once for the rate, and once more for the times, whose log costs the client."""
    connections = in_flight if asking.http1 else min(CONNECTIONS, in_flight)
    load = H2load(folder, asking.post(REFERENCE), connections, in_flight // connections, tree.cpu_seconds)
    rate = load.rate(running.address, running.pid, seconds)
    if rate.failed:
        raise WrongAnswer(f"{rate.failed} requests failed beside {rate.done}")
    times = load.times_ms(running.address, seconds)
    return {"per_second": rate.per_second, "cpu_us": rate.cpu_us, **quantiles(times)}


def quantiles(times: list[float]) -> dict:
    return {"p50_ms": statistics.median(times), "p99_ms": percentile(times, 99)}


def frames_turn(server: Server, plan: Plan, agree: Callable[[list[int]], None]) -> dict:
    """Rates and times at each number of requests in flight, after `agree` has seen all frames' classes."""
    asking, folder = server.asking(FRAMES), plan.next_folder()
    references = [server.refers_to(frame) for frame in plan.frames]
    began = time.perf_counter()
    with server.start(FRAMES, folder, plan.bucket) as running:
        first_answer(running, began, lambda: asking.ask(running.address, references[0]))
        time.sleep(server.settles)
        classes = [asking.ask(running.address, reference) for reference in references]
        agree(classes)
        points = {}
        for in_flight in FRAMES_IN_FLIGHT:
            told = all_ok(asking, running, folder, references, 2 * plan.seconds, in_flight)
            times = {name: told["latency_ms"][name[:3]] for name in ("p50_ms", "p99_ms")}
            points[str(in_flight)] = {"per_second": told["per_second"], **times}
    return {"classes": classes, "in_flight": points}


def all_ok(
    asking: Asking, running: Running, folder: Path, references: list[str], seconds: int, in_flight: int
) -> dict:
    """By framegate-loadtest, which reads each answer's status; all must be good."""
    bodies = folder / "bodies"
    bodies.mkdir(exist_ok=True)
    for number, reference in enumerate(references):
        (bodies / f"{number:03}").write_bytes(asking.post(reference).body)
    headers = [word for header in asking.headers for word in ("--header", header)]
    version = ["--http1"] if asking.http1 else ["--connections", min(CONNECTIONS, in_flight)]
    where = ["--url", f"http://{running.address}{asking.path}", "--bodies", bodies, *headers, *version]
    told = figures(*where, "--in-flight", in_flight, "--warm-up", WARM_UP, "--seconds", seconds)
    if told["ends"].keys() != {"OK"}:
        raise WrongAnswer(f"{in_flight} in flight ended so: {told['ends']}")
    return told


def first_answer(running: Running, began: float, look: Callable[[], object]) -> None:
    """Asks until there is a good answer."""
    while True:
        try:
            look()
            return
        except (WrongAnswer, OSError) as error:
            if running.process.poll() is not None:
                raise WrongAnswer(f"it has ended instead of answering; it told: {running.told()}") from error
            if time.perf_counter() - began > START_LIMIT:
                late = f"no good answer within {START_LIMIT:.0f} s, but {error}; it told: {running.told()}"
                raise WrongAnswer(late) from error
        time.sleep(PAUSE)
