"""The pages in docs/ are true: their policies are valid, their programs run, their links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import gateway
from broker import Broker
from conftest import StartGateway
from places import PROTO, ROOT
from schema import read_yaml

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
QUICK_START = DOCS / "quick-start.md"
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")
STUBS = [str(file) for file in sorted(PROTO.glob("framegate/v1/*.proto"))]


def blocks(page: Path, language: str) -> list[str]:
    """The page's code in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (DOCS / link).exists()]
    assert not missing


def test_the_policies_of_the_quick_start_are_valid(tmp_path: Path) -> None:
    first, own_model, kafka = blocks(QUICK_START, "yaml")
    for name, text in {"first": first, "own_model": own_model, "kafka": first + kafka}.items():
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        ended = gateway.run("check", str(file))
        assert (ended.returncode, ended.stderr) == (0, ""), name


def test_the_program_of_the_quick_start_runs(
    start_gateway: StartGateway, reference_frames: Path, tmp_path: Path
) -> None:
    running = start_gateway(first_policy(reference_frames))
    (program,) = blocks(QUICK_START, "python")
    (tmp_path / "frames").symlink_to(reference_frames)
    outputs = [f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}"]
    python(tmp_path, "-m", "grpc_tools.protoc", f"-I{PROTO}", *outputs, *STUBS)
    script = tmp_path / "ask.py"
    script.write_text(program.replace("127.0.0.1:9000", running.grpc_address))
    printed = python(tmp_path, str(script))
    assert 'label: "person"' in printed, "the detector saw the street"
    assert "classifier" in printed


def python(folder: Path, *arguments: str) -> str:
    """What a Python program prints; it must succeed."""
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def first_policy(bucket: Path) -> dict:
    """The first policy of the quick start, on free ports, with paths of this clone."""
    written = read_yaml(blocks(QUICK_START, "yaml")[0])
    written["server"] = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}
    written["buckets"][0]["url"] = f"file://{bucket}"
    for model in written["models"].values():
        model["artifact"] = str(ROOT / model["artifact"])
    return written


def test_the_models_that_are_shown_are_those_that_are_built() -> None:
    shown = [read_yaml(text) for text in blocks(DOCS / "models.md", "yaml")]
    built = [
        ROOT / "models" / name / "model.yaml" for name in ("efficientnet-lite0", "nanodet", "centerface")
    ]
    assert shown == [read_yaml(file.read_text()) for file in built]


def test_dead_letters_are_played_back_as_the_kafka_page_says(broker: Broker, tmp_path: Path) -> None:
    (program,) = blocks(DOCS / "kafka.md", "python")
    script = tmp_path / "replay.py"
    script.write_text(program)
    letters = [("camera_1", "7", "a", "OBJECT_NOT_FOUND"), ("camera_1", "7", "b", "OBJECT_NOT_FOUND")]
    letters += [("camera_2", "0", "a", "OBJECT_NOT_FOUND"), ("camera_2", "1", "a", "FRAME_UNDECODABLE")]
    for topic, offset, model, reason in letters:
        about = {"topic": topic, "partition": "0", "offset": offset, "model": model, "reason": reason}
        headers = {"own": b"kept"} | {f"framegate-{name}": text.encode() for name, text in about.items()}
        broker.send("framegate-dead", f"{topic}/{offset}.jpg".encode(), key=b"yard", headers=headers)
    broker.flush()
    command = [str(script), broker.address, "framegate-dead", "OBJECT_NOT_FOUND"]
    assert python(tmp_path, *command) == "2 records played back\n"
    assert python(tmp_path, *command) == "0 records played back\n", "it knows how far it came"
    (record,), (other,) = broker.read_all("camera_1"), broker.read_all("camera_2")
    assert (record.value(), record.key()) == (b"camera_1/7.jpg", b"yard")
    assert record.headers() == [("own", b"kept")]
    assert other.value() == b"camera_2/0.jpg"
