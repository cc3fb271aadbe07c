"""Lines of proof: what was measured, the bound, whether it holds; `--prove LIST` judges a list of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

LISTS = {
    "main": ("item", range(1, 7)),
    "doors": ("doors", range(1, 7)),
    "kafka": ("kafka", range(1, 9)),
    "elastic": ("elastic", range(1, 10)),
    "fast": ("fast", range(1, 4)),
    "gpu": ("gpu", range(1, 4)),
}
"""What can be proven: the mark of its tests, and the numbers of its items."""

RECORDED = pytest.StashKey[list["Line"]]()
PASSED = pytest.StashKey[Counter]()
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
    told = "run the tests of this list of what must hold, print it item by item, and judge it"
    parser.addoption("--prove", choices=LISTS, help=told)


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORDED] = []
    config.stash[PASSED] = Counter()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("prove"):
        others = [item for item in items if item_of(item) is None]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item_of(item) is not None]


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
        item.config.stash[PASSED][number] += report.passed and not lines
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.config.getoption("prove") and not proven(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if not config.getoption("prove"):
        return
    terminalreporter.section("what must hold")
    lines = [*config.stash[RECORDED], *further(config), *unmeasured(config)]
    lines.sort(key=lambda line: line.item)
    for text in table(lines):
        terminalreporter.write_line(text)
    terminalreporter.write_line("all hold" if proven(config) else "not all hold")


def proven(config: pytest.Config) -> bool:
    """Whether every item was measured and every line holds."""
    return not unmeasured(config) and all(line.holds for line in config.stash[RECORDED])


def unmeasured(config: pytest.Config) -> list[Line]:
    """A line for each item that no test has measured."""
    measured = {line.item for line in [*config.stash[RECORDED], *further(config)]}
    _, items = LISTS[config.getoption("prove")]
    return [Line(item, "not measured", "-", "a measurement", False) for item in items if item not in measured]


def further(config: pytest.Config) -> list[Line]:
    """A line for each item that has tests without figures: how many of them passed."""
    passed = config.stash[PASSED].items()
    return [
        Line(item, "tests without figures", f"{count} passed", "all", True) for item, count in passed if count
    ]


def table(lines: list[Line]) -> list[str]:
    """The lines with aligned columns."""
    rows = [line.columns() for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def item_of(node: pytest.Item) -> int | None:
    """The item that the test measures: of the list that is proven, else of any."""
    proven_list = node.config.getoption("prove")
    lists = [LISTS[proven_list]] if proven_list else LISTS.values()
    marks = [node.get_closest_marker(name) for name, _ in lists]
    return next((mark.args[0] for mark in marks if mark), None)
