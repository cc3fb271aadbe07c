"""What producers send already is read as it is: paths, keys, other names, nested fields, headers, times."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import samples
from broker import Broker
from kafka_server import KafkaServer
from policies import policy, simulated
from results import read_lines
from waiting import wait_until

MODEL = "null"
AT = 1795341600.5  # 2026-11-22T10:00:00.5Z
SENT = "2026-11-22T10:00:00.5"


@dataclass(frozen=True)
class Shape:
    """A record as some producer writes it; a topic of its own, so that each has its rule."""

    name: str
    record: dict[str, str]
    value: str
    headers: dict[str, bytes] = field(default_factory=dict)
    camera: str = "gate"
    timed: bool = True


def shapes(folder: Path, key: str) -> list[Shape]:
    """Those that are known, for a frame of the bucket."""
    nested = {"meta": {"cam": {"no": 17}, "ts": round(AT * 1e3)}, "frames": [{"path": f"/{key}"}]}
    columns = {"FRAME": [key], "CAM": ["gate"], "TS": round(AT * 1e6)}
    return [
        Shape("path", {}, f"{folder}/{key}", timed=False),
        Shape("quoted", {}, json.dumps(f"frames:{key}"), timed=False),
        Shape("key", {"uri_prefix": "frames:"}, key, timed=False),
        Shape(
            "nested",
            {
                "uri": "/frames/0/path",
                "camera_id": "/meta/cam/no",
                "captured_at": "/meta/ts",
                "uri_prefix": f"file://{folder}/",
            },
            json.dumps(nested),
            camera="17",
        ),
        Shape(
            "columns",
            {"uri": "/FRAME", "camera_id": "/CAM", "captured_at": "/TS", "uri_prefix": "frames:"},
            json.dumps([columns]),
        ),
        Shape(
            "headers",
            {"uri": "x-frame", "camera_id": "x-camera", "captured_at": "x-time"},
            "\0binary",
            {"x-frame": f"frames:{key}".encode(), "x-camera": b"gate", "x-time": SENT.encode()},
        ),
        Shape(
            "nanoseconds",
            {"captured_at": "/t"},
            json.dumps({"uri": f"frames:{key}", "camera_id": "gate", "t": round(AT * 1e9)}),
        ),
    ]


def test_records_are_read_as_they_are_sent(
    shared_kafka: KafkaServer, start_gateway, bucket: Path, tmp_path: Path
) -> None:
    (key,) = samples.write_numbered(bucket, 1, 64, 48, "jpg")
    sent = shapes(bucket, key)
    broker, results = Broker(shared_kafka.address), tmp_path / "results.jsonl"
    for shape in sent:
        broker.send(topic(shape), shape.value.encode(), key=b"gate", headers=shape.headers, partition=0)
    broker.send(topic(sent[0]), b"\0\0\0\0\7" + json.dumps({"uri": f"frames:{key}"}).encode(), partition=0)
    broker.flush()
    rules = [rule(shared_kafka.address, shape) for shape in sent]
    models = {MODEL: simulated("0ms", fetch=True)}
    start_gateway(policy(bucket, models, ingest=rules, sinks=[{"jsonl": {"path": str(results)}}]))

    wait_until("all results", lambda: len(read_lines(results).records) == len(sent) + 1)
    lines = read_lines(results).records
    (refused,) = [line for line in lines if "error" in line]
    assert "schema registry" in refused["error"]["message"]
    by_topic = {line["source"]["topic"]: line for line in lines if "error" not in line}
    for shape in sent:
        line = by_topic[topic(shape)]
        assert line["classes"], "the frame was fetched"
        assert line["camera_id"] == shape.camera, shape
        if shape.timed:
            captured = datetime.fromisoformat(line["captured_at"])
            assert captured == datetime.fromtimestamp(AT, UTC), shape


def topic(shape: Shape) -> str:
    """Where it is sent."""
    return f"mapping_{shape.name}"


def rule(brokers: str, shape: Shape) -> dict:
    """What reads it."""
    kafka = {"brokers": brokers, "topics": topic(shape), "group": topic(shape)}
    return {"kafka": kafka, "record": shape.record, "session_timeout": "6s"}
