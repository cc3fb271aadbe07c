"""Fixtures of the suite: gateways that are cleaned up, and a bucket."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import needed
from broker import Broker
from gateway import Gateway
from kafka_server import KafkaServer
from kafka_server import missing as missing_kafka
from places import FRAMES, missing

pytest_plugins = ["prove"]

StartGateway = Callable[..., Gateway]


def pytest_sessionstart() -> None:
    problems = missing()
    if problems:
        pytest.exit("cannot test:\n" + "\n".join(problems), returncode=3)


class Gateways:
    """Starts gateways and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[Gateway] = []
        self.count = itertools.count(1)

    def __call__(self, policy: dict, faults: str = "") -> Gateway:
        gateway = Gateway(self.folder / f"gateway_{next(self.count)}", policy, faults)
        self.started.append(gateway)
        return gateway

    def end(self) -> None:
        for gateway in self.started:
            gateway.kill()


@pytest.fixture
def start_gateway(tmp_path: Path) -> Iterator[StartGateway]:
    """Starts a gateway with a policy; all of them end with the test."""
    gateways = Gateways(tmp_path)
    yield gateways
    gateways.end()


@pytest.fixture(scope="module")
def start_shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartGateway]:
    """The same for gateways that all tests of a module share."""
    gateways = Gateways(tmp_path_factory.mktemp("shared"))
    yield gateways
    gateways.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """Shows the logs of a failed test's gateways."""
    report = yield
    if report.failed:
        for name in ("start_gateway", "start_shared_gateway"):
            for gateway in getattr(getattr(item, "funcargs", {}).get(name), "started", []):
                report.sections.append((f"log of {gateway.folder.name}", gateway.log_tail()))
    return report


@pytest.fixture(scope="session")
def reference_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket's folder with the nine reference frames."""
    folder = tmp_path_factory.mktemp("reference")
    for frame in sorted(FRAMES.glob("*.png")):
        shutil.copy(frame, folder)
    return folder


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """An empty bucket's folder."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    return folder


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A Kafka broker of the test's own, which outlives its gateways."""
    with Broker() as hosted:
        yield hosted


@pytest.fixture(scope="session")
def apache_kafka() -> None:
    """Apache Kafka can be run here; else the test is skipped, by name, and in CI it fails."""
    needed.require(missing_kafka())


@pytest.fixture(scope="session")
def shared_kafka(apache_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """A broker that all tests share: each takes names of topics and groups of its own, and lets it run."""
    with KafkaServer(tmp_path_factory.mktemp("kafka") / "shared") as server:
        yield server


@pytest.fixture
def kafka(apache_kafka: None, tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker of the test's own, which it may stop and kill."""
    with KafkaServer(tmp_path / "kafka") as server:
        yield server
