"""What a gateway has written to its jsonl sink, and how it adds up with what was sent."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from broker import Position


@dataclass(frozen=True)
class Lines:
    """The whole lines of a file, and how many were cut off."""

    records: list[dict]
    torn: int

    def ids(self) -> Counter[str]:
        """How often each id occurs."""
        return Counter(record["id"] for record in self.records)


def read_lines(path: Path) -> Lines:
    """Reads a file of one JSON object per line, which may be written to just now; none is as empty."""
    if not path.exists():
        return Lines([], 0)
    records, torn = [], 0
    for line in path.read_bytes().splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            torn += 1
    return Lines(records, torn)


def all_ids(positions: list[Position], models: list[str]) -> set[str]:
    """The ids that must end."""
    return {position.id(model) for position in positions for model in models}


def committed_ids(
    positions: list[Position], committed: dict[tuple[str, int], int], models: list[str]
) -> set[str]:
    """The ids of records below the committed offsets: nobody will read those again."""
    done = [place for place in positions if place.offset < committed.get((place.topic, place.partition), 0)]
    return all_ids(done, models)
