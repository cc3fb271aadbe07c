"""Item 4: stopped or killed under load, and started again against the same broker, nothing is lost."""

import contextlib
import threading
from collections import Counter
from pathlib import Path

import grpc
import pytest

import samples
from broker import Broker
from cameras import TOPICS, Cameras
from gateway import Gateway
from policies import GROUP, ingest, policy, simulated
from prove import Holds
from results import Lines, all_ids, committed_ids, read_lines
from waiting import wait_until

pytestmark = pytest.mark.item(4)

FED = ["quick", "slow"]
STOP_ORDER = [1, 2, 3, 4, 5, 6, 7, 8]
CALLS_IN_FLIGHT = 6


@pytest.fixture
def cameras(broker: Broker, bucket: Path) -> Cameras:
    """A backlog of 400 records, and 60 more each second."""
    keys = samples.write_numbered(bucket, 40, 320, 240, "jpg")
    cameras = Cameras(broker, keys, per_second=60)
    cameras.burst(400)
    return cameras


def kafka_policy(bucket: Path, broker: Broker, results: Path) -> dict:
    """Two fed models, of which the slow one has a backlog, and one for calls only."""
    models = {
        "quick": simulated("2ms", "1ms", fetch=True, max_batch_size=8, max_queued_requests=128),
        "slow": simulated("10ms", "5ms", fetch=True, max_batch_size=8, max_queued_requests=128),
        "steady": simulated("1500ms", max_batch_size=CALLS_IN_FLIGHT),
    }
    rule = ingest(broker.address, FED, dead_letter={"topic": "dead"})
    return policy(bucket, models, ingest=[rule], sinks=[{"jsonl": {"path": str(results)}}])


def test_sigterm_under_load_and_restart(
    start_gateway, broker: Broker, bucket: Path, cameras: Cameras, tmp_path: Path, holds: Holds
) -> None:
    first, second = tmp_path / "results_1.jsonl", tmp_path / "results_2.jsonl"
    with cameras:
        gateway = start_gateway(kafka_policy(bucket, broker, first))
        wait_for_results(first, "slow", 100)
        with Callers(gateway) as callers:
            in_flight = [
                gateway.start_predict("frames:any", models=("steady",)) for _ in range(CALLS_IN_FLIGHT)
            ]
            wait_until("calls in flight", lambda: gateway.pool("steady").ongoing == CALLS_IN_FLIGHT)
            backlog = entries_in_flight(gateway)
            gateway.terminate()
            wait_until("not ready while it stops", lambda: gateway.get("/readyz")[0] == 503, timeout=5)
            running = sum(not call.done() for call in in_flight)
            code = gateway.exit_code()
        holds(
            "SIGTERM: ingest entries in flight, calls in flight",
            f"{backlog}, {running}",
            "> 0, > 0",
            backlog > 0 and running > 0,
        )
        holds("exit code", code, "0", code == 0)
        holds("steps of the stop order", gateway.stop_steps(), STOP_ORDER, gateway.stop_steps() == STOP_ORDER)
        ends = Counter(code_of(call) for call in in_flight)
        holds(
            "calls in flight at SIGTERM",
            dict(ends),
            "all OK within the grace",
            ends == {"OK": CALLS_IN_FLIGHT},
        )
        codes = set(callers.codes) - {"OK", "UNAVAILABLE"}
        holds(
            "all calls around SIGTERM",
            dict(callers.codes),
            "OK or UNAVAILABLE",
            not codes and callers.codes["OK"] > 0,
        )
        assert_commits_are_backed(
            broker, [first], "committed records without an outcome after SIGTERM", holds
        )

        gateway = start_gateway(kafka_policy(bucket, broker, second))
        wait_for_results(second, "slow", 50)
    finish(gateway, broker, [first, second], "SIGTERM and restart", holds)


