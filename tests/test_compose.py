"""docker-compose.yml, as far as it goes without Docker: its policy and commands do what they should here."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway
from broker import Broker
from conftest import StartGateway
from places import ROOT
from s3 import S3Server, s3_server, use_credentials
from samples import write_numbered
from schema import read_config, read_yaml
from waiting import wait_until

SERVICES = read_yaml((ROOT / "docker-compose.yml").read_text())["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
POLICY = ROOT / "configs" / "compose.yaml"
PLAYED = 12  # of the 150 cameras: the embedded broker is slow where there are many topics


@pytest.fixture
def bucket_server() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as environment:
        use_credentials(environment)
        with s3_server() as server:
            yield server


def test_the_policy_that_is_mounted_is_valid_and_the_one_that_is_served() -> None:
    (mount,) = SERVICES["gateway"]["volumes"]
    here, there, mode = mount.split(":")
    assert (ROOT / here, mode) == (POLICY, "ro")
    assert SERVICES["gateway"]["command"] == ["serve", "--config", there]
    ended = gateway.run("check", str(ROOT / here))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_services_find_one_another() -> None:
    text = POLICY.read_text() + " ".join(SERVICES["cameras"]["command"])
    named = set(re.findall(r"[/\"= ](\w+):(\d{4})\b", text))
    assert named == {("broker", "9092"), ("bucket", "9090")}
    assert set(SERVICES) == {"broker", "bucket", "gateway", "cameras"}
    assert "PLAINTEXT://broker:9092" in SERVICES["broker"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    listeners = read_config(POLICY)["server"]
    ports = {listeners[door].rsplit(":", 1)[1] for door in ("grpc", "http")}
    assert {port.rsplit(":", 1)[1] for port in SERVICES["gateway"]["ports"]} == ports
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["gateway"]["ports"])
    assert all(":" in service["image"] for name, service in SERVICES.items() if name in ("broker", "bucket"))


def test_the_image_has_what_is_pinned_here() -> None:
    setup = (ROOT / "scripts" / "setup.d" / "onnxruntime.sh").read_text()
    (version,) = re.findall(r"^ONNXRUNTIME_VERSION=(\S+)", setup, re.MULTILINE)
    assert f"onnxruntime=={version} " in DOCKERFILE
    assert f"libonnxruntime.so.{version} " in DOCKERFILE
    assert set(re.findall(r"wheel_sha256=(\w+)", setup)) == set(re.findall(r"sha256:(\w+)", DOCKERFILE))
    (rust,) = re.findall(r'^rust-version = "(\S+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert f"FROM rust:{rust}-bookworm" in DOCKERFILE
    assert "\nUSER framegate\n" in DOCKERFILE


def test_what_is_built_is_sent_to_the_builder() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    listed = re.search(r"members = \[(.*?)\]", (ROOT / "Cargo.toml").read_text(), re.DOTALL)
    members = re.findall(r'"(\w+)"', listed[1])
    assert {"Cargo.toml", "Cargo.lock", *members} <= kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_cameras_of_the_site_are_served(
    start_gateway: StartGateway, broker: Broker, bucket_server: S3Server, tmp_path: Path
) -> None:
    frames = tmp_path / "clip"
    frames.mkdir()
    write_numbered(frames, 2, 64, 48, "jpg")
    command = on_this_machine(SERVICES["cameras"]["command"], frames, broker, bucket_server)
    played = gateway.run(*command, "--frames=1")
    assert played.returncode == 0, played.stderr
    assert f"acknowledged={PLAYED} failed=0" in played.stdout
    served = read_config(POLICY)
    served["server"] = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}
    served["buckets"][0]["endpoint"] = bucket_server.endpoint
    for rule in (served["ingest"][0], served["sinks"][0]):
        rule["kafka"]["brokers"] = broker.address
    served["ingest"][0]["max_frame_age"] = "10m"
    running = start_gateway(served)
    wait_until("a result of each camera", lambda: running.answers("detector", "OK") == PLAYED, timeout=60.0)
    topics = {key for key in running.metrics() if key.startswith("framegate_topic_lag_seconds")}
    assert len(topics) == PLAYED


def on_this_machine(command: list[str], frames: Path, broker: Broker, server: S3Server) -> list[str]:
    """The command with this test's clip, bucket, broker and number of cameras; all else stays."""
    here = {"--clip": str(frames), "--endpoint": server.endpoint, "--brokers": broker.address}
    here["--cameras"] = str(PLAYED)
    options = dict(option.split("=", 1) for option in command[1:])
    assert set(here) <= set(options)
    assert options["--cameras"] == "150"
    return [command[0], *(f"{name}={value}" for name, value in (options | here).items())]
