"""The number of replicas over a time: changes of what is wanted, and how long replicas were there."""

import itertools
import time
from dataclasses import dataclass

from gateway import Gateway
from steady import Steady
from watching import decisions


@dataclass(frozen=True)
class Change:
    """The autoscaler wants another number."""

    at: float
    """By the wall clock."""
    before: int
    desired: int

    @property
    def is_up(self) -> bool:
        """Whether it wants more."""
        return self.desired > self.before


class Decisions(Steady):
    """Collects the decisions of these pools' autoscalers; a gateway keeps only the last of them."""

    def __init__(self, gateway: Gateway, *models: str) -> None:
        super().__init__(self._collect, 0.5)
        self._gateway = gateway
        self._kept: dict[str, dict[int, object]] = {model: {} for model in models}

    def stop(self) -> None:
        """Ends it; all decisions until now are collected then."""
        super().stop()
        self._collect()

    def changes(self, model: str, since: float = 0.0) -> list[Change]:
        """In the order of time."""
        kept = [one for _, one in sorted(self._kept[model].items())]
        found = [
            Change(at(one), before.desired_replicas, one.desired_replicas)
            for before, one in itertools.pairwise(kept)
            if before.desired_replicas != one.desired_replicas
        ]
        return [change for change in found if change.at >= since]

    def _collect(self) -> None:
        for model, kept in self._kept.items():
            kept.update({one.time.ToNanoseconds(): one for one in decisions(self._gateway, model)})


class ReplicaSeconds(Steady):
    """Adds up the replicas of a pool, each from its start to its end."""

    def __init__(self, gateway: Gateway, model: str) -> None:
        super().__init__(self._look, 0.05)
        self._gateway, self._model = gateway, model
        self._seen: list[tuple[float, int]] = []

    def between(self, begin: float, end: float) -> float:
        """Replica-seconds of that time, by the monotonic clock."""
        spans = itertools.pairwise(self._seen)
        return sum(
            count * max(0.0, min(until, end) - max(since, begin)) for (since, count), (until, _) in spans
        )

    def _look(self) -> None:
        before = time.monotonic()
        replicas = self._gateway.pool(self._model).replicas
        self._seen.append(((before + time.monotonic()) / 2, len(replicas)))


def at(decision: object) -> float:
    """When a decision was made first, by the wall clock."""
    return decision.time.ToNanoseconds() / 1e9


def turns(changes: list[Change]) -> list[Change]:
    """The first of each row of changes in the same direction."""
    return [next(row) for _, row in itertools.groupby(changes, key=lambda change: change.is_up)]
