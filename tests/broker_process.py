"""A Kafka broker in a process of its own, so that it can stand still and go on."""

import signal
import subprocess
import sys
from pathlib import Path

HOST = """
from broker import Broker
with Broker() as broker:
    print(broker.address, flush=True)
    input()
"""


class BrokerProcess:
    """It ends with its `with` block."""

    def __enter__(self) -> "BrokerProcess":
        self._process = subprocess.Popen(
            [sys.executable, "-c", HOST],
            cwd=Path(__file__).parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = self._process.stdout.readline().strip()
        assert self.address, "the broker has not started"
        return self

    def __exit__(self, *_: object) -> None:
        self.go_on()
        self._process.communicate("\n", timeout=30)

    def stand_still(self) -> None:
        """From now on it answers nothing, as a machine that is cut off."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again, with all it had."""
        self._process.send_signal(signal.SIGCONT)
