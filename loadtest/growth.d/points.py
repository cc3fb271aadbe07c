"""The points at which costs are measured: one size is varied along an axis, all else stays."""

from dataclasses import dataclass

import api
from policies import policy

DEFAULT_QUEUE, QUEUE = 1024, 16_384
"""What is in flight beyond the queue's bound is refused, so it is raised where more is in flight."""
BATCH, SLOW_BATCH = 16, 64
"""The default, and that of the slow device."""


@dataclass(frozen=True)
class Point:
    """A gateway of simulated models, and a load."""

    size: int
    """Along its axis."""
    models: int = 1
    replicas: int = 1
    """Of each model."""
    cameras: int = 1
    in_flight: int = 64
    batch: int = BATCH
    note: str = ""
    """Of a point beside the axis: what else is different."""
    burst: int = 0
    """Instead of a closed load: so many requests at once, again and again, on a slow device."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{self.size:,}{self.note and ', ' + self.note}"

    def policy(self) -> dict:
        """A device that takes no time, or one that is done with a burst after seconds.

        Defaults are left out: a policy has at most 256 KiB.
        """
        base, batch = ("20ms", SLOW_BATCH) if self.burst else ("0ms", self.batch)
        model = {
            "backend": "simulated",
            "simulated": {"base": base, "per_item": "0ms"},
            "batch_wait_timeout": "0s",
            "autoscaling": {"max_replicas": self.replicas},
        }
        if self.replicas > 1:
            model["autoscaling"]["min_replicas"] = self.replicas
        if batch != BATCH:
            model["max_batch_size"] = batch
        if max(self.in_flight, self.burst) >= DEFAULT_QUEUE:
            model["max_queued_requests"] = QUEUE
        return policy(models=dict.fromkeys(self._names(), model))

    def messages(self) -> list[bytes]:
        """The requests, which go over models and cameras in turn."""
        names = self._names()
        return [
            api.request(
                f"frames:camera_{number % self.cameras:05}/2026-11-27/frame_000123.jpg",
                models=(names[number % len(names)],),
                camera_id=f"camera_{number % self.cameras:05}",
                request_id=f"request-{number:06}",
            ).SerializeToString()
            for number in range(max(self.models, self.cameras, 64))
        ]

    def _names(self) -> list[str]:
        return [f"model_{number:04}" for number in range(self.models)]


@dataclass(frozen=True)
class Axis:
    """Points that differ in one size, and which of them the largest is compared with."""

    title: str
    points: tuple[Point, ...]
    base: Point
    factor: float = 1.5
    """What a request may cost at the largest size, of what it costs at the base. Timings vary by a third."""

    @property
    def along(self) -> list[Point]:
        """Without those beside it."""
        return [point for point in self.points if not point.note]


def sized(by: str, sizes: tuple[int, ...], **fixed: int) -> tuple[Point, ...]:
    """A point for each size of what is varied."""
    return tuple(Point(size, **{by: size}, **fixed) for size in sizes)


def axes() -> dict[str, Axis]:
    """All axes, by what is varied."""
    pools = sized("models", (1, 10, 100, 1000))
    alone = Point(1, batch=1, note="batches of 1")
    replicas = sized("replicas", (1, 4, 16, 64))
    many = Point(64, replicas=64, in_flight=1024, note="1,024 in flight")
    cameras = sized("cameras", (1, 100, 1000, 10_000))
    bursts = sized("cameras", (1, 100, 1000, 10_000), burst=10_000)
    in_flight = sized("in_flight", (1, 8, 64, 512, 4096))
    return {
        "pools": Axis("pools, 64 requests in flight over all of them", (*pools, alone), alone),
        "replicas": Axis("replicas of one pool, 64 requests in flight", (*replicas, many, alone), alone),
        "cameras": Axis("cameras, 64 requests in flight over all of them", cameras, cameras[0]),
        "bursts": Axis("cameras in bursts of 10,000 requests, which wait at once", bursts, bursts[0]),
        "in-flight": Axis("requests in flight to one pool", in_flight, in_flight[2]),
    }
