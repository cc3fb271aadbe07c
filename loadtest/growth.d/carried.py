"""What one gateway carries beside requests: connections that wait, and frames that it decodes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import api
from measuring import WARM_UP, Counts, idle_percent
from pipelined import Pipelined
from places import DEPS
from policies import policy, simulated
from process import cpu_seconds, resident_mib

from gateway import Gateway

CONNECTIONS = (0, 1000, 10_000)
"""A gateway accepts 10,000."""
KIB = 1024
FRAMES, FRAME_SECONDS = 64, 6.0
SIZES = ((1280, 720), (1920, 1080))
STAGES = ("fetch", "decode", "prepare")
MODEL = "small"


@dataclass(frozen=True)
class Waiting:
    """Connections on which nothing is asked."""

    HEADS: ClassVar = ("CPU", "MiB", "MiB after one answer on each")

    connections: int
    idle_percent: float
    fresh_mib: float
    """When all stand."""
    used_mib: float
    """When each has had one answer."""
    not_ok: int

    def row(self) -> list[str]:
        """Of the table."""
        return [f"{self.idle_percent:.1f} %", f"{self.fresh_mib:,.1f}", f"{self.used_mib:,.1f}"]


def waiting(folder: Path, connections: int) -> Waiting:
    """Opens them, then asks once on each."""
    gateway = Gateway(folder, policy(models={MODEL: simulated("0ms", max_queued_requests=10_000)}))
    try:
        pid, count = gateway.process.pid, Counts(gateway)
        with Pipelined(gateway.grpc_address, [message("any")], connections) as load:
            idle = idle_percent(pid)
            fresh = resident_mib(pid)
            count.begin()
            load.once()
            used = resident_mib(pid)
            count.end()
        return Waiting(connections, idle, fresh, used, count.not_ok + abs(count.ok - connections))
    finally:
        gateway.kill()


@dataclass(frozen=True)
class Decoded:
    """Frames that are read from a folder, decoded and resized, for a model that takes no time."""

    HEADS: ClassVar = ("KiB", "frames/s", "CPU ms", "per core", *(f"{stage} ms" for stage in STAGES))

    size: str
    kib: float
    """Of a frame, encoded."""
    per_second: float
    """On all cores, with the client."""
    cpu_ms: float
    """Processor time of the gateway for each."""
    stages_ms: tuple[float, ...]
    """Of each stage, by the clock."""
    not_ok: int

    def row(self) -> list[str]:
        """Of the table; what a core does follows from the processor time."""
        rates = [
            f"{self.kib:.0f}",
            f"{self.per_second:.0f}",
            f"{self.cpu_ms:.2f}",
            f"{1e3 / self.cpu_ms:.0f}",
        ]
        return [*rates, *(f"{took:.2f}" for took in self.stages_ms)]


def decoded(folder: Path, width: int, height: int) -> Decoded:
    """Loads a gateway with frames of this size."""
    frames = folder / "frames"
    frames.mkdir(parents=True)
    clip = [
        "-i",
        DEPS / "clips" / "vtest.avi",
        "-vf",
        f"scale={width}:{height}",
        "-frames:v",
        FRAMES,
        "-q:v",
        3,
    ]
    command = ["ffmpeg", "-v", "error", *clip, "-start_number", 0, frames / "frame_%d.jpg"]
    subprocess.run([str(word) for word in command], check=True)
    device = simulated("0ms", fetch=True, replicas=2, batch_wait_timeout="0s")
    gateway = Gateway(folder, policy(frames, {MODEL: device}))
    try:
        return load_frames(gateway, frames, f"{width} x {height}")
    finally:
        gateway.kill()


def load_frames(gateway: Gateway, frames: Path, size: str) -> Decoded:
    """32 frames in flight, which are asked for in turn."""
    pid, count = gateway.process.pid, Counts(gateway)
    asked = [message(f"frames:frame_{number}.jpg") for number in range(FRAMES)]
    with Pipelined(gateway.grpc_address, asked) as load:
        load.run(32, WARM_UP)
        count.begin()
        before, cpu = stages(gateway), cpu_seconds(pid)
        told = load.run(32, FRAME_SECONDS)
        cpu_ms = (cpu_seconds(pid) - cpu) / told.done * 1e3
        took = [(now - then) / told.done * 1e3 for now, then in zip(stages(gateway), before, strict=True)]
    count.end()
    files = [file.stat().st_size for file in frames.iterdir()]
    kib = sum(files) / len(files) / KIB
    return Decoded(size, kib, told.per_second, cpu_ms, tuple(took), count.not_ok + abs(count.ok - told.done))


def stages(gateway: Gateway) -> list[float]:
    """Seconds that all frames together have spent in each stage."""
    samples = gateway.metrics()
    return [samples[f'framegate_stage_seconds_sum{{model="{MODEL}",stage="{stage}"}}'] for stage in STAGES]


def message(uri: str) -> bytes:
    """A request."""
    return api.request(uri, models=(MODEL,), camera_id="camera_017").SerializeToString()
