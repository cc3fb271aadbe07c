"""One group of gateways on trial: its fleet, its results, and what must hold of them at the end."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from feed import Feed
from fleet import Fleet, Group
from ledger import Ledger, Window
from offsets_log import ahead, commits, went_back
from policies import ingest, policy, simulated
from prove import Holds
from results_topic import Results
from waiting import wait_until

MODELS = ["quick", "slow"]
IN_FLIGHT = 256


@dataclass(frozen=True)
class Site:
    """Where a trial takes place. Gateways may be told other brokers than the tests use: those of a proxy."""

    brokers: str
    topic: str
    folder: Path
    told: str = ""
    slow: str = "40ms"
    """What a batch of the slow model costs."""


@dataclass
class Trial:
    """A group named `group`, whose gateways all have the same policy but for their instance id."""

    site: Site
    group: str
    fields: dict[str, object] = field(default_factory=dict)
    """More of the ingest rule."""

    def __post_init__(self) -> None:
        self.windows: list[Window] = []
        self.in_flight: list[float] = []
        self.results = Results(self.site.brokers, f"results_{self.group}", MODELS)
        self.known = Group(self.site.brokers, self.group, self.site.topic)
        self.fleet = Fleet(self.site.folder / self.group, self._policy)

    def __enter__(self) -> "Trial":
        self.fleet.__enter__()
        self.results.__enter__()
        return self

    def __exit__(self, *error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.fleet.__exit__(*error)
        self.results.__exit__(*error)

    @property
    def ledger(self) -> Ledger:
        """The books of its results."""
        return self.results.ledger

    def _policy(self, name: str) -> dict:
        told = self.site.told or self.site.brokers
        static = {"group_instance_id": name if name.startswith("static") else None}
        source = {"brokers": told, "topics": f"^{self.site.topic}$", "group": self.group}
        rule = ingest(told, MODELS, kafka=source, max_in_flight=IN_FLIGHT, **{**static, **self.fields})
        rule = {key: value for key, value in rule.items() if value is not None}
        models = {
            "quick": simulated("2ms", "1ms", max_batch_size=16),
            "slow": simulated(self.site.slow, "1ms", max_batch_size=16),
        }
        sink = {"kafka": {"brokers": told, "topic": self.results.topic}}
        return policy(models=models, ingest=[rule], sinks=[sink])

    def kill_at_work(self, name: str) -> None:
        """Kills the gateway while it has records in flight, and notes what that may repeat."""
        owned = (self.known.members() or {}).get(name)
        taken = wait_until(f"{name} at work", lambda: self.fleet.in_flight(name), timeout=60)
        self.fleet.kill(name)
        self.in_flight.append(taken)
        self.windows.append(self.known.window(owned))

    def complete(self, ends: dict[int, int]) -> bool:
        """Whether there are as many results as there must be; cheap, so that one can wait for it."""
        return len(self.ledger.seen) >= self.ledger.expected(ends)

    def finish(self, timeout: float = 60) -> dict[int, int]:
        """Waits for the last results, then stops the gateways; what each partition holds."""
        ends = self.known.ends()
        with contextlib.suppress(TimeoutError):  # what is missing then is counted as lost
            wait_until(f"results of {self.group}", lambda: self.complete(ends), timeout=timeout)
        for name in list(self.fleet.running):
            self.fleet.stop(name)
        self.results.stop()
        return ends

    def judge(self, ends: dict[int, int], feed: Feed, holds: Holds) -> None:
        """What must hold of every trial: all records have their results, and no commit precedes them."""
        name, written, lost = self.group, sum(ends.values()), len(self.ledger.lost(ends))
        holds(
            f"{name}: records sent, acknowledged, in the topic",
            f"{feed.sent}, {feed.acknowledged}, {written}",
            "all",
            feed.sent == feed.acknowledged == written,
        )
        holds(f"{name}: (record, model) lost", f"{lost} of {self.ledger.expected(ends)}", "0", lost == 0)
        unknown = len(self.ledger.unknown(ends))
        holds(f"{name}: results of what was never written", unknown, "0", unknown == 0)
        self._judge_commits(ends, holds)
        memory = self.fleet.peak_rss
        holds(f"{name}: peak memory of a gateway", f"{memory} MiB", "< 200 MiB", 0 < memory < 200)

    def _judge_commits(self, ends: dict[int, int], holds: Holds) -> None:
        name, found = self.group, commits(self.site.brokers, self.group)
        atomic = self.fields.get("delivery") == "exactly_once"
        early, back = ahead(found, self.ledger, ends, atomic), went_back(found)
        holds(
            f"{name}: commits before their outcomes",
            f"{early} of {len(found)}",
            "0 of > 0",
            not early and bool(found),
        )
        holds(f"{name}: commits that went back", f"{back} of {len(found)}", "0", back == 0)
        left = sum(ends.values()) - sum(self.known.committed().values())
        holds(f"{name}: records not committed after the stop", left, "0", left == 0)
        told = dict(self.fleet.logged)
        holds(
            f"{name}: commits refused; warnings logged",
            f"{self.fleet.refused_commits}; {told}",
            "reported",
            True,
        )
