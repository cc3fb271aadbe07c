"""Doors 4: each mistyped or impossible policy is refused at its line and column, with the right reason."""

from pathlib import Path

import pytest

import gateway
from refusals import IMPOSSIBLE, MISTYPED, REFUSALS, WRITTEN_WRONG, Refusal

pytestmark = pytest.mark.doors(4)

# What `serve` refuses is read by the same code; a few show that it comes out there too.
SERVED = [MISTYPED[0], WRITTEN_WRONG[0], IMPOSSIBLE[1], IMPOSSIBLE[-1]]


def named(refusals: list[Refusal]) -> pytest.MarkDecorator:
    """The cases, by what is wrong."""
    return pytest.mark.parametrize("refusal", refusals, ids=[refusal.name for refusal in refusals])


def problems(folder: Path, refusal: Refusal, *command: str) -> list[str]:
    """What the command says of the policy, line by line, without the file's name; it must refuse it."""
    file = folder / "policy.yaml"
    file.write_text(refusal.policy())
    ended = gateway.run(*command, str(file), timeout=20)
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    lines = ended.stderr.splitlines()
    assert all(line.startswith(f"{file}:") for line in lines), lines
    return [line.removeprefix(f"{file}:") for line in lines]


def assert_only(refusal: Refusal, told: list[str]) -> None:
    """Nothing else is blamed, so that the operator is not sent elsewhere."""
    line, column = refusal.place()
    assert len(told) == 1, told
    assert told[0].startswith(f"{line}:{column}: "), f"{told[0]!r} is not at {line}:{column}"
    assert refusal.says in told[0], told[0]


@named(REFUSALS)
def test_check_refuses(tmp_path: Path, refusal: Refusal) -> None:
    assert_only(refusal, problems(tmp_path, refusal, "check"))


@named(SERVED)
def test_serve_refuses(tmp_path: Path, refusal: Refusal) -> None:
    assert_only(refusal, problems(tmp_path, refusal, "serve", "--config"))


def test_the_table_is_as_long_as_promised() -> None:
    names = [refusal.name for refusal in REFUSALS]
    assert len(set(names)) == len(names) >= 60


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    scaling = "autoscaling: { min_replicas: 5, max_replicas: 2 }"
    text = f"models:\n  m: {{ artifact: a, num_threads: 0, {scaling} }}\n"
    told = problems(tmp_path, Refusal("several", f"▸{text}server: {{ grpc: here }}\n", ""), "check")
    keys = [problem.split(": ")[1] for problem in told]
    assert keys == ["models.m.num_threads", "models.m.autoscaling.min_replicas", "server.grpc"]


def test_a_right_policy_is_summed_up(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("models: { m: { artifact: a } }\nbuckets: [{ name: frames, url: 'file:b' }]\n")
    ended = gateway.run("check", str(file))
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    shown = ended.stdout.splitlines()
    assert f"bucket frames: {tmp_path}/b" in shown
    model = shown.index(f"model m: onnx {tmp_path}/a, num_threads 1, on cpu")
    assert shown[model + 1].startswith(f"  cannot be served here: {tmp_path}/a/model.yaml: ")
