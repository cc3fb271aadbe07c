"""The suite's own checks: they can fail."""

import json
from pathlib import Path

from broker import Position
from compare import Found, Rules, iou, match
from prove import Line, table
from raw_grpc import compressed, find_status, plain
from results import all_ids, committed_ids, read_lines

RULES = Rules(iou=0.9, score=0.05)
PERSON = Found("person", 0.7, (100.0, 100.0, 200.0, 300.0))


def test_iou() -> None:
    assert iou((0, 0, 2, 2), (0, 0, 2, 2)) == 1
    assert iou((0, 0, 2, 2), (1, 0, 3, 2)) == 1 / 3
    assert iou((0, 0, 1, 1), (1, 1, 2, 2)) == 0
    assert iou((0, 0, 0, 0), (0, 0, 0, 0)) == 0


def test_only_the_same_detection_matches() -> None:
    assert match([PERSON], [PERSON.moved(1, 1)], RULES)
    others = [
        PERSON.moved(10, 0),
        Found("car", PERSON.score, PERSON.box),
        Found("person", PERSON.score + 0.06, PERSON.box),
    ]
    assert not match([PERSON], others, RULES)


def test_a_detection_matches_once() -> None:
    twice = [PERSON.moved(1, 0), PERSON.moved(2, 0)]
    assert match(twice, [PERSON], RULES) == [(twice[0], PERSON)]


def test_a_missing_or_torn_result_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    places = [Position("camera_1", 0, offset) for offset in range(3)]
    whole = [json.dumps({"id": place.id("m")}) for place in places]
    file.write_text(f"{whole[0]}\n{whole[0]}\n{whole[1][:-4]}")
    lines = read_lines(file)
    assert (lines.torn, lines.ids()) == (1, {places[0].id("m"): 2})
    assert all_ids(places, ["m"]) - set(lines.ids()) == {places[1].id("m"), places[2].id("m")}
    assert committed_ids(places, {("camera_1", 0): 2}, ["m"]) == all_ids(places[:2], ["m"])


def test_a_status_is_found_however_it_is_written() -> None:
    for form in (plain, compressed):
        assert find_status(b"\x00" + form("grpc-status") + form("4")) == 4
        assert find_status(b"\x00" + form("grpc-status") + form("14")) == 14
    assert find_status(b"\x00" + plain("grpc-message") + plain("4")) is None


def test_a_line_says_whether_it_holds() -> None:
    lines = [Line(1, "matched", "57 of 58", "all", False), Line(2, "lost", "0", "0", True)]
    assert table(lines) == [
        "item 1  matched  57 of 58  all  falls short",
        "item 2  lost     0         0    holds",
    ]
    assert table([]) == []
