"""Kafka, item 8: whatever fails at whatever step of a record, no offset is committed before an outcome."""

import itertools
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from failpoint_runs import PATIENCE, Look, Plan, Run, run, run_to_death
from failpoint_site import BAD_EVERY, RECORDS, Site
from gateway import environment
from kafka_server import KafkaServer
from places import binary, failpoints_binary
from policies import policy, simulated
from prove import Holds

pytestmark = [pytest.mark.kafka(8), pytest.mark.usefixtures("failpoints")]

STEPS = ("fetch", "decode", "execute", "dead_letter", "sink", "commit")
POINTS = tuple(f"{step}.{side}" for step in STEPS for side in ("before", "after"))
KINDS = ("error", "panic", "hang", "kill")
AT_ONCE = 5
SOME = (
    ("fetch.before", "kill"),
    ("fetch.after", "error"),
    ("decode.before", "hang"),
    ("decode.after", "panic"),
    ("execute.before", "panic"),
    ("execute.after", "kill"),
    ("dead_letter.after", "error"),
    ("sink.before", "panic"),
    ("sink.after", "kill"),
    ("commit.before", "hang"),
    ("commit.after", "panic"),
)

INTERRUPTED = {"hang": Look.STANDS_STILL, "kill": Look.DIED}
"""What ends a run with this fault; errors and panics end none."""
OWN_FAULTS = {"decode": {"FRAME_UNDECODABLE"}, "execute": {"BACKEND_FAILED", "REPLICA_CRASHED"}}
"""What a good record may be dead-lettered for when this step fails, as if by the frame's or model's fault."""


@dataclass(frozen=True)
class Scenario:
    """A fault at a place."""

    point: str
    kind: str

    @property
    def step(self) -> str:
        """The place without its side."""
        return self.point.partition(".")[0]

    @property
    def plan(self) -> Plan:
        """First it works a little, so that there is something to lose."""
        first = f"{self.point}={self._calm()}*off"
        match self.kind:
            case "error":
                return Plan(f"{first}->3*return(error)->10%return(error)", 1, PATIENCE)
            case "panic":
                return Plan(f"{first}->2*return(panic)", 1, PATIENCE)
            case "hang":
                # There are few commits: none is spared between the short hangs and the long.
                between = "" if self.step == "commit" else f"->{self._calm()}*off"
                return Plan(f"{first}->2*return(hang:100){between}->return(hang)", 2, 4)
        return Plan(f"{first}->return(kill)", 3, PATIENCE)

    def _calm(self) -> int:
        """As often as a step may pass and leave enough for the starts after."""
        match self.step:
            case "fetch" | "decode":  # a frame each
                return 30
            case "execute" | "sink":  # several records each
                return 3
        return 1

    def looks(self) -> list[Look]:
        """How its runs end."""
        cut_short = INTERRUPTED.get(self.kind)
        return [*([cut_short] * self.plan.faulty_starts if cut_short else []), Look.DONE]

    def dead_letters(self) -> set[str]:
        """The reasons there may be; each run has a few undecodable frames."""
        internal = {"INTERNAL"} if self.kind == "panic" else set()
        return {"", "FRAME_UNDECODABLE"} | OWN_FAULTS.get(self.step, set()) | internal


@pytest.fixture
def failpoints() -> None:
    """A binary that has failpoints."""
    path = failpoints_binary()
    assert path.exists(), f"{path} is missing; run make failpoints"


def test_a_few_faults(shared_kafka: KafkaServer, tmp_path: Path, holds: Holds) -> None:
    scenarios = [Scenario(point, kind) for point, kind in SOME]
    prove("some", scenarios, shared_kafka, tmp_path, holds)


@pytest.mark.slow
def test_every_fault_at_every_place(shared_kafka: KafkaServer, tmp_path: Path, holds: Holds) -> None:
    scenarios = [Scenario(point, kind) for point, kind in itertools.product(POINTS, KINDS)]
    prove("all", scenarios, shared_kafka, tmp_path, holds)


def test_a_commit_on_receipt_is_caught(shared_kafka: KafkaServer, tmp_path: Path, holds: Holds) -> None:
    with closing(Site(shared_kafka.address, "planted", tmp_path)) as site:
        run_to_death(site, "commit.on_receipt=return;execute.before=4*off->return(kill)")
        ledger = site.ledger()
    early, lost = len(ledger.premature()), len(ledger.lost_for_good())
    holds("planted bug, commit on receipt: commits before an outcome", early, "> 0, caught", early > 0)
    holds("  records lost by it", f"{lost} of {RECORDS}", "> 0, caught", lost > 0)


def test_the_released_binary_has_none() -> None:
    marks = [b"FAILPOINTS", b"failpoint struck", b"commit.on_receipt"]
    assert all(mark in failpoints_binary().read_bytes() for mark in marks)
    assert not any(mark in binary().read_bytes() for mark in marks)


def test_the_released_binary_does_not_look_at_them(start_gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILPOINTS", "execute.before=return(kill)")
    gateway = start_gateway(policy(models={"null": simulated("0ms")}))
    assert gateway.predict("frames:any", models=("null",)).results
    assert gateway.stop() == 0


def test_faults_of_no_meaning_are_refused(tmp_path: Path) -> None:
    config = tmp_path / "policy.yaml"
    config.write_text(json.dumps(policy(models={"null": simulated("0ms")})))
    command = [str(failpoints_binary()), "serve", "--config", str(config)]
    for faults, why in (
        ("fetch.befor=off", "no point fetch.befor"),
        ("fetch.before=of", "unrecognized command"),
    ):
        variables = {**environment(), "FAILPOINTS": faults}
        ended = subprocess.run(
            command, env=variables, capture_output=True, text=True, timeout=30, check=False
        )
        assert ended.returncode == 2
        assert why in ended.stderr


def prove(name: str, scenarios: list[Scenario], kafka: KafkaServer, folder: Path, holds: Holds) -> None:
    """Runs them, some at a time, and tells of each what it injected and what came of it."""

    def play(scenario: Scenario) -> Run:
        named = f"{name}_{scenario.point}_{scenario.kind}".replace(".", "_")
        with closing(Site(kafka.address, named, folder / named)) as site:
            return run(site, scenario.plan)

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        for scenario, ended in zip(scenarios, pool.map(play, scenarios), strict=True):
            tell(scenario, ended, holds)
    finally:
        pool.shutdown(cancel_futures=True)


def tell(scenario: Scenario, ended: Run, holds: Holds) -> None:
    """A line for a scenario."""
    ledger = ended.ledger
    lost, early, committed = len(ledger.lost()), len(ledger.premature()), len(ledger.commits)
    reasons = ledger.reasons()
    good = set(reasons) <= scenario.dead_letters() and reasons["FRAME_UNDECODABLE"] >= RECORDS // BAD_EVERY
    as_planned = ended.looks == scenario.looks()
    holds(
        f"{scenario.kind} at {scenario.point}: faults, starts, lost, dead-lettered, early commits",
        f"{ended.struck}, {len(ended.looks)}, {lost} of {RECORDS}, {dict(reasons)}, {early} of {committed}",
        "> 0, as planned, 0, for a reason of their own, 0 of > 0",
        ended.struck > 0 and as_planned and not lost and good and not early and committed > 0,
    )
