"""`framegate-loadtest`, as its users run it."""

import json
import subprocess

from gateway import Gateway
from places import PROGRAMS

BINARY = PROGRAMS / "framegate-loadtest"


def loadtest(gateway: Gateway, *words: object, limit: float = 120.0) -> dict:
    """Loads a gateway to the end; its figures."""
    return figures("--addr", gateway.grpc_address, *words, limit=limit)


def figures(*words: object, limit: float = 120.0) -> dict:
    """Runs it to its end; its figures."""
    command = [str(word) for word in (BINARY, "--json", *words)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
