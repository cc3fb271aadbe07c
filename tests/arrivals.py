"""When requests come: loads that are known before they are sent."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CAMERAS = 20


@dataclass(frozen=True)
class Arrival:
    """One request."""

    at: float
    """Seconds since the start of the load."""
    camera: str
    models: tuple[str, ...]


@dataclass(frozen=True)
class Phase:
    """A time in which the load is the same."""

    seconds: float
    per_second: float


def evenly(phases: Iterable[Phase], *models: str) -> list[Arrival]:
    """At even distances, of cameras in turn."""
    times = [begin + n / phase.per_second for begin, phase in begun(phases) for n in range(count(phase))]
    return [Arrival(at, f"camera_{n % CAMERAS}", models) for n, at in enumerate(times)]


def by_chance(phases: Iterable[Phase], seed: int, *models: str) -> list[Arrival]:
    """A Poisson process, of cameras by chance."""
    chance, arrivals = random.Random(seed), []
    for begin, phase in begun(phases):
        at = begin + chance.expovariate(phase.per_second)
        while at < begin + phase.seconds:
            arrivals.append(Arrival(at, f"camera_{chance.randrange(CAMERAS)}", models))
            at += chance.expovariate(phase.per_second)
    return arrivals


def together(*loads: list[Arrival]) -> list[Arrival]:
    """Several loads at the same time."""
    return sorted((arrival for load in loads for arrival in load), key=lambda arrival: arrival.at)


def begun(phases: Iterable[Phase]) -> Iterator[tuple[float, Phase]]:
    """The phases, each with its start."""
    begin = 0.0
    for phase in phases:
        yield begin, phase
        begin += phase.seconds


def count(phase: Phase) -> int:
    """The requests of a phase."""
    return round(phase.seconds * phase.per_second)
