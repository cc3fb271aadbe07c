"""`framegate-loadtest`, as its users run it."""

import json
import subprocess

from gateway import Gateway
from places import PROGRAMS

BINARY = PROGRAMS / "framegate-loadtest"


def loadtest(gateway: Gateway, *words: object, limit: float = 120.0) -> dict:
    """Runs it to its end; its figures."""
    command = [BINARY, "--addr", gateway.grpc_address, "--json", *words]
    run = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, timeout=limit, check=False
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)
