"""Lines of proof: what was measured, the bound, whether it holds; `--prove` prints and judges them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

ITEMS = range(1, 7)
RECORDED = pytest.StashKey[list["Line"]]()
OF_TEST = pytest.StashKey[list["Line"]]()

Holds = Callable[[str, object, object, bool], None]


@dataclass(frozen=True)
class Line:
    """One thing that was measured."""

    item: int
    what: str
    measured: str
    bound: str
    holds: bool

    def columns(self) -> tuple[str, str, str, str, str]:
        """What is printed of it."""
        verdict = "holds" if self.holds else "falls short"
        return f"item {self.item}", self.what, self.measured, self.bound, verdict


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--prove", action="store_true", help="print what must hold, item by item, and judge it")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORDED] = []


@pytest.fixture
def holds(request: pytest.FixtureRequest) -> Iterator[Holds]:
    """Records a line of the test's item. A line that falls short fails the test at its end."""
    lines = request.node.stash.setdefault(OF_TEST, [])
    item = item_of(request.node)
    assert item is not None, "a test that proves something is marked with its item"

    def record(what: str, measured: object, bound: object, ok: bool) -> None:
        lines.append(Line(item, what, str(measured), str(bound), bool(ok)))

    return record


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    result = yield
    lines = item.stash.get(OF_TEST, [])
    if "holds" in getattr(item, "fixturenames", ()) and not lines:
        pytest.fail("the test has measured nothing")
    short = table([line for line in lines if not line.holds])
    if short:
        pytest.fail("falls short:\n" + "\n".join(short), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    report = yield
    number = item_of(item)
    recorded = item.config.stash[RECORDED]
    lines = item.stash.get(OF_TEST, [])
    if report.failed and number is not None and all(line.holds for line in lines):
        recorded.append(Line(number, item.name, f"failed in {report.when}", "passes", False))
    if report.when == "call":
        recorded.extend(lines)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("prove") and not proven(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("prove"):
        return
    terminalreporter.section("what must hold")
    lines = sorted([*config.stash[RECORDED], *unmeasured(config)], key=lambda line: line.item)
    for text in table(lines):
        terminalreporter.write_line(text)
    terminalreporter.write_line("all hold" if proven(config) else "not all hold")


def proven(config: pytest.Config) -> bool:
    """Whether every item was measured and every line holds."""
    return not unmeasured(config) and all(line.holds for line in config.stash[RECORDED])


def unmeasured(config: pytest.Config) -> list[Line]:
    """A line for each item that no test has measured."""
    measured = {line.item for line in config.stash[RECORDED]}
    return [Line(item, "not measured", "-", "a measurement", False) for item in ITEMS if item not in measured]


def table(lines: list[Line]) -> list[str]:
    """The lines with aligned columns."""
    rows = [line.columns() for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def item_of(node: pytest.Item) -> int | None:
    """The number in the test's `item` or `doors` mark."""
    mark = node.get_closest_marker("item") or node.get_closest_marker("doors")
    return mark.args[0] if mark else None
