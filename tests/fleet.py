"""Gateways that share a topic as one group on Apache Kafka; each may be killed, stopped and started again."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from gateway import Gateway
from ledger import Window
from waiting import wait_until
from whole_topic import LIMIT, ends, reader

STABLE = "STABLE"
LOUD = ("WARN", "ERROR")
Members = dict[str, set[int]]
"""The partitions of each member, by its instance id, or by its member id if it has none."""


class Group:
    """What the brokers know of a consumer group of one topic."""

    def __init__(self, address: str, group: str, topic: str) -> None:
        self.name, self.topic = group, topic
        self._admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
        # Not `read_committed`, which waits for the end of transactions that a kill left open.
        self._reader: Consumer = reader(address, isolation="read_uncommitted", group=group)

    def members(self) -> Members | None:
        """The members and their partitions; nothing while they are being distributed."""
        try:
            found = self._admin.describe_consumer_groups([self.name])[self.name].result(LIMIT)
        except (KafkaException, TimeoutError):  # the coordinator is moving, or its broker starting
            return None
        if found.state.name != STABLE:
            return None
        return {
            member.group_instance_id or member.member_id: {
                place.partition for place in member.assignment.topic_partitions
            }
            for member in found.members
        }

    def has_members(self, count: int) -> bool:
        """Whether so many own all partitions, each some."""
        members = self.members() or {}
        owned = sum(map(len, members.values()))
        try:
            return len(members) == count and all(members.values()) and owned == len(self.ends())
        except KafkaException:  # a partition has no leader for the moment
            return False

    def ends(self) -> dict[int, int]:
        """How many records each partition holds."""
        return ends(self._reader, self.topic)

    def committed(self) -> dict[int, int]:
        """The committed offset of each partition; 0 where there is none."""
        asked = [TopicPartition(self.topic, partition) for partition in self.ends()]
        answer = self._reader.committed(asked, timeout=LIMIT)
        return {place.partition: max(0, place.offset) for place in answer}

    def window(self, owned: set[int] | None) -> Window:
        """From what is committed to what there is, of these partitions, or of all."""
        begins, found = self.committed(), self.ends()
        return Window({p: (begins[p], end) for p, end in found.items() if owned is None or p in owned})


class Fleet:
    """Gateways by name. `policy` makes the policy of each."""

    def __init__(self, folder: Path, policy: Callable[[str], dict]) -> None:
        self.running: dict[str, Gateway] = {}
        self.logged: Counter[str] = Counter()
        """Warnings and errors of those that have ended, by message."""
        self.refused_commits = 0
        self.peak_rss = 0
        self._folder, self._policy = folder, policy
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.kill(name)

    def start(self, *names: str) -> None:
        """Starts gateways; each is ready when this returns."""
        for name in names:
            folder = self._folder / f"{name}_{next(self._numbers)}"
            self.running[name] = Gateway(folder, self._policy(name))

    def kill(self, name: str) -> None:
        """SIGKILL."""
        self._ending(name).kill()
        self._note(name)

    def stop(self, name: str) -> None:
        """SIGTERM, and its graceful end."""
        code = self._ending(name).stop()
        self._note(name)
        assert code == 0, f"{name} has ended with {code}"

    def in_flight(self, name: str) -> float:
        """Records that it has taken and not done, as it says itself."""
        samples = self.running[name].metrics()
        return total(samples, "framegate_ingest_in_flight_records")

    def _ending(self, name: str) -> Gateway:
        gateway = self.running[name]
        self.peak_rss = max(self.peak_rss, rss(gateway))
        if gateway.process.poll() is None:
            self.refused_commits += refused(gateway)
        return gateway

    def _note(self, name: str) -> None:
        gateway = self.running.pop(name)
        gateway.kill()
        self.logged += loud(gateway)


def loud(gateway: Gateway) -> Counter[str]:
    """How often it has logged each warning and error."""
    return Counter(line["message"] for line in gateway.log() if line["level"] in LOUD)


def refused(gateway: Gateway) -> int:
    """Commits of a partition that a broker has refused to it."""
    failed = {name: value for name, value in gateway.metrics().items() if 'result="failed"' in name}
    return int(total(failed, "framegate_ingest_commits_total"))


def total(samples: dict[str, float], name: str) -> float:
    """The sum over all labels of a metric."""
    return sum(value for key, value in samples.items() if key.startswith(name + "{"))


def rss(gateway: Gateway) -> int:
    """Memory that it has held at most, in MiB; 0 if it has ended."""
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    lines = (line.split() for line in status.splitlines())
    return next((int(line[1]) >> 10 for line in lines if line[0] == "VmHWM:"), 0)


def wait_for_members(group: Group, count: int, timeout: float = 60) -> None:
    """Until the group has so many, and each of them its share."""
    wait_until(f"{count} members of {group.name}", lambda: group.has_members(count), timeout=timeout)