def test_killed_twice_and_restarted(
    start_gateway, broker: Broker, bucket: Path, cameras: Cameras, tmp_path: Path, holds: Holds
) -> None:
    files = [tmp_path / f"results_{run}.jsonl" for run in (1, 2, 3)]
    backlogs = []
    with cameras:
        for file in files[:2]:
            gateway = start_gateway(kafka_policy(bucket, broker, file))
            wait_for_results(file, "slow", 100)
            backlogs.append(entries_in_flight(gateway))
            gateway.kill()
            assert_commits_are_backed(
                broker, files, f"committed records without an outcome after kill {len(backlogs)}", holds
            )
        gateway = start_gateway(kafka_policy(bucket, broker, files[2]))
        wait_for_results(files[2], "slow", 50)
    holds(
        "kill -9, faults injected with entries in flight",
        backlogs,
        "2, each > 0",
        len(backlogs) == 2 and all(backlogs),
    )
    finish(gateway, broker, files, "kill -9 twice and restart", holds)


def finish(gateway: Gateway, broker: Broker, files: list[Path], what: str, holds: Holds) -> None:
    """Waits until every record has ended at every model, and reports what there is."""
    expected = all_ids(broker.acknowledged, FED)
    with contextlib.suppress(TimeoutError):  # the line below says how many are missing
        wait_until("all records have ended", lambda: expected <= set(delivered(files)), timeout=60)
    ids = delivered(files)
    lost, unknown = expected - set(ids), set(ids) - expected
    holds(
        f"{what}: (record, model) lost",
        f"{len(lost)} of {len(expected)}",
        "0",
        not lost and len(expected) > 800,
    )
    holds("  results of what was never sent", len(unknown), "0", not unknown)
    repeated = sum(ids.values()) - len(ids)
    holds("  delivered again (at least once)", repeated, "reported", True)
    code = gateway.stop()
    ends = broker.ends()
    holds(
        "  then stopped; partitions committed to their end",
        f"{code}, {sum(committed(broker).get(place) == end for place, end in ends.items())} of {len(ends)}",
        "0, all",
        code == 0 and committed(broker) == ends,
    )
    assert not broker.read_all("dead"), "good records were dead-lettered"


def assert_commits_are_backed(broker: Broker, files: list[Path], what: str, holds: Holds) -> None:
    """No offset is committed before the results of what lies below it are in the file."""
    below = committed_ids(broker.acknowledged, committed(broker), FED)
    gaps = below - set(delivered(files))
    holds(what, f"{len(gaps)} of {len(below)}", "0, of > 0", not gaps and bool(below))


def committed(broker: Broker) -> dict[tuple[str, int], int]:
    """What the group has committed."""
    return broker.committed(GROUP, set(TOPICS))


def delivered(files: list[Path]) -> Counter[str]:
    """The ids in these files, each with its real result."""
    lines = [read_lines(file) for file in files]
    assert all(record["classes"][0]["label"] == "simulated" for part in lines for record in part.records)
    return sum((part.ids() for part in lines), Counter())


def wait_for_results(file: Path, model: str, count: int) -> Lines:
    """Waits until a model has delivered so many."""

    def enough() -> Lines | None:
        lines = read_lines(file)
        return lines if sum(record["model"] == model for record in lines.records) >= count else None

    return wait_until(f"{count} results of {model}", enough, timeout=45)


def entries_in_flight(gateway: Gateway) -> int:
    """Waits until the slow model has some; how many."""
    return wait_until("entries in flight", lambda: gateway.pool("slow").ongoing)


def code_of(call: grpc.Future) -> str:
    """How a call has ended."""
    error = call.exception(timeout=30)
    return "OK" if error is None else error.code().name


class Callers:
    """Clients that call without a pause until they are told that there is no server."""

    def __init__(self, gateway: Gateway, count: int = 4) -> None:
        self.codes: Counter[str] = Counter()
        self._gateway = gateway
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(count)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        wait_until("calls are answered", lambda: self.codes["OK"] > 20)
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a caller hangs"

    def _call(self) -> None:
        code = "OK"
        while code == "OK":
            code = code_of(self._gateway.start_predict("frames:0001.jpg", models=("quick",)))
            with self._lock:
                self.codes[code] += 1
