"""The dashboard shows every metric there is, and asks for nothing else; so do the alerts of docs/kafka.md."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest

import gateway
from places import ROOT
from schema import read_yaml

FILE = ROOT / "charts" / "framegate" / "dashboards" / "framegate.json"
KAFKA_PAGE = ROOT / "docs" / "kafka.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", re.MULTILINE)
SCREEN = 18  # lines of Grafana's grid that a screen of 1080 pixels shows
SERIES = {"counter": [""], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}
# What Prometheus and a histogram add to a series' own labels.
ADDED = {"job", "instance", "le"}
VARIABLES = ["datasource", "job", "instance", "model", "group", "topic"]


@pytest.fixture(scope="module")
def dashboard() -> dict:
    return json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every series that a gateway can have, with its labels, as the binary itself documents them."""
    folder = tmp_path_factory.mktemp("docs")
    for inner in ("docs", "configs"):
        (folder / inner).mkdir()
    assert gateway.run("docs", str(folder)).returncode == 0
    declared = ROW.findall((folder / "docs" / "metrics.md").read_text())
    assert len(declared) > 30
    labels = {name: set(re.findall(r"`(\w+)`", text)) for name, _, text in declared}
    return {name + end: labels[name] for name, kind, _ in declared for end in SERIES[kind]}


def panels(dashboard: dict) -> list[dict]:
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(dashboard: dict) -> list[str]:
    return [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]


def parsed(expression: str) -> object:
    """The expression with values for Grafana's variables."""
    text = expression.replace("$__rate_interval", "1m")
    return promql_parser.parse(re.sub(r"\$\w+", ".*", text))


def parts(node: object) -> Iterator[object]:
    """An expression and all within it."""
    yield node
    inner = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param", "vector_selector")]
    for each in [*inner, *getattr(node, "args", [])]:
        if each is not None:
            yield from parts(each)


def problems(expression: str, series: dict[str, set[str]]) -> list[str]:
    """Series and labels of the expression that there are not."""
    nodes = list(parts(parsed(expression)))
    asked = [node for node in nodes if isinstance(node, promql_parser.VectorSelector)]
    assert asked, expression
    unknown = [node.name for node in asked if node.name not in series]
    known = ADDED.union(*(series.get(node.name, set()) for node in asked))
    matched = {matcher.name for node in asked for matcher in node.matchers.matchers}
    grouped = {label for node in nodes for label in labels_of(node)}
    return unknown + sorted((matched | grouped) - known)


def labels_of(node: object) -> list[str]:
    """What an aggregation groups by."""
    if not isinstance(node, promql_parser.AggregateExpr) or node.modifier is None:
        return []
    return list(node.modifier.labels)


def test_the_committed_page_is_the_generated_one(tmp_path: Path) -> None:
    file = tmp_path / "framegate.json"
    subprocess.run([sys.executable, str(ROOT / "scripts" / "dashboard"), str(file)], check=True, timeout=60)
    assert file.read_text() == FILE.read_text(), "scripts/dashboard writes it anew"


def test_expressions_name_only_what_exists(dashboard: dict, series: dict[str, set[str]]) -> None:
    found = {text: problems(text, series) for text in expressions(dashboard)}
    assert not {text: wrong for text, wrong in found.items() if wrong}
    for variable in dashboard["templating"]["list"][1:]:
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()
        assert label == variable["name"]
        assert not problems(f"sum by ({label}) ({selector})", series), variable["definition"]


def test_what_does_not_exist_is_noticed(series: dict[str, set[str]]) -> None:
    assert problems("sum by (model) (framegate_queues)", series) == ["framegate_queues", "model"]
    assert problems('framegate_tasks{topic="a"}', series) == ["topic"]
    assert problems("sum by (topc) (rate(framegate_topic_drops_total[1m]))", series) == ["topc"]
    with pytest.raises(ValueError, match=r"\S"):
        parsed("sum by (framegate_tasks")


def test_every_metric_is_shown(dashboard: dict, series: dict[str, set[str]]) -> None:
    shown = set(re.findall(r"\b(?:framegate|process)_\w+", " ".join(expressions(dashboard))))
    metrics = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    declared = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series}
    assert metrics == declared


def test_panels_have_places_of_their_own(dashboard: dict) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        columns = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in columns for y in range(place["y"], place["y"] + place["h"])}
        assert max(columns) < 24
        assert not taken & cells, panel["title"]
        taken |= cells


def test_a_row_fits_a_screen(dashboard: dict) -> None:
    tops = [panel["gridPos"]["y"] for panel in dashboard["panels"] if panel["type"] == "row"]
    end = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    heights = [below - top for top, below in zip(tops, [*tops[1:], end], strict=True)]
    assert len(heights) >= 7
    assert max(heights) <= SCREEN


def test_panels_can_be_read(dashboard: dict) -> None:
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == VARIABLES
    for panel in panels(dashboard):
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            grouped = {label for node in parts(parsed(target["expr"])) for label in labels_of(node)} - {"le"}
            named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert grouped <= named, f"{panel['title']}: series would share the name {target['legendFormat']}"


def test_the_alerts_of_the_kafka_page_can_be_used(series: dict[str, set[str]]) -> None:
    (text,) = re.findall(r"^```yaml\n(groups:.*?)^```$", KAFKA_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    rules = [rule for group in read_yaml(text)["groups"] for rule in group["rules"]]
    assert len(rules) >= 4
    for rule in rules:
        assert not problems(rule["expr"], series), rule["alert"]
        assert rule["annotations"]["summary"]
