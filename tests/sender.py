"""Records at a steady pace, from a process of its own (`python sender.py`), to delay nobody."""

import json
import select
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import Producer

LIMIT = 60.0
TURN = 0.005  # seconds between two looks at the clock


class Sender:
    """Sends records in the background to `topics` in turn, so many per second, until stopped."""

    def __init__(self, address: str, topics: list[str], per_second: float, values: list[bytes]) -> None:
        """`values` are sent in turn."""
        order = {
            "address": address,
            "topics": topics,
            "per_second": per_second,
            "values": [value.decode("latin-1") for value in values],
        }
        self._order = json.dumps(order).encode()
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "Sender":
        command = [sys.executable, str(Path(__file__).resolve())]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe)
        self._process.stdin.write(self._order + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == b"sending\n"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Ends it; how many records the broker has acknowledged, which must be all."""
        sent, _ = self._process.communicate(timeout=LIMIT)
        assert self._process.returncode == 0, "records were not acknowledged"
        return int(sent)


def main() -> None:
    """Sends until its input ends."""
    order = json.loads(sys.stdin.readline())
    producer = Producer({"bootstrap.servers": order["address"], "linger.ms": 2, "message.timeout.ms": 60_000})
    values = [value.encode("latin-1") for value in order["values"]]
    producer.list_topics(timeout=LIMIT)
    print("sending", flush=True)
    count = play(producer, order["topics"], order["per_second"], values)
    left = producer.flush(LIMIT)
    print(count)
    sys.exit(1 if left else 0)


def play(producer: Producer, topics: list[str], per_second: float, values: list[bytes]) -> int:
    """Sends what is due, until told to stop; how many."""
    count, began = 0, time.monotonic()
    while not told_to_stop():
        due = int((time.monotonic() - began) * per_second)
        for number in range(count, due):
            topic = topics[number % len(topics)]
            producer.produce(topic, values[number // len(topics) % len(values)], key=topic)
        count = max(count, due)
        producer.poll(0)
        time.sleep(TURN)
    return count


def told_to_stop() -> bool:
    """Whether whoever started this process has closed its input."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


if __name__ == "__main__":
    main()
