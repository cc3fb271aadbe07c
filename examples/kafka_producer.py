#!/usr/bin/env python3
"""Sends references to the frames of a folder to Kafka, as cameras would.

usage: kafka_producer.py BROKERS FOLDER [--bucket NAME] [--cameras N] [--fps RATE] [--plain]

FOLDER is a bucket's folder. Its pictures, in the order of their names, are dealt out to the topics
camera_1 ... camera_N. A record is keyed by its camera and holds JSON, or with --plain the reference
alone. It needs the package confluent-kafka.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
FLUSH_LIMIT = 30.0


def main() -> int:
    """0 if the broker has acknowledged every record."""
    options = parse()
    failed: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(f"{message.topic()}: {error.str()}")

    producer = Producer({"bootstrap.servers": options.brokers, "enable.idempotence": True})
    sent = 0
    for topic, camera, value in records(options):
        producer.produce(topic, value, key=camera, on_delivery=delivered)
        producer.poll(0)
        sent += 1
        if options.fps:
            time.sleep(1 / options.fps)
    left = producer.flush(FLUSH_LIMIT)
    for line in sorted(set(failed)):
        print(line, file=sys.stderr)
    print(f"{sent} records sent, {sent - left - len(failed)} acknowledged")
    return 1 if failed or left or not sent else 0


def records(options: argparse.Namespace) -> Iterator[tuple[str, str, bytes]]:
    """Topic, camera and value of each record."""
    frames = (file for file in sorted(options.folder.rglob("*")) if file.suffix.lower() in PICTURES)
    for number, file in enumerate(frames):
        camera = number % options.cameras + 1
        uri = f"{options.bucket}:{file.relative_to(options.folder).as_posix()}"
        value = {
            "uri": uri,
            "camera_id": str(camera),
            "captured_at": datetime.now(UTC).isoformat(),
            "sequence": number // options.cameras,
        }
        yield f"camera_{camera}", str(camera), (uri if options.plain else json.dumps(value)).encode()


def parse() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description="Sends references to the frames of a folder to Kafka.")
    parser.add_argument("brokers", help="host:port, separated by commas")
    parser.add_argument("folder", type=Path, help="a bucket's folder")
    parser.add_argument("--bucket", default="frames", help="the bucket's name in the policy")
    parser.add_argument("--cameras", type=int, default=1, help="how many topics")
    parser.add_argument("--fps", type=float, default=0, help="records per second; as fast as possible if 0")
    parser.add_argument("--plain", action="store_true", help="send references as plain text")
    options = parser.parse_args()
    if options.cameras < 1 or options.fps < 0:
        parser.error("--cameras is at least 1, and --fps at least 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
