"""The generated pages: the schema that editors use, and references that say what the binary does."""

import re
from pathlib import Path

import pytest

import gateway
from broker import Broker
from conftest import StartGateway
from places import ROOT
from policies import ingest, policy, simulated
from refusals import MISTYPED, WRITTEN_WRONG, Refusal
from schema import SCHEMA, read_config, underlined, validator
from waiting import wait_until

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
# What a schema cannot say, or says only of text; `framegate check` does.
BEYOND_A_SCHEMA = {
    "model of an ingest",
    "model name with a slash",
    "host without port",
    "brokers without port",
    "topic with a space",
    "broken pattern",
    "pattern that Kafka cannot",
    "no group",
    "broken pointer",
}
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="')


@pytest.mark.parametrize("file", CONFIGS, ids=[file.name for file in CONFIGS])
def test_a_config_names_the_schema_and_fits_it(file: Path) -> None:
    assert file.read_text().startswith(f"# yaml-language-server: $schema={SCHEMA.name}\n")
    validator()(read_config(file))


@pytest.mark.parametrize(
    "refusal", MISTYPED + WRITTEN_WRONG, ids=[refusal.name for refusal in MISTYPED + WRITTEN_WRONG]
)
def test_an_editor_underlines_what_is_mistyped(refusal: Refusal) -> None:
    assert underlined(validator(), refusal.policy()) == (refusal.name not in BEYOND_A_SCHEMA)


@pytest.mark.parametrize(
    ("options", "page"), [([], SCHEMA), (["--format", "markdown"], ROOT / "docs" / "policy.md")]
)
def test_the_binary_prints_what_is_committed(options: list[str], page: Path) -> None:
    ended = gateway.run("schema", *options)
    assert ended.returncode == 0
    assert ended.stdout == page.read_text(), f"{page.name} is stale; run `make docs` and commit it"


def test_the_metrics_reference_lists_what_is_exposed(
    start_gateway: StartGateway, broker: Broker, tmp_path: Path
) -> None:
    rules = [ingest(broker.address, ["m"])]
    sinks = [{"jsonl": {"path": str(tmp_path / "results.jsonl")}}]
    written = policy(models={"m": simulated("1ms")}, ingest=rules, sinks=sinks)
    nowhere = {"endpoint": "http://127.0.0.1:9", "credentials": "anonymous"}
    written["buckets"] = [{"name": "cams", "url": "s3://cams", **nowhere}]
    broker.create("camera_1")
    running = start_gateway(written)
    running.predict(data=b"", models=["m"])
    # Those of a topic are there once a partition of it is.
    wait_until("the topic's metrics", lambda: "framegate_topic_lag_records" in running.get("/metrics")[1])
    status, exposed = running.get("/metrics")
    assert status == 200
    assert exposed_metrics(exposed) == documented_metrics()


def documented_metrics() -> dict[str, tuple[str, frozenset[str]]]:
    """The type and labels of each metric in docs/metrics.md."""
    page = (ROOT / "docs/metrics.md").read_text()
    return {name: (kind, frozenset(re.findall(r"\w+", labels))) for name, kind, labels in ROW.findall(page)}


def exposed_metrics(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The type and labels of each metric that Prometheus would read."""
    found = {}
    for name, kind in TYPE.findall(text):
        samples = re.findall(rf"^{name}(?:_bucket|_sum|_count)?(\{{.*\}})? ", text, re.MULTILINE)
        labels = {label for sample in samples for label in LABEL.findall(sample)}
        found[name] = (kind, frozenset(labels - {"le"}))
    return found
