"""Item 8: random faults from seeds break no promise, planted bugs are found, and a seed replays identically."""

import re
import time

import pytest

from gateway import run
from prove import Holds

pytestmark = pytest.mark.elastic(8)

SEEDS = 10_000
MOST_TO_FIND = 1_000
BUGS = {
    "lost-on-crash": "is lost",
    "answered-after-recall": "ended twice",
    "returned-last": "order is broken",
}
"""What is planted, and what its violation says."""


def test_no_seed_violates_anything(holds: Holds) -> None:
    begin = time.monotonic()
    done = run("simulate", "--faults", str(SEEDS))
    took = time.monotonic() - begin
    assert done.returncode == 0, done.stdout + done.stderr
    *kinds, summary = done.stdout.splitlines()
    fallen = {name: int(count) for name, count in (line.rsplit(maxsplit=1) for line in kinds)}
    never = [name for name, count in fallen.items() if not count]
    holds(f"{SEEDS} seeds", summary, "no violation", "no violation" in summary)
    holds("faults that fell", sum(fallen.values()), "each kind", fallen and not never)
    holds("time", f"{took:.1f} s", "< 60 s", took < 60)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, holds: Holds) -> None:
    done = run("simulate", "--faults", str(MOST_TO_FIND), "--planted", bug)
    assert done.returncode == 1
    found = re.match(r"seed (\d+), step \d+, at [^:]+: (.+)\n", done.stderr)
    assert found, done.stderr
    seed, said = int(found[1]), found[2]
    holds(f"{bug}: found at seed", f"{seed}: {said}", f"<= {MOST_TO_FIND}", BUGS[bug] in said)
    replay = ("simulate", "--faults", "1", "--seed", str(seed), "--planted", bug)
    assert done.stderr.endswith(f"replay: framegate {' '.join(replay)}\n")
    again = run(*replay)
    holds(f"{bug}: seed {seed} again", "identical", "identical", again.stderr == done.stderr)
    sound = run("simulate", "--faults", "1", "--seed", str(seed))
    holds(f"{bug}: seed {seed} without it", sound.returncode, 0, sound.returncode == 0)


def test_runs_of_the_same_seeds_are_identical(holds: Holds) -> None:
    command = ("simulate", "--faults", "200", "--seed", "4711")
    first, second = run(*command), run(*command)
    digest = first.stdout.split()[-1]
    holds("200 seeds twice", digest, second.stdout.split()[-1], first.stdout == second.stdout)
    assert first.stdout != run("simulate", "--faults", "200", "--seed", "4712").stdout


def test_faults_need_no_policy_and_else_there_is_one() -> None:
    refused = run("simulate", "--faults", "1", "--policy", "p.yaml")
    assert refused.returncode == 2 and "--faults" in refused.stderr
    unsaid = run("simulate")
    assert unsaid.returncode == 2 and "--policy" in unsaid.stderr
