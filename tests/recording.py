"""`framegate record` beside a load, and `framegate simulate` of what it has recorded."""

import json
import signal
import subprocess
from pathlib import Path

import yaml

from gateway import Gateway, environment, run
from places import binary
from waiting import wait_until

LIMIT = 20.0
TRIAL = "trial"
"""The camera of the calls that show that the recorder listens; they are no part of the recording."""


class Recording:
    """Records what comes into a gateway, for its `with` block."""

    def __init__(self, gateway: Gateway, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._gateway = gateway
        self._folder = folder
        self._raw = folder / "raw.jsonl"

    def __enter__(self) -> "Recording":
        where = ["--addr", self._gateway.grpc_address, "--for", "1h", str(self._raw)]
        command = [str(binary()), "record", *where]
        self._process = subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL)
        wait_until("the recorder listens", self._hears, pause=0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(LIMIT)
        assert code == 0, f"the recorder ended with {code}"

    def simulate(self, policy: dict, seed: int = 1) -> dict:
        """The figures of the recorded load under a policy; it begins with the first frame."""
        frames = [json.loads(line) for line in self._raw.read_text().splitlines()]
        frames = [frame for frame in frames if frame["camera_id"] != TRIAL]
        begin = min(frame["at"] for frame in frames)
        lines = [json.dumps({**frame, "at": frame["at"] - begin}) for frame in frames]
        (self._folder / "recording.jsonl").write_text("\n".join(lines) + "\n")
        trace = self._written("trace.yaml", {"recorded": "recording.jsonl"})
        figures = self._folder / "figures.json"
        files = ["--policy", self._written("policy.yaml", policy), "--trace", trace, "--json", str(figures)]
        done = run("simulate", *files, "--seed", str(seed))
        assert done.returncode == 0, done.stderr
        return json.loads(figures.read_text())

    def _hears(self) -> bool:
        self._gateway.predict("any", camera_id=TRIAL)
        return self._raw.exists() and self._raw.stat().st_size > 0

    def _written(self, name: str, data: dict) -> str:
        path = self._folder / name
        path.write_text(yaml.safe_dump(data))
        return str(path)
