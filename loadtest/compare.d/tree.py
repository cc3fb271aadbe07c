"""What a server's processes use together: the one that was started, and all that descend from it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import process

KIB_PER_MIB = 1024
PATIENCE, PAUSE = 5.0, 0.05


def tree(root: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        parent = parent_of(folder)
        if parent is not None:
            children.setdefault(parent, []).append(int(folder.name))
    found, open_ends = [], [root]
    while open_ends:
        pid = open_ends.pop()
        found.append(pid)
        open_ends += children.get(pid, [])
    return found


def parent_of(folder: Path) -> int | None:
    """None if the process has ended."""
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def cpu_seconds(root: int) -> float:
    """Processor time of all of them so far."""
    return sum(of_one(process.cpu_seconds, pid) for pid in tree(root))


def resident_mib(root: int) -> float:
    """Their memory: what they share counts once, in equal parts (PSS)."""
    return sum(of_one(proportional_mib, pid) for pid in tree(root))


def of_one(what: Callable[[int], float], pid: int) -> float:
    """Nothing of a process that has ended meanwhile."""
    try:
        return what(pid)
    except OSError:
        return 0.0


def proportional_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return int(value) / KIB_PER_MIB


def end(process: subprocess.Popen) -> None:
    """Ends all of them, those in process groups of their own too: asked first, so that they clean up."""
    pids = tree(process.pid)
    send(pids, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and any(lives(pid) for pid in pids):
        process.poll()
        time.sleep(PAUSE)
    send([*pids, *tree(process.pid)], signal.SIGKILL)
    process.wait()


def send(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, what)


def lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
