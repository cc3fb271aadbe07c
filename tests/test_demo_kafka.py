"""The demo on a Kafka that runs: it accounts for every frame, and leaves nothing behind."""

import json
import os
import subprocess
from pathlib import Path

from confluent_kafka.admin import AdminClient

import gateway
from kafka_server import KafkaServer
from places import DEPS, ROOT, binary
from samples import write_numbered
from schema import read_config

MODELS = {"detector": "nanodet", "classifier": "efficientnet-lite0"}


def test_it_accounts_for_every_frame_and_leaves_nothing(shared_kafka: KafkaServer, tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    write_numbered(clip, 4, 320, 240, "jpg")
    policy = demo_policy(tmp_path)
    options = ["--config", str(policy), "--clip", str(clip), "--folder", str(tmp_path), "--plain"]
    played = ["--cameras", "3", "--fps", "2", "--seconds", "3", "--brokers", shared_kafka.address]
    ended = gateway.run("demo", *options, *played, timeout=120.0)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["frames_acknowledged"] == summary["frames_produced"] > 0
    ends = summary["delivered"] + sum(summary["dropped"].values()) + summary["dead_lettered"]
    assert (ends, summary["lost"]) == (summary["frames_acknowledged"] * len(MODELS), 0)
    topics, groups = what_is_there(shared_kafka.address)
    assert not [name for name in topics | groups if name.startswith("demo-")]


def demo_policy(folder: Path) -> Path:
    """configs/demo.yaml on free ports, with its files in this folder."""
    policy = read_config(ROOT / "configs" / "demo.yaml")
    policy["server"] |= {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}
    policy["buckets"][0]["url"] = f"file://{folder}/bucket"
    for name, artifact in MODELS.items():
        policy["models"][name]["artifact"] = str(DEPS / "models" / artifact)
    policy["sinks"] = [{"jsonl": {"path": f"{folder}/results.jsonl", "drops": f"{folder}/drops.jsonl"}}]
    file = folder / "policy.yaml"
    file.write_text(json.dumps(policy))
    return file


def what_is_there(address: str) -> tuple[set[str], set[str]]:
    """The names of topics and of groups."""
    admin = AdminClient({"bootstrap.servers": address})
    groups = admin.list_consumer_groups().result(timeout=30).valid
    return set(admin.list_topics(timeout=30).topics), {group.group_id for group in groups}


def test_make_says_what_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "dirname"):
        (tools / tool).symlink_to(f"/bin/{tool}" if tool == "bash" else "/usr/bin/dirname")
    command = [str(ROOT / "scripts" / "demo-kafka"), str(binary()), "demo"]
    environment = {**os.environ, "PATH": str(tools)}
    ended = subprocess.run(
        ["/bin/bash", *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert "Apache Kafka needs Java" in ended.stderr
    assert "`make demo` alone" in ended.stderr
