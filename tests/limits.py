"""What the machine gives without a gateway: the programs of `loadtest/` that do the bare job."""

import re
import subprocess
from pathlib import Path

from gateway import environment
from places import MODELS, PROGRAMS


class Echo:
    """A bare gRPC service with a queue, from the beginning of its `with` block to the end."""

    def __enter__(self) -> "Echo":
        self.process = subprocess.Popen([PROGRAMS / "echo"], stdout=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().strip()
        assert self.address, "it has not started"
        self.pid = self.process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def frame_loop(frames: Path, seconds: float) -> float:
    """Frames per second of the job without a server, on two threads."""
    model = MODELS / "efficientnet-lite0" / "model.onnx"
    command = [PROGRAMS / "frame-loop", "--model", model, "--frames", frames, "--seconds", str(seconds)]
    run = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=seconds + 60, check=True
    )
    return float(re.match(r"([\d.]+) frames/s", run.stdout)[1])
