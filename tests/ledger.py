"""The books of a run: what was written to a topic, and which results there are of it since when."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[int, int]
"""Partition and offset of a record of the one topic that a run feeds."""


@dataclass
class Ledger:
    """The results of one run. Every record at every model has exactly one place in it."""

    models: list[str]
    seen: Counter[tuple[str, Place]] = field(default_factory=Counter)
    """How often a (model, record) has a result."""
    first_at: dict[tuple[str, Place], int] = field(default_factory=dict)
    """When the broker first had that result: its clock, in milliseconds."""

    def book(self, result: str, at: int) -> None:
        """A result with this id, `topic:partition:offset:model`, which the broker took then."""
        _, partition, offset, model = result.split(":")
        key = (model, (int(partition), int(offset)))
        self.seen[key] += 1
        self.first_at[key] = min(at, self.first_at.get(key, at))

    def expected(self, ends: Mapping[int, int]) -> int:
        """How many results there must be, if each partition holds so many records."""
        return sum(ends.values()) * len(self.models)

    def lost(self, ends: Mapping[int, int]) -> set[tuple[str, Place]]:
        """What has no result."""
        all_of_them = {
            (model, (partition, offset))
            for partition, end in ends.items()
            for offset in range(end)
            for model in self.models
        }
        return all_of_them - self.seen.keys()

    def gone(self, committed: Mapping[int, int]) -> set[tuple[str, Place]]:
        """What has no result and never will: it is committed, so nobody will read it again."""
        return self.lost(committed)

    def unknown(self, ends: Mapping[int, int]) -> set[tuple[str, Place]]:
        """Results of what was never written, or for a model that was not asked."""
        known = {(partition, model) for partition in ends for model in self.models}
        return {
            (model, (partition, offset))
            for model, (partition, offset) in self.seen
            if (partition, model) not in known or offset >= ends[partition]
        }

    def repeats(self) -> dict[tuple[str, Place], int]:
        """What has more results than one, and how many more."""
        return {key: count - 1 for key, count in self.seen.items() if count > 1}

    def done_at(self, partition: int, end: int) -> list[int | None]:
        """For each offset up to `end`: when all up to it had their results; none from where one is lost."""
        done: list[int | None] = []
        latest: int | None = 0
        for offset in range(end):
            times = [self.first_at.get((model, (partition, offset))) for model in self.models]
            latest = None if latest is None or None in times else max(latest, *times)
            done.append(latest)
        return done


@dataclass(frozen=True)
class Window:
    """What a gateway may have been at when it was killed: from the committed offsets to the ends."""

    bounds: dict[int, tuple[int, int]]

    def holds(self, place: Place) -> bool:
        """Whether the record may have been taken and not committed."""
        partition, offset = place
        begin, end = self.bounds.get(partition, (0, 0))
        return begin <= offset < end

    def records(self) -> int:
        """How many records it spans."""
        return sum(max(0, end - begin) for begin, end in self.bounds.values())


def unexplained(repeats: Mapping[tuple[str, Place], int], windows: list[Window]) -> int:
    """Repeats beyond the number of kills whose window held the record: each kill allows one more of it."""
    return sum(
        max(0, more - sum(window.holds(place) for window in windows)) for (_, place), more in repeats.items()
    )
