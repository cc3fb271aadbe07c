"""The demo in a terminal: the view while the cameras play, then the summary."""

import json
from pathlib import Path

from gateway import environment
from places import DEPS, binary
from policies import ingest, policy, simulated
from terminal import Terminal

MODEL = "quick"


def write_policy(folder: Path) -> Path:
    """A policy for the demo, with a model that needs no artifact."""
    bucket = folder / "bucket"
    bucket.mkdir()
    sink = {"jsonl": {"path": str(folder / "results.jsonl"), "drops": str(folder / "drops.jsonl")}}
    sections = {"ingest": [ingest("127.0.0.1:9092", [MODEL])], "sinks": [sink]}
    config = folder / "policy.yaml"
    config.write_text(json.dumps(policy(bucket, {MODEL: simulated("1ms")}, **sections)))
    return config


def start(folder: Path) -> Terminal:
    """The demo in a terminal."""
    options = ["--config", str(write_policy(folder)), "--folder", str(folder / "demo")]
    clip = ["--clip", str(DEPS / "clips" / "bikes.mp4")]
    return Terminal([str(binary()), "demo", *options, *clip], environment(), 100, 40)


def test_q_ends_the_demo_gracefully_with_its_summary(tmp_path: Path) -> None:
    with start(tmp_path) as terminal:
        terminal.wait_for("grpcurl -plaintext", timeout=60)
        text = terminal.wait_for("● live")
        assert "▸ Pools" in text
        assert "camera_1 " in terminal.wait_for("camera_4 ")
        assert terminal.is_alternate()
        terminal.press("q")
        assert terminal.exit_code(timeout=60) == 0
        assert not terminal.is_alternate()
        assert terminal.attributes() == terminal.before
        after = terminal.written.split(b"\x1b[?1049l")[1].decode()
    summary = json.loads((tmp_path / "demo" / "summary.json").read_text())
    assert summary["lost"] == 0
    assert summary["frames_produced"] > 0
    assert "The cameras have stopped" in after
    assert f"delivered {summary['delivered']} of" in after
    assert "lost: 0" in after
