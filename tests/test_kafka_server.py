"""The main job on Apache Kafka: each record gets its result, and the offsets are committed behind them."""

from pathlib import Path

from broker import Broker
from kafka_server import KafkaServer
from policies import policy, simulated
from results import read_lines
from waiting import wait_until

COUNT = 300
GROUP = "plain"


def test_each_record_gets_its_result(shared_kafka: KafkaServer, start_gateway, tmp_path: Path) -> None:
    broker, results = Broker(shared_kafka.address), tmp_path / "results.jsonl"
    for number in range(COUNT):
        broker.send(f"plain_{number % 3}", b"frames:any", partition=0)
    broker.flush()
    rule = {
        "kafka": {"brokers": shared_kafka.address, "topics": "^plain_[0-9]+$", "group": GROUP},
        "session_timeout": "6s",
    }
    start_gateway(
        policy(models={"null": simulated("0ms")}, ingest=[rule], sinks=[{"jsonl": {"path": str(results)}}])
    )
    wait_until("all results", lambda: len(read_lines(results).records) == COUNT)
    assert set(read_lines(results).ids()) == {place.id("null") for place in broker.acknowledged}
    topics = {f"plain_{number}" for number in range(3)}
    wait_until("all committed", lambda: broker.committed(GROUP, topics) == broker.ends())
