"""The policies in configs/ are right, and the site of 150 cameras is served as its file says."""

from pathlib import Path

import pytest

import gateway
from broker import Broker, Position
from conftest import StartGateway
from gateway import Gateway
from places import MODELS, ROOT
from results import all_ids, read_lines
from samples import write_numbered
from schema import read_config
from waiting import wait_until

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SITE = ROOT / "configs" / "cameras-150.yaml"
CLASSIFIERS = ["person-classifier", "vehicle-classifier"]
CAMERAS = [f"camera_{number}" for number in (0, 7, 42, 149)]
FRAMES_EACH = 3
SCALING = {"min_replicas": 1, "initial_replicas": 2, "max_replicas": 10, "target_ongoing_requests": 16}


@pytest.mark.parametrize("file", CONFIGS, ids=[file.name for file in CONFIGS])
def test_a_config_is_valid(file: Path) -> None:
    ended = gateway.run("check", str(file))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("valid: ")


def test_the_site_is_the_one_on_ray_serve() -> None:
    site = read_config(SITE)
    assert list(site["models"]) == CLASSIFIERS
    for model in site["models"].values():
        assert (model["max_batch_size"], model["batch_wait_timeout"]) == (16, "500ms")
        assert model["autoscaling"] == SCALING
    (rule,) = site["ingest"]
    assert rule["kafka"]["topics"] == "^camera_[0-9]+$"
    assert rule["models"] == CLASSIFIERS


def test_the_site_serves_plain_paths(
    start_gateway: StartGateway, broker: Broker, bucket: Path, tmp_path: Path
) -> None:
    keys = write_numbered(bucket, FRAMES_EACH, 320, 240, "jpg")
    records = [(camera, key.encode()) for camera in CAMERAS for key in keys]
    places = broker.send_all(*records, ("camera_0", b"nowhere.jpg"))
    results = tmp_path / "results.jsonl"
    running = start_gateway(on_this_machine(read_config(SITE), broker, bucket, results))
    assert all(len(running.pool(model).replicas) == 2 for model in CLASSIFIERS), "initial_replicas"
    wanted = all_ids(places[:-1], CLASSIFIERS)
    wait_until("all results", lambda: read_lines(results).ids().keys() >= wanted, timeout=60.0)
    assert read_lines(results).ids().keys() == wanted
    for record in read_lines(results).records:
        assert record["camera_id"] in CAMERAS
        assert record["classes"], record
    assert_settled(running, broker, places)


def assert_settled(running: Gateway, broker: Broker, places: list[Position]) -> None:
    """The frame that is nowhere is a dead letter of both models, and every record is committed."""
    wait_until("dead letters", lambda: len(broker.read_all("framegate-dead")) == len(CLASSIFIERS))
    assert running.stop() == 0
    assert broker.committed("framegate", set(CAMERAS)) == {
        (camera, 0): sum(place.topic == camera for place in places) for camera in CAMERAS
    }


def on_this_machine(site: dict, broker: Broker, bucket: Path, results: Path) -> dict:
    """The same policy with this test's broker, bucket, classifiers, ports and files; the rest stays."""
    site["server"] |= {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}
    site["buckets"][0]["url"] = f"file://{bucket}"
    for model in site["models"].values():
        model["artifact"] = str(MODELS / "efficientnet-lite0")
    site["ingest"][0]["kafka"]["brokers"] = broker.address
    site["sinks"] = [{"jsonl": {"path": str(results)}}]
    return site
