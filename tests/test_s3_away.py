"""An S3 server that goes away and comes back: calls are told, and no record is lost."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import samples
from broker import Broker
from gateway import Gateway, run
from places import FRAMES
from policies import GROUP, ingest, policy, simulated
from results import all_ids, read_lines
from s3 import S3Server, s3_bucket, s3_server, use_credentials
from waiting import wait_until

MODEL, TOPIC = "model", "camera_1"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An S3 server of the test's own, with a frame."""
    use_credentials(monkeypatch)
    with s3_server() as running:
        running.put("good.jpg", samples.jpeg(samples.street(320, 240)))
        yield running


def start(start_gateway, server: S3Server, **sections: object) -> Gateway:
    """A model that fetches, with few and quick retries."""
    retries = {"attempts": 2, "backoff": "10ms"}
    buckets = [s3_bucket("frames", server.endpoint, retries=retries)]
    return start_gateway(policy(models={MODEL: simulated("1ms", fetch=True)}, buckets=buckets, **sections))


def test_calls_are_told_and_served_when_it_is_back(start_gateway, server: S3Server) -> None:
    gateway = start(start_gateway, server)
    assert len(gateway.predict("frames:good.jpg").results) == 1
    server.kill()
    refusal = gateway.refused("frames:good.jpg")
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "BUCKET_UNAVAILABLE")
    server.start()
    assert len(gateway.predict("frames:good.jpg").results) == 1


def test_records_wait_for_it_and_none_is_lost(
    start_gateway, server: S3Server, broker: Broker, tmp_path: Path
) -> None:
    results = tmp_path / "results.jsonl"
    rule = ingest(broker.address, [MODEL], retries={"attempts": 2, "backoff": "20ms"})
    gateway = start(start_gateway, server, ingest=[rule], sinks=[{"jsonl": {"path": str(results)}}])
    first = broker.send_all(*itertools.repeat((TOPIC, b"frames:good.jpg"), 5))
    wait_until("the first are served", lambda: len(read_lines(results).records) == 5, timeout=45)
    server.kill()
    held = broker.send_all(*itertools.repeat((TOPIC, b"frames:good.jpg"), 5))
    wait_until("the bucket was asked in vain", lambda: retries_of(gateway) >= 10, timeout=45)
    assert len(read_lines(results).records) == 5
    assert broker.committed(GROUP, {TOPIC}) == {(TOPIC, 0): 5}
    server.start()
    wait_until("all are served", lambda: len(read_lines(results).records) == 10, timeout=45)
    assert set(read_lines(results).ids()) == all_ids([*first, *held], [MODEL])
    assert not [record for record in read_lines(results).records if "error" in record]
    wait_until("the offset follows", lambda: broker.committed(GROUP, {TOPIC}) == {(TOPIC, 0): 10})


def retries_of(gateway: Gateway) -> float:
    """Records that were queued again because the bucket was away."""
    samples_of = gateway.metrics()
    name = "framegate_ingest_retries_total"
    return sum(value for key, value in samples_of.items() if key.startswith(name))


def test_a_camera_writes_there_and_a_gateway_reads_it(
    start_gateway, server: S3Server, broker: Broker, tmp_path: Path
) -> None:
    acknowledged, clip = tmp_path / "acknowledged.jsonl", tmp_path / "clip"
    clip.mkdir()
    for name in ("vtest_050.png", "vtest_300.png"):
        (clip / name).write_bytes((FRAMES / name).read_bytes())
    to = ["--bucket", "s3://cams/site1", "--endpoint", server.endpoint, "--bucket-name", "frames"]
    play = ["--clip", str(clip), "--brokers", broker.address, "--frames", "4", "--fps", "20"]
    for _ in range(2):
        ended = run("camera", *to, *play, "--acknowledged", str(acknowledged))
        assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("a clip was written to the bucket") == 0, "it was written again"
    keys = server.keys("site1/clips/")
    assert len(keys) == 3, keys
    retries = {"attempts": 2, "backoff": "10ms"}
    buckets = [s3_bucket("frames", server.endpoint, "s3://cams/site1", retries=retries)]
    gateway = start_gateway(policy(models={MODEL: simulated("1ms", fetch=True)}, buckets=buckets))
    lines = [json.loads(line) for line in acknowledged.read_text().splitlines()]
    assert len(lines) == 4
    for uri in {line["uri"] for line in lines}:
        assert len(gateway.predict(uri).results) == 1, uri


def test_a_camera_says_what_it_cannot_reach(server: S3Server, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes((FRAMES / "vtest_050.png").read_bytes())
    server.kill()
    to = ["--bucket", "s3://cams", "--endpoint", server.endpoint]
    ended = run("camera", *to, "--clip", str(tmp_path), "--brokers", "127.0.0.1:1")
    assert ended.returncode != 0
    assert "s3://cams" in ended.stderr
