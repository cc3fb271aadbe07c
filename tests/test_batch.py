"""Item 3: in a batch of 16 with one bad frame the other 15 are right."""

import json
from pathlib import Path

import pytest

import api
import samples
from compare import Rules, expected_detections, match, served_detections
from gateway import Gateway
from places import EXPECTED
from policies import onnx, policy
from prove import Holds

pytestmark = pytest.mark.item(3)

REFERENCE = json.loads(EXPECTED.read_text())
BATCH = 16
AS_EXPECTED = Rules(iou=0.9, score=0.05)


@pytest.mark.parametrize("bad_place", [0, 7, 15])
def test_one_bad_frame_fails_alone(
    start_gateway, reference_frames: Path, holds: Holds, bad_place: int
) -> None:
    detector = onnx("nanodet", max_batch_size=BATCH, batch_wait_timeout="3s")
    gateway = start_gateway(policy(reference_frames, {"detector": detector}))
    names = [sorted(REFERENCE)[number % len(REFERENCE)] for number in range(BATCH)]
    calls = [start(gateway, None if place == bad_place else name) for place, name in enumerate(names)]
    bad = api.refusal(calls[bad_place].exception())
    answers = {place: call.result().results[0] for place, call in enumerate(calls) if place != bad_place}
    right = sum(is_right(result, names[place]) for place, result in answers.items())
    together = min(result.batch_size for result in answers.values())
    faults = gateway.answers("detector", "FRAME_UNDECODABLE")
    holds(
        f"bad frame at place {bad_place} of 16: others right",
        f"{right} of {len(answers)}",
        "15 of 15",
        right == len(answers) == 15,
    )
    holds("  executed together", together, "15", together == 15)
    holds(
        "  faults injected, and the answer",
        f"{faults:g} {bad.code} {bad.reason}",
        "1 FRAME_UNDECODABLE",
        faults == 1 and bad.reason == "FRAME_UNDECODABLE",
    )


def start(gateway: Gateway, name: str | None) -> object:
    """A call for a reference frame, or for a damaged one."""
    if name is None:
        return gateway.start_predict(data=samples.truncated_jpeg(), models=("detector",))
    return gateway.start_predict(f"frames:{name}", models=("detector",))


def is_right(result: object, name: str) -> bool:
    """Whether every detection that must be found is, and the strong ones are all expected."""
    expected, served = expected_detections(REFERENCE[name]), served_detections(result)
    must_be_found = [item for item in expected if item.score >= 0.40]
    must_be_known = [item for item in served if item.score >= 0.45]
    all_found = len(match(must_be_found, served, AS_EXPECTED)) == len(must_be_found)
    return all_found and len(match(must_be_known, expected, AS_EXPECTED)) == len(must_be_known)
