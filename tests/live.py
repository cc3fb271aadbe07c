"""A gateway whose policy changes while it is asked: the changes, the load, and what the process holds."""

import contextlib
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import api
from gateway import Gateway
from replica_processes import children

CHANGE_LIMIT = 120.0


def text(policy: dict) -> str:
    """The policy as YAML."""
    return json.dumps(policy, indent=2)


def write(gateway: Gateway, policy: dict) -> None:
    """Puts another policy in the place of the file, as editors do."""
    file = gateway.folder / "policy.yaml"
    new = file.with_name("policy.yaml.new")
    new.write_text(text(policy))
    new.replace(file)


def apply(gateway: Gateway, policy: dict | str) -> object:
    """What the gateway answers to ApplyPolicy."""
    yaml = policy if isinstance(policy, str) else text(policy)
    return gateway.operator.ApplyPolicy(api.operator.ApplyPolicyRequest(yaml=yaml), timeout=CHANGE_LIMIT)


def running(gateway: Gateway) -> object:
    """The policy in force."""
    return gateway.operator.GetPolicy(api.operator.GetPolicyRequest(), timeout=10)


def source(policy: object) -> str:
    """Where the policy in force, or a refused one, came from."""
    return api.operator.PolicySource.Name(policy.source).removeprefix("POLICY_SOURCE_")


@dataclass
class Load:
    """Callers that ask without a pause beside a `with` block; every failure is kept."""

    gateway: Gateway
    callers: int = 4
    models: tuple[str, ...] = ()
    uri: str = "frames:any"
    answers: int = 0
    versions: list[str] = field(default_factory=list)
    failures: Counter = field(default_factory=Counter)

    def __enter__(self) -> "Load":
        self._stopped, self._lock = threading.Event(), threading.Lock()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(self.callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._stopped.is_set():
            try:
                response = self.gateway.predict(self.uri, models=self.models)
                found = [self._failure(result) for result in response.results]
            except Exception as error:
                found = [str(error)]
            with self._lock:
                self.answers += 1
                self.failures.update(failure for failure in found if failure)

    def _failure(self, result: object) -> str:
        self.versions.append(result.version)
        return f"{result.model}: {result.error.reason}" if result.HasField("error") else ""


@dataclass(frozen=True)
class Footprint:
    """What a process holds."""

    threads: Counter
    descriptors: int
    children: int

    @classmethod
    def of(cls, gateway: Gateway) -> "Footprint":
        """What it holds now."""
        proc = Path(f"/proc/{gateway.process.pid}")
        threads = Counter()
        for task in (proc / "task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends just now
                threads[(task / "comm").read_text().strip()] += 1
        return cls(threads, len(os.listdir(proc / "fd")), len(children(gateway.process.pid)))

    def more_than(self, before: "Footprint") -> dict[str, int]:
        """What there is more than before."""
        more = {
            "threads": self.threads.total() - before.threads.total(),
            "descriptors": self.descriptors - before.descriptors,
            "children": self.children - before.children,
        }
        return {what: count for what, count in more.items() if count > 0}


def settled(what: Callable[[], dict], timeout: float = 45.0) -> dict:
    """What is still left after a while in which things may go: threads that wait for blocking work go after 10 s."""
    deadline = time.monotonic() + timeout
    left = what()
    while left and time.monotonic() < deadline:
        time.sleep(0.5)
        left = what()
    return left
