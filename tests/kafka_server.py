"""Apache Kafka as `scripts/kafka` runs it: real brokers, which can be stopped, killed and started again."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from places import DEPS, ROOT

SCRIPT = ROOT / "scripts" / "kafka"


def missing() -> str | None:
    """Why there can be none on this machine, if so."""
    if shutil.which("java") is None:
        return "Apache Kafka: java is not on PATH"
    if not any((DEPS / "kafka").glob("kafka_*.jar")):
        return "Apache Kafka: scripts/setup kafka has not fetched it"
    return None


class KafkaServer:
    """One broker or three; they end with their `with` block, and what they hold with them."""

    def __init__(
        self, folder: Path, brokers: int = 1, advertise: list[int] | None = None, **properties: str
    ) -> None:
        """`properties` are settings, with `_` for each dot; `advertise` is as in `scripts/kafka --help`."""
        self._folder = folder
        options = ["--brokers", str(brokers)]
        for name, value in properties.items():
            options += ["--property", f"{name.replace('_', '.')}={value}"]
        if advertise:
            options += ["--advertise", ",".join(map(str, advertise))]
        self._options = options
        self.address = ""

    def __enter__(self) -> "KafkaServer":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._run("stop", "--kill", "--wipe")

    def start(self, broker: int | None = None) -> None:
        """Starts those that do not run, or that one; returns when they serve clients."""
        ready = self._run("start", *self._options, *number(broker))
        self.address = ready.strip().removeprefix("ready brokers=")

    def stop(self, broker: int | None = None) -> None:
        """Stops them, or that one, in order."""
        self._run("stop", *number(broker))

    def kill(self, broker: int | None = None) -> None:
        """Kills them, or that one."""
        self._run("stop", "--kill", *number(broker))

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """All brokers stand still for this block, with every connection open."""
        pids = [int(path.read_text()) for path in self._folder.glob("broker-*/pid")]
        assert pids, "no broker runs"
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def generations(self, group: str) -> int:
        """How many generations the group has had, by the brokers' logs: each rebalance begins one."""
        text = f"Stabilized group {group} generation"
        logs = self._folder.glob("broker-*/log")
        return sum(log.read_text(errors="replace").count(text) for log in logs)

    def _run(self, *arguments: str) -> str:
        command = [str(SCRIPT), *arguments, "--dir", str(self._folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def number(broker: int | None) -> list[str]:
    """The option that names a broker."""
    return [] if broker is None else ["--broker", str(broker)]
