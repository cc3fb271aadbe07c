"""ghz: a constant load of Predict calls, by a client of another's making."""

import json
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass

import needed
from gateway import Gateway
from places import DEPS, PROTO

BINARY = DEPS / "bin" / "ghz"
WORKERS = 50
LIMIT = 60.0


def require() -> None:
    """Without it the test is skipped, by name, and in CI it fails."""
    needed.require(None if BINARY.exists() else "ghz: scripts/setup ghz has not built it")


@dataclass(frozen=True)
class Report:
    """What ghz says of its calls."""

    calls: int
    codes: Counter[str]
    per_second: float
    seconds: list[float]
    """How long each took."""


class Ghz:
    """Calls a model so often per second, at most for `limit` s, from the beginning of its `with` block."""

    def __init__(self, gateway: Gateway, model: str, per_second: int, limit: float) -> None:
        self._report = gateway.folder / "ghz.json"
        self._log = gateway.folder / "ghz.log"
        service = PROTO / "framegate" / "v1" / "frame_service.proto"
        request = {"frame": {"uri": "any"}, "models": [model]}
        what = ["--proto", service, "--import-paths", PROTO, "--call", "framegate.v1.FrameService/Predict"]
        pace = ["--rps", per_second, "--total", round(per_second * limit), "--concurrency", WORKERS]
        # Calls that are under way when it is told to stop are waited for.
        ends = ["--duration-stop", "wait", "--format", "json", "--output", self._report]
        words = [*what, "--data", json.dumps(request), *pace, *ends, "--insecure", gateway.grpc_address]
        self._command = [str(word) for word in [BINARY, *words]]

    def __enter__(self) -> "Ghz":
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def stop(self) -> Report:
        """Ends the load, which must not have ended before."""
        assert self._process.poll() is None, f"ghz has ended: {self._log.read_text()[-1000:]}"
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(LIMIT)
        assert code == 0, self._log.read_text()[-1000:]
        told = json.loads(self._report.read_text())
        codes = Counter(told["statusCodeDistribution"])
        seconds = [call["latency"] / 1e9 for call in told["details"]]
        return Report(told["count"], codes, told["rps"], seconds)
