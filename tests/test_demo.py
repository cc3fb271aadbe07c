"""Item 2: the demo, run as a newcomer runs it, accounts for every frame."""

import json
import os
import subprocess

import pytest

from broker import Position
from places import ROOT
from prove import Holds
from results import all_ids, read_lines

pytestmark = pytest.mark.item(2)

FOLDER = ROOT / ".demo"
MODELS = ["detector", "classifier"]
SECONDS = 20
BUILD_LIMIT = 900  # make builds first what has changed


@pytest.fixture(scope="module")
def summary() -> dict:
    """Runs the demo once; its summary."""
    (FOLDER / "summary.json").unlink(missing_ok=True)
    environment = {**os.environ, "DEMO_SECONDS": str(SECONDS)}
    command = ["make", "--no-print-directory", "demo"]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=BUILD_LIMIT, check=False
    )
    said = f"{ended.stdout[-3000:]}\n{ended.stderr[-6000:]}"
    assert ended.returncode == 0, f"exit {ended.returncode}\n{said}"
    return {"said": ended.stdout, **json.loads((FOLDER / "summary.json").read_text())}


def test_nothing_is_lost(summary: dict, holds: Holds) -> None:
    produced, lost = summary["frames_produced"], summary["lost"]
    holds("summary: frames produced, lost", f"{produced}, {lost}", "> 0, 0", produced > 0 and lost == 0)
    positions = acknowledged()
    expected = all_ids(positions, MODELS)
    results, drops = read_lines(FOLDER / "results.jsonl"), read_lines(FOLDER / "drops.jsonl")
    outcomes = results.ids() + drops.ids()
    gone = expected - set(outcomes)
    holds("own count: frames acknowledged", len(positions), f"= {produced}", len(positions) == produced)
    holds(
        "own count: (frame, model) without outcome",
        f"{len(gone)} of {len(expected)}",
        "0",
        not gone and len(expected) > 0,
    )
    several = [name for name, count in outcomes.items() if count > 1]
    holds("own count: with more than one outcome", len(several), "0", not several)
    holds(
        "own count: outcomes of what was never sent",
        len(set(outcomes) - expected),
        "0",
        set(outcomes) <= expected,
    )
    holds("summary: dead-lettered", summary["dead_lettered"], "0", summary["dead_lettered"] == 0)
    told = (summary["delivered"], sum(summary["dropped"].values()))
    counted = (len(results.records), len(drops.records))
    holds("summary and files: delivered, dropped", f"{told}, {counted}", "the same", told == counted)
    for model in MODELS:
        delivered = sum(record["model"] == model for record in results.records)
        holds(f"{model}: delivered", f"{delivered} of {len(positions)}", "> 0", delivered > 0)


def test_persons_are_seen(summary: dict, holds: Holds) -> None:
    records = [record for record in read_lines(FOLDER / "results.jsonl").records if "vtest" in record["uri"]]
    cameras = {record["camera_id"] for record in records}
    with_person = {record["camera_id"] for record in records if "person" in labels(record)}
    holds(
        "vtest cameras that see persons",
        f"{len(with_person)} of {len(cameras)}",
        "all, of > 0",
        bool(cameras) and with_person == cameras,
    )
    seen = sum("person" in labels(record) for record in records if "detections" in record)
    frames = sum("detections" in record for record in records)
    holds("vtest frames with a person", f"{seen} of {frames}", "> 90 %", seen > 0.9 * frames)


def test_replicas_come_and_go(summary: dict, holds: Holds) -> None:
    # The pools share the machine's threads, so not every pool need grow in one run.
    pools = [summary["models"][model]["replicas"] for model in MODELS]
    came, went, most = ([replicas[key] for replicas in pools] for key in ("came", "went", "peak"))
    names = ", ".join(MODELS)
    holds(f"most replicas at a time ({names})", most, "one > 1", max(most) > 1)
    holds("  replicas that came", came, f"sum > {len(MODELS)}", sum(came) > len(MODELS))
    holds("  replicas that went", went, "sum > 0", sum(went) > 0)


def test_it_says_what_happens(summary: dict, holds: Holds) -> None:
    said = summary["said"]
    told = [line for line in said.splitlines() if "detector" in line and "p99" in line]
    holds("status lines of a pool", len(told), f">= {SECONDS // 2}", len(told) >= SECONDS // 2)
    words = [word for word in ("grpcurl", "/metrics", "lost: 0") if word not in said]
    holds("grpcurl line, addresses, summary", f"missing {words}", "none missing", not words)


def acknowledged() -> list[Position]:
    """What the cameras logged as acknowledged by the broker."""
    lines = read_lines(FOLDER / "acknowledged.jsonl")
    assert lines.torn == 0
    return [Position(line["topic"], line["partition"], line["offset"]) for line in lines.records]


def labels(record: dict) -> set[str]:
    """What a result has found."""
    return {found["label"] for found in record.get("detections", ())}
