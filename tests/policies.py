"""Policies of the tests, as the data that their YAML holds."""

from pathlib import Path

from places import MODELS

PLACEMENTS = ["thread", "process"]
"""Where replicas run on this machine."""


def policy(bucket: Path | None = None, models: dict | None = None, **sections: object) -> dict:
    """A policy on free ports, with one bucket `frames`."""
    server = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0", **sections.pop("server", {})}
    buckets = [] if bucket is None else [{"name": "frames", "url": f"file://{bucket}"}]
    return {"server": server, "buckets": buckets, "models": models or {}, **sections}


def onnx(artifact: str, replicas: int = 1, **fields: object) -> dict:
    """A real model with a fixed number of replicas."""
    return {"artifact": str(MODELS / artifact), "autoscaling": fixed(replicas), **fields}


def simulated(
    base: str, per_item: str = "0ms", fetch: bool = False, replicas: int = 1, **fields: object
) -> dict:
    """A device that only takes time."""
    times = {"base": base, "per_item": per_item, "fetch": fetch}
    return {"backend": "simulated", "simulated": times, "autoscaling": fixed(replicas), **fields}


def fixed(replicas: int) -> dict:
    """No scaling."""
    return {"min_replicas": replicas, "max_replicas": replicas}


GROUP = "framegate-tests"


def ingest(brokers: str, models: list[str], **fields: object) -> dict:
    """A rule that feeds the cameras' topics to these models, quick to notice topics and lost members."""
    return {
        "kafka": {"brokers": brokers, "topics": "^camera_[0-9]+$", "group": GROUP},
        "models": models,
        "group_instance_id": "tests-1",
        "session_timeout": "6s",
        "metadata_refresh": "500ms",
        "commit_interval": "100ms",
        **fields,
    }
