"""h2load: a load of one HTTP request, by a client that costs hardly anything."""

import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import api
import needed
from process import cpu_seconds, percentile

CONNECTIONS, STREAMS = 8, 8
METHOD = "/framegate.v1.FrameService/Predict"
GRPC_HEADERS = ("content-type: application/grpc", "te: trailers")


def require() -> None:
    """Without it the test is skipped, by name, and in CI it fails."""
    needed.require(None if shutil.which("h2load") else "h2load: scripts/setup packages has not installed it")


@dataclass(frozen=True)
class Rate:
    """What h2load and the server have done."""

    per_second: float
    done: int
    failed: int
    cpu_us: float
    """Processor time of the server for each request, in millionths of a second."""


@dataclass(frozen=True)
class Post:
    """A request that is sent again and again."""

    path: str
    body: bytes
    headers: tuple[str, ...]
    http1: bool = False


def framed(message: bytes) -> bytes:
    """An encoded message as the body of a gRPC call."""
    return b"\0" + struct.pack(">I", len(message)) + message


class H2load:
    """So many requests in flight from one thread: of one encoded `PredictRequest`, or of any other request.

    `cpu` counts the processor time of what a process id stands for.
    """

    def __init__(
        self,
        folder: Path,
        request: api.frames.PredictRequest | Post,
        connections: int = CONNECTIONS,
        streams: int = STREAMS,
        cpu: Callable[[int], float] = cpu_seconds,
    ) -> None:
        if not isinstance(request, Post):
            request = Post(METHOD, framed(request.SerializeToString()), GRPC_HEADERS)
        self._post, self._connections, self._streams, self._cpu = request, connections, streams, cpu
        self._folder = folder
        self._body = folder / "request.bin"
        self._body.write_bytes(request.body)

    def rate(self, address: str, pid: int, seconds: float) -> Rate:
        """Loads the server for so long."""
        before = self._cpu(pid)
        told = self._run(address, seconds)
        spent = self._cpu(pid) - before
        done, *bad = map(int, re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", told).groups())
        per_second = float(re.search(r"([\d.]+) req/s", told)[1])
        return Rate(per_second, done, sum(bad), spent / done * 1e6)

    def latency_ms(self, address: str, seconds: float, percent: float) -> float:
        """Loads the server for so long; the time below which so many per cent of the answers came."""
        return percentile(self.times_ms(address, seconds), percent)

    def times_ms(self, address: str, seconds: float) -> list[float]:
        """Loads the server for so long; what each answer took."""
        log = self._folder / "times.tsv"
        log.unlink(missing_ok=True)
        self._run(address, seconds, f"--log-file={log}")
        times = [int(line.split("\t")[2]) / 1e3 for line in log.read_text().splitlines()]
        assert times
        return times

    def _run(self, address: str, seconds: float, *more: str) -> str:
        shape = ["-t1", f"-c{self._connections}", f"-m{self._streams}", f"-D{seconds:.0f}", f"-d{self._body}"]
        headers = [f"-H{header}" for header in self._post.headers]
        version = ["--h1"] if self._post.http1 else []
        command = ["h2load", *shape, *headers, *version, *more, f"http://{address}{self._post.path}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True)
        return run.stdout
