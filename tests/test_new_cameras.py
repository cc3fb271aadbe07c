"""A camera's topic that comes into being while the gateway runs, with the default settings."""

from pathlib import Path

import pytest

from broker import Broker
from kafka_server import KafkaServer
from policies import policy, simulated
from results import read_lines
from waiting import wait_until

HISTORY, FIRST = 50, 20
SERVED_WITHIN = 10.0


@pytest.mark.parametrize("start", ["committed", "latest"])
def test_a_new_camera_is_served_from_its_first_frame(
    start: str, shared_kafka: KafkaServer, start_gateway, tmp_path: Path
) -> None:
    broker, results = Broker(shared_kafka.address), tmp_path / "results.jsonl"
    known, new = f"new_{start}_1", f"new_{start}_2"
    send(broker, known, HISTORY)
    rule = {
        "kafka": {"brokers": broker.address, "topics": f"^new_{start}_[0-9]+$", "group": f"new-{start}"},
        "start": start,
    }
    sink = {"jsonl": {"path": str(results)}}
    start_gateway(policy(models={"null": simulated("0ms")}, ingest=[rule], sinks=[sink]))
    begun = {(known, 0): HISTORY}
    wait_until("the known topic is read", lambda: broker.committed(f"new-{start}", {known}) == begun)

    send(broker, new, FIRST)
    expected = {f"{new}:0:{offset}:null" for offset in range(FIRST)}
    wait_until(
        "the new camera's frames", lambda: expected <= set(read_lines(results).ids()), timeout=SERVED_WITHIN
    )
    send(broker, known, FIRST)
    expected |= {f"{known}:0:{HISTORY + number}:null" for number in range(FIRST)}
    if start == "committed":
        expected |= {f"{known}:0:{number}:null" for number in range(HISTORY)}
    wait_until("the known camera's", lambda: len(read_lines(results).records) >= len(expected))
    assert set(read_lines(results).ids()) == expected
    ends = broker.ends()
    wait_until("all committed", lambda: broker.committed(f"new-{start}", {known, new}) == ends)


def send(broker: Broker, topic: str, count: int) -> None:
    """So many frames of a camera."""
    for _ in range(count):
        broker.send(topic, b"frames:any", partition=0)
    broker.flush()
