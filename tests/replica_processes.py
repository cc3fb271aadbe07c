"""The processes of a gateway's replicas, as the machine sees them."""

import os
import signal
from pathlib import Path

import api
from gateway import Gateway
from waiting import wait_until


def running(gateway: Gateway, model: str = "m") -> list[int]:
    """The processes of the replicas that take entries."""
    replicas = gateway.pool(model).replicas
    return [one.process_id for one in replicas if one.state == api.operator.REPLICA_STATE_RUNNING]


def all_run(gateway: Gateway, replicas: int, model: str = "m") -> list[int]:
    """Waits until so many run: their processes."""

    def reached() -> list[int] | None:
        processes = running(gateway, model)
        return processes if len(processes) == replicas else None

    return wait_until(f"{replicas} running replicas", reached)


def children(pid: int) -> list[int]:
    """The processes that a process has started and that are not gone, dead ones included."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


def is_there(pid: int) -> bool:
    """Whether the process exists and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def send(pid: int, number: signal.Signals) -> None:
    """Sends a signal to a process that may have gone meanwhile."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
