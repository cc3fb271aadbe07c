"""A gateway as its user runs it: the real binary, a policy file, and nothing but its doors."""

import json
import os
import queue
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

import grpc

import api
from places import ROOT, binary, failpoints_binary, onnx_runtime
from waiting import wait_until

READY = re.compile(r"^ready grpc=(\S+) http=(\S+)$")
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
START_LIMIT = 60.0
STOP_LIMIT = 40.0


def environment() -> dict[str, str]:
    """What the binary finds in its environment."""
    return {
        **os.environ,
        "ORT_DYLIB_PATH": str(onnx_runtime()),
        "FRAMEGATE_LOG_FORMAT": "json",
        "NO_COLOR": "1",
    }


def run(*arguments: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Runs the binary to its end."""
    command = [str(binary()), *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout, check=False
    )


class Gateway:
    """A running `framegate serve`."""

    def __init__(self, folder: Path, policy: dict, faults: str = "") -> None:
        """Starts it; `policy` is written as JSON, which is YAML too. With `faults`, it has failpoints."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        config = folder / "policy.yaml"
        config.write_text(json.dumps(policy, indent=2))
        self.log_path = folder / "log.jsonl"
        with self.log_path.open("w") as log:
            self.process = subprocess.Popen(
                [str(failpoints_binary() if faults else binary()), "serve", "--config", str(config)],
                env=environment() | ({"FAILPOINTS": faults} if faults else {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        try:
            self.grpc_address, self.http_address = self._ready()
        except BaseException:
            self.kill()
            raise
        self.channel = self.open_channel()
        self.frames = api.frames_grpc.FrameServiceStub(self.channel)
        self.operator = api.operator_grpc.OperatorServiceStub(self.channel)

    def _ready(self) -> tuple[str, str]:
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=lambda: lines.put(self.process.stdout.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=START_LIMIT)
        except queue.Empty:
            line = ""
        match = READY.match(line.rstrip("\n"))
        if match is None:
            raise AssertionError(f"no ready line but {line!r}; it logged:\n{self.log_tail()}")
        return match[1], match[2]

    def open_channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20)]
        return grpc.insecure_channel(self.grpc_address, options)

    # Calls

    def predict(self, uri: str | None = None, timeout: float | None = 30.0, **fields: object) -> object:
        """A Predict call; see `api.request` for the fields."""
        return self.frames.Predict(api.request(uri, **fields), timeout=timeout)

    def start_predict(
        self, uri: str | None = None, timeout: float | None = 60.0, **fields: object
    ) -> grpc.Future:
        """A Predict call that runs on."""
        return self.frames.Predict.future(api.request(uri, **fields), timeout=timeout)

    def refused(self, uri: str | None = None, timeout: float | None = 30.0, **fields: object) -> api.Refusal:
        """How a Predict call fails; an answer is an error."""
        try:
            answer = self.predict(uri, timeout, **fields)
        except grpc.RpcError as error:
            return api.refusal(error)
        raise AssertionError(f"answered instead of refused: {answer}")

    def pool(self, model: str) -> object:
        """The state of a pool."""
        return self.operator.GetPool(api.operator.GetPoolRequest(model=model), timeout=10)

    # HTTP

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP GET."""
        try:
            with urllib.request.urlopen(f"http://{self.http_address}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        """All samples, by `name{label="value",...}` with the labels in order."""
        status, text = self.get("/metrics")
        assert status == 200, text
        samples = {}
        for line in text.splitlines():
            match = SAMPLE.match(line)
            if match:
                samples[sample_name(match[1], match[2] or "")] = float(match[3])
        return samples

    def metric(self, name: str, **labels: str) -> float:
        """One sample; it must exist."""
        text = ",".join(f'{label}="{value}"' for label, value in labels.items())
        samples = self.metrics()
        key = sample_name(name, text)
        assert key in samples, f"no {key} among {sorted(s for s in samples if s.startswith(name[:12]))}"
        return samples[key]

    def answers(self, model: str, reason: str) -> float:
        """How many entries have ended so."""
        return self.metric("framegate_answers_total", model=model, reason=reason)

    # Logs

    def log(self) -> list[dict]:
        """What it has logged so far."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def log_tail(self, lines: int = 60) -> str:
        """The end of what it has logged."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def stop_steps(self) -> list[int]:
        """The steps of the stop order in the order of the log."""
        return [line["step"] for line in self.log() if "step" in line]

    # Ends

    def terminate(self) -> None:
        """Asks for a graceful stop."""
        self.process.send_signal(signal.SIGTERM)

    def exit_code(self, timeout: float = STOP_LIMIT) -> int:
        """Waits for the end of the process."""
        return self.process.wait(timeout)

    def stop(self) -> int:
        """Stops gracefully; the exit code."""
        self.terminate()
        return self.exit_code()

    def kill(self) -> None:
        """Ends it as a power cut would; harmless if it has ended."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        if hasattr(self, "channel"):
            self.channel.close()
        self.process.stdout.close()

    def wait_pool(self, model: str, **wanted: int) -> object:
        """Waits until these fields of the pool have these values."""

        def reached() -> object | None:
            pool = self.pool(model)
            return pool if all(getattr(pool, name) == value for name, value in wanted.items()) else None

        return wait_until(f"pool {model} with {wanted}", reached)


def sample_name(name: str, labels: str) -> str:
    """One spelling for a sample, whatever the order of its labels."""
    pairs = sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))
    return name + "{" + ",".join(f'{label}="{value}"' for label, value in pairs) + "}"
