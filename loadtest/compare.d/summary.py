"""Medians of a run's figures."""

import statistics
from collections.abc import Sequence


class Job:
    """What was measured of one job: its turns by server, and the limit of each round."""

    def __init__(self, turns: dict[str, list[dict]], limits: Sequence[float]) -> None:
        self.turns = {name: each for name, each in turns.items() if each}
        self._limits = limits

    def median(self, name: str, *keys: str) -> float:
        """Of one figure, such as `in_flight`, `64`, `p99_ms`."""
        return statistics.median(dig(turn, keys) for turn in self.turns[name])

    def ratio(self, name: str, in_flight: int) -> float:
        """Of p99 and p50: the median of the rounds' ratios."""
        points = [turn["in_flight"][str(in_flight)] for turn in self.turns[name]]
        return statistics.median(point["p99_ms"] / point["p50_ms"] for point in points)

    def share(self, name: str, in_flight: int) -> float | None:
        """Of the limit in the same round; none if that was not measured."""
        rates = [turn["in_flight"][str(in_flight)]["per_second"] for turn in self.turns[name]]
        pairs = list(zip(rates, self._limits, strict=False))
        return statistics.median(rate / limit for rate, limit in pairs) if pairs else None


def dig(turn: dict, keys: Sequence[str]) -> float:
    for key in keys:
        turn = turn[key]
    return turn
