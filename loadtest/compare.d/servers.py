"""The servers that are compared: how each of them is started for a job, and ended."""

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jobs
import tree
from asking import Asking
from jobs import FRAMES, JOBS, NULL
from limits import Echo
from places import DEPS, MODELS
from policies import onnx, policy, simulated

from gateway import Gateway

PEERS = Path(__file__).resolve().parent.parent / "peers"
MODEL = "efficientnet-lite0"
FRAMEGATE, ECHO = "Framegate", "the echo"


@dataclass(frozen=True)
class Running:
    """A server that was started, and may not answer yet."""

    address: str
    process: subprocess.Popen
    log: Path | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    def told(self) -> str:
        """The end of what it has logged."""
        return self.log.read_text(errors="replace")[-1000:] if self.log else ""


@dataclass(frozen=True)
class Server:
    """What is compared."""

    name: str
    asking: Callable[[str], Asking]
    start: Callable[..., "contextmanager[Running]"]
    """Given a job, a folder of its own and that of the frames; it ends with the `with` block."""
    jobs: tuple[str, ...] = JOBS
    refers_to: Callable[[Path], str] = str
    """How a frame's file is named in a request."""
    constant: str = "ok"
    """What its null model answers."""
    frame_job: str = ""
    """What its frame job is written in; the same code answers the same."""
    settles: float = 1.0
    """Seconds that it is left alone after its first answer."""
    missing: str = ""
    """Why it cannot be started."""

    def is_called(self, name: str) -> bool:
        """By the first of its words, whatever its letters' case: ray, triton."""
        return name.strip().lower() in {self.name.lower(), self.name.lower().removeprefix("the ").split()[0]}


@contextmanager
def run_gateway(job: str, folder: Path, frames: Path) -> Iterator[Running]:
    models = {
        NULL: simulated("0ms", replicas=2, max_batch_size=8, batch_wait_timeout="1ms"),
        # Batches do not pay on a CPU.
        FRAMES: onnx(MODEL, replicas=2, num_threads=1, max_batch_size=1, batch_wait_timeout="0s"),
    }
    gateway = Gateway(folder, policy(frames, {job: models[job]}))
    try:
        yield Running(gateway.grpc_address, gateway.process, gateway.log_path)
    finally:
        gateway.kill()


@contextmanager
def run_echo(_job: str, _folder: Path, _frames: Path) -> Iterator[Running]:
    with Echo() as echo:
        yield Running(echo.address, echo.process)


def peer(name: str, key: str, asking: Callable[[str], Asking], settles: float = 1.0) -> Server:
    """A server of `loadtest/peers`, in an environment of its own."""
    python = DEPS / "peers" / key / "bin" / "python"
    program = PEERS / f"{key.replace('-', '_')}_server.py"

    @contextmanager
    def run(job: str, folder: Path, _frames: Path) -> Iterator[Running]:
        port = free_port()
        environment = {**os.environ, "MODEL": str(MODELS / MODEL / "model.onnx"), "TMPDIR": str(folder)}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [python, program, job, str(port)],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield Running(f"127.0.0.1:{port}", process, folder / "log")
        finally:
            tree.end(process)

    missing = "" if (python.parent.parent / ".made-of").exists() else "scripts/setup peers has not set it up"
    return Server(name, asking, run, frame_job="frame_job.py", settles=settles, missing=missing)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


SERVERS = (
    Server(ECHO, jobs.echo, run_echo, jobs=(NULL,), constant=jobs.REQUEST_ID),
    Server(
        FRAMEGATE,
        jobs.framegate,
        run_gateway,
        refers_to=lambda path: f"frames:{path.name}",
        constant="simulated",
    ),
    peer("Triton 2.51", "triton", jobs.triton),
    peer("mosec 0.9.8", "mosec", jobs.mosec),
    peer("LitServe 0.2.19", "litserve", jobs.litserve),
    # When its second replica is there, HAProxy starts anew, which breaks connections off.
    peer("Ray Serve 2.60", "ray-serve", jobs.ray_serve, settles=6.0),
)
