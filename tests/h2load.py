"""h2load: a load of one HTTP/2 request, by a client that costs hardly anything."""

import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import api
import needed
from process import cpu_seconds, percentile

CONNECTIONS, STREAMS = 8, 8
METHOD = "/framegate.v1.FrameService/Predict"


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


class H2load:
    """64 requests in flight on 8 connections, from one thread, of one encoded `PredictRequest`."""

    def __init__(self, folder: Path, request: api.frames.PredictRequest) -> None:
        encoded = request.SerializeToString()
        self._folder = folder
        self._body = folder / "request.bin"
        self._body.write_bytes(b"\0" + struct.pack(">I", len(encoded)) + encoded)

    def rate(self, address: str, pid: int, seconds: float) -> Rate:
        """Loads the server for so long."""
        before = cpu_seconds(pid)
        told = self._run(address, seconds)
        spent = cpu_seconds(pid) - before
        done, *bad = map(int, re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", told).groups())
        per_second = float(re.search(r"([\d.]+) req/s", told)[1])
        return Rate(per_second, done, sum(bad), spent / done * 1e6)

    def latency_ms(self, address: str, seconds: float, percent: float) -> float:
        """Loads the server for so long; the time below which so many per cent of the answers came."""
        log = self._folder / "times.tsv"
        log.unlink(missing_ok=True)
        self._run(address, seconds, f"--log-file={log}")
        micros = [int(line.split("\t")[2]) for line in log.read_text().splitlines()]
        assert micros
        return percentile(micros, percent) / 1e3

    def _run(self, address: str, seconds: float, *more: str) -> str:
        shape = ["-t1", f"-c{CONNECTIONS}", f"-m{STREAMS}", f"-D{seconds:.0f}", f"-d{self._body}"]
        headers = ["-Hcontent-type: application/grpc", "-Hte: trailers"]
        command = ["h2load", *shape, *headers, *more, f"http://{address}{METHOD}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True)
        return run.stdout
