"""`framegate camera` as a site has it: what it reports is what Apache Kafka and the bucket hold."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from PIL import Image

from kafka_server import KafkaServer
from mjpeg import mjpeg_camera
from places import FRAMES, binary
from waiting import wait_until

LIMIT = 60.0
StartCamera = Callable[..., subprocess.Popen]


@pytest.fixture
def start_camera(shared_kafka: KafkaServer, reference_frames: Path, tmp_path: Path) -> Iterator[StartCamera]:
    """Starts cameras that write to the bucket in `tmp_path`; they end with the test."""
    started: list[subprocess.Popen] = []

    def start(prefix: str, *more: str, clip: str = str(reference_frames)) -> subprocess.Popen:
        command = [str(binary()), "camera", "--clip", clip, "--bucket", str(tmp_path / "bucket")]
        command += ["--brokers", shared_kafka.address, "--topic-prefix", prefix]
        command += [
            "--acknowledged",
            str(tmp_path / "acknowledged.jsonl"),
            "--report",
            str(tmp_path / "report.json"),
        ]
        with (tmp_path / "camera.log").open("ab") as log:
            started.append(subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=log, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen, tmp_path: Path) -> dict:
    """Waits for the cameras' end; their report."""
    stdout, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, (tmp_path / "camera.log").read_text()
    report = json.loads((tmp_path / "report.json").read_text())
    total = report["total"]
    counts = " ".join(f"{name}={total[name]}" for name in ("produced", "acknowledged", "failed", "late"))
    assert stdout.splitlines()[-1] == counts, "the last line says the same"
    return report


def ends(kafka: KafkaServer, topics: list[str]) -> dict[str, int]:
    """How many records each topic holds."""
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "camera_site"})
    try:
        return {topic: consumer.get_watermark_offsets(TopicPartition(topic, 0), LIMIT)[1] for topic in topics}
    finally:
        consumer.close()


def records(kafka: KafkaServer, topic: str) -> list[dict]:
    """What a topic holds."""
    count = ends(kafka, [topic])[topic]
    consumer = Consumer({"bootstrap.servers": kafka.address, "group.id": "camera_site"})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        messages = consumer.consume(count, LIMIT) if count else []
        assert len(messages) == count
        return [json.loads(message.value()) for message in messages]
    finally:
        consumer.close()


def objects(bucket: Path, prefix: str) -> set[str]:
    """The keys of whole frames that the cameras wrote."""
    found = (bucket / "frames" / f"{prefix}N").glob("*/*")
    return {str(path.relative_to(bucket)) for path in found if path.suffix != ".partial"}


def key(record: dict) -> str:
    return record["uri"].removeprefix("frames:")


def acknowledged(tmp_path: Path) -> int:
    """Lines of the acknowledged file so far."""
    file = tmp_path / "acknowledged.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def test_150_cameras_at_once_on_topics_that_do_not_exist_yet(
    shared_kafka: KafkaServer, start_camera: StartCamera, tmp_path: Path
) -> None:
    report = finish(start_camera("site_", "--cameras", "150", "--fps", "30", "--frames", "150"), tmp_path)
    total = report["total"]
    assert (total["produced"], total["acknowledged"], total["failed"]) == (150 * 150, 150 * 150, 0)
    held = ends(shared_kafka, [camera["camera_id"] for camera in report["cameras"]])
    assert held == {f"site_{number}": 150 for number in range(1, 151)}
    for camera in report["cameras"]:
        (place,) = camera["partitions"]
        assert (place["acknowledged"], place["first_offset"], place["last_offset"]) == (150, 0, 149)
    assert acknowledged(tmp_path) == total["acknowledged"]


def test_frames_of_their_own_are_there_and_old_ones_go(
    shared_kafka: KafkaServer, start_camera: StartCamera, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    run = "0123456789abcdef"
    left_over = bucket / "frames" / "unique_N" / "20260101T000000Z" / f"unique_1-{run}-000001.jpg"
    others = [
        left_over.with_name("notes.txt"),
        bucket / "frames" / "yard_N" / "20260101T000000Z" / left_over.name,
    ]
    for file in (left_over, *others):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"old")
    process = start_camera("unique_", "--cameras", "3", "--fps", "20", "--unique-objects", "--keep", "2s")
    wait_until("the left-over has gone", lambda: not left_over.exists())
    wait_until("references", lambda: acknowledged(tmp_path) > 60)
    first = records(shared_kafka, "unique_1")[0]
    wait_until("the first frame has gone", lambda: not (bucket / key(first)).exists())
    process.terminate()
    report = finish(process, tmp_path)
    sent = [key(record) for number in (1, 2, 3) for record in records(shared_kafka, f"unique_{number}")]
    assert len(set(sent)) == len(sent) == report["total"]["acknowledged"], (
        "each frame is an object of its own"
    )
    assert sent[-1] in objects(bucket, "unique_"), "the last ones are still there"
    assert all(file.read_bytes() == b"old" for file in others)
    assert len(list((bucket / "clips").glob("*/*"))) == len(list(FRAMES.glob("*.png"))), "so is the clip"


def test_killed_cameras_leave_no_reference_without_its_whole_frame(
    shared_kafka: KafkaServer, start_camera: StartCamera, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket"
    process = start_camera("killed_", "--cameras", "2", "--fps", "100", "--unique-objects")
    wait_until("references", lambda: acknowledged(tmp_path) > 100)
    process.kill()
    process.wait()
    whole = {path.read_bytes() for path in (bucket / "clips").glob("*/*")}
    sent = [record for number in (1, 2) for record in records(shared_kafka, f"killed_{number}")]
    assert len(sent) > 100
    for record in sent:
        assert (bucket / key(record)).read_bytes() in whole


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_stream_goes_on_after_cuts(
    shared_kafka: KafkaServer, start_camera: StartCamera, tmp_path: Path
) -> None:
    with mjpeg_camera(jpegs()) as camera:
        process = start_camera("stream_", "--keep", "60s", clip=camera.url)
        for _ in range(2):
            before = acknowledged(tmp_path)
            wait_until("frames come", lambda before=before: acknowledged(tmp_path) > before + 10, LIMIT)
            connections = camera.connections
            camera.cut.set()
            wait_until("it connects anew", lambda seen=connections: camera.connections > seen, LIMIT)
            camera.cut.clear()
        before = acknowledged(tmp_path)
        wait_until("frames come again", lambda: acknowledged(tmp_path) > before + 10, LIMIT)
        process.terminate()
        report = finish(process, tmp_path)
    assert report["total"]["reconnects"] >= 2
    sent = records(shared_kafka, "stream_1")
    assert [record["sequence"] for record in sent] == list(range(1, len(sent) + 1))
    for record in sent:
        Image.open(tmp_path / "bucket" / key(record)).load()
    log = (tmp_path / "camera.log").read_text()
    assert log.count("a stream broke") == 1
    assert "hunter2" not in log + json.dumps(report)


def jpegs() -> list[bytes]:
    """Reference frames as a camera would send them."""
    found = []
    for file in sorted(FRAMES.glob("vtest*.png")):
        jpeg = BytesIO()
        Image.open(file).convert("RGB").save(jpeg, "JPEG")
        found.append(jpeg.getvalue())
    return found
