"""Where the suite finds what it tests and what it needs. Nothing here is optional."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEPS = ROOT / ".deps"
PROTO = ROOT / "proto"
PROGRAMS = ROOT / "target" / "release"
FRAMES = DEPS / "frames"
MODELS = DEPS / "models"
EXPECTED = Path(__file__).resolve().parent / "expected.json"


def binary() -> Path:
    """The framegate binary under test."""
    return ROOT / os.environ.get("FRAMEGATE_BIN", "target/release/framegate")


def failpoints_binary() -> Path:
    """The same with failpoints, which only tests that make it fail run."""
    return ROOT / os.environ.get("FRAMEGATE_FAILPOINTS_BIN", "target/failpoints/framegate")


def onnx_runtime() -> Path:
    """The library that the onnx backend loads."""
    return ROOT / os.environ.get("ORT_DYLIB_PATH", ".deps/onnxruntime/libonnxruntime.so")


def missing() -> list[str]:
    """What has to be made before the suite can run, and how."""
    needed = {
        binary(): "cargo build --release",
        onnx_runtime(): "scripts/setup",
        FRAMES / "vtest_050.png": "scripts/setup",
        MODELS / "nanodet" / "model.onnx": "scripts/setup",
        MODELS / "efficientnet-lite0" / "model.onnx": "scripts/setup",
        MODELS / "centerface" / "model.onnx": "scripts/setup",
        EXPECTED: "git checkout tests/expected.json",
    }
    problems = [f"{path} is missing; run {how}" for path, how in needed.items() if not path.exists()]
    if shutil.which("make") is None:
        problems.append("make is missing; scripts/setup says which packages are needed")
    return problems
