"""Item 6: a wrong policy is refused with its place and the reason, and exit code 2."""

from pathlib import Path

import pytest

import gateway
from places import ROOT
from prove import Holds

pytestmark = pytest.mark.item(6)

# What is wrong, the policy (the wrong part stands behind the mark), and what the refusal must say.
MARK = "▸"
MODEL = "models:\n  m: { backend: simulated, simulated: { base: 1ms, per_item: 1ms } }\n"
KAFKA = "ingest:\n  - kafka: { brokers: '127.0.0.1:9092', topics: camera_1, group: g }\n"
REFUSED = [
    ("unknown key", "models:\n  m:\n    ▸max_batchsize: 4\n", ["max_batchsize", "max_batch_size"]),
    ("unknown section", MODEL + "▸limit: {}\n", ["limit", "limits"]),
    ("key given twice", MODEL + "▸models: {}\n", ["models", "twice"]),
    (
        "duration without unit",
        MODEL + "server: { default_timeout: ▸30 }\n",
        ["server.default_timeout", "`30`"],
    ),
    (
        "duration with a unit of size",
        MODEL + "server:\n  drain_delay: ▸5MiB\n",
        ["server.drain_delay", "5MiB"],
    ),
    ("size with a unit of time", MODEL + "limits: { frame_bytes: ▸5ms }\n", ["limits.frame_bytes", "5ms"]),
    ("size without unit", MODEL + "limits:\n  object_bytes: ▸1000\n", ["limits.object_bytes", "1000"]),
    (
        "min above max",
        "models:\n  m:\n    backend: simulated\n    simulated: { base: 1ms, per_item: 1ms }\n"
        "    autoscaling:\n      min_replicas: ▸4\n      max_replicas: 2\n",
        ["min_replicas is 4", "max_replicas is 2"],
    ),
    (
        "initial above max",
        MODEL.replace(" } }", " }, autoscaling: { initial_replicas: ▸9, max_replicas: 2 } }"),
        ["initial_replicas", "`9`"],
    ),
    (
        "wait of a batch above the deadline",
        MODEL.replace(" } }", " }, batch_wait_timeout: ▸2s }") + "server: { default_timeout: 1s }\n",
        ["batch_wait_timeout", "default_timeout"],
    ),
    ("wrong type", MODEL + "server: ▸9000\n", ["server"]),
    ("unknown backend", "models: { m: { backend: ▸onxx } }\n", ["onxx", "onnx"]),
    ("no model", "models: ▸{}\n", ["at least one model"]),
    ("ingest of an unknown model", MODEL + KAFKA + "    models: [▸n]\n", ["unknown model", "`n`"]),
    (
        "dead letters to a topic that is read",
        MODEL + KAFKA + "    dead_letter: { topic: ▸camera_1 }\n",
        ["camera_1"],
    ),
    ("listener open to all", MODEL + "server: { grpc: ▸0.0.0.0:9000 }\n", ["server.grpc", "insecure"]),
    ("bucket of the whole disk", MODEL + "buckets: [{ name: all, url: ▸'file:///' }]\n", ["buckets[0].url"]),
    ("broken YAML", MODEL + "server: { grpc: ▸'unclosed }\n", ["quote"]),
]


def place_of(text: str) -> tuple[str, int, int]:
    """The policy without the mark, and the line and column where it stood, from 1."""
    before = text[: text.index(MARK)]
    line = before.count("\n") + 1
    return text.replace(MARK, ""), line, len(before) - (before.rfind("\n") + 1) + 1


@pytest.mark.parametrize(("name", "text", "said"), REFUSED, ids=[name for name, *_ in REFUSED])
@pytest.mark.parametrize("command", ["check", "serve"])
def test_refused(tmp_path: Path, holds: Holds, command: str, name: str, text: str, said: list[str]) -> None:
    policy, line, column = place_of(text)
    file = tmp_path / "policy.yaml"
    file.write_text(policy)
    arguments = [str(file)] if command == "check" else ["--config", str(file)]
    ended = gateway.run(command, *arguments, timeout=20)
    # Each problem is one line: FILE:LINE:COLUMN: REASON.
    told = [problem.removeprefix(f"{file}:") for problem in ended.stderr.splitlines()]
    here = [problem for problem in told if problem.startswith(f"{line}:{column}: ")]
    complete = any(all(word in problem for word in said) for problem in here)
    why = "why" if complete else f"said {told}"
    holds(
        f"{command}: {name}",
        f"exit {ended.returncode} at {line}:{column if here else '?'}, {why}",
        f"exit 2 at {line}:{column}, why",
        ended.returncode == 2 and complete,
    )
    assert not ended.stdout, "nothing is promised on stdout"


def test_the_demos_policy_is_valid(holds: Holds) -> None:
    ended = gateway.run("check", str(ROOT / "configs" / "demo.yaml"))
    holds(
        "check configs/demo.yaml",
        f"exit {ended.returncode}",
        "exit 0",
        ended.returncode == 0 and ended.stdout != "",
    )


def test_a_missing_file_is_named(tmp_path: Path, holds: Holds) -> None:
    file = tmp_path / "none.yaml"
    ended = gateway.run("serve", "--config", str(file))
    holds(
        "missing policy file",
        f"exit {ended.returncode}",
        "exit 2, named",
        ended.returncode == 2 and str(file) in ended.stderr,
    )
