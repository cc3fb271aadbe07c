"""Toxiproxy: a proxy that makes connections slow or narrow, or cuts them, as its HTTP API is told."""

import contextlib
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import needed
from places import DEPS
from waiting import wait_until

SERVER = DEPS / "bin" / "toxiproxy-server"
BOTH_WAYS = ("upstream", "downstream")


def require() -> None:
    """Without it the test is skipped, by name, and in CI it fails."""
    needed.require(None if SERVER.exists() else "Toxiproxy: scripts/setup toxiproxy has not built it")


class Toxiproxy:
    """A proxy before one server; it ends with its `with` block."""

    def __init__(self, folder: Path, api: int, listen: int, upstream: int) -> None:
        """`api`, `listen` and `upstream` are ports of the loopback interface."""
        self._api = f"http://127.0.0.1:{api}"
        self._command = [str(SERVER), "-host", "127.0.0.1", "-port", str(api)]
        self._log = folder / "toxiproxy.log"
        self._proxy = {
            "name": "kafka",
            "listen": f"127.0.0.1:{listen}",
            "upstream": f"127.0.0.1:{upstream}",
            "enabled": True,
        }

    def __enter__(self) -> "Toxiproxy":
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.STDOUT)
        wait_until("Toxiproxy", self._answers)
        self._call("POST", "/proxies", self._proxy)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(10)

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Cuts all connections, and refuses new ones for that time."""
        self._call("POST", "/proxies/kafka", {**self._proxy, "enabled": False})
        yield
        self._call("POST", "/proxies/kafka", self._proxy)

    @contextlib.contextmanager
    def toxic(self, kind: str, **attributes: int) -> Iterator[None]:
        """Spoils all connections for that time, both ways; kinds and attributes are those of Toxiproxy."""
        for stream in BOTH_WAYS:
            toxic = {"name": f"{kind}_{stream}", "type": kind, "stream": stream, "attributes": attributes}
            self._call("POST", "/proxies/kafka/toxics", toxic)
        yield
        for stream in BOTH_WAYS:
            self._call("DELETE", f"/proxies/kafka/toxics/{kind}_{stream}")

    def _answers(self) -> bool:
        try:
            self._call("GET", "/version")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    def _call(self, method: str, path: str, body: dict | None = None) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api + path, data, {"User-Agent": "tests"}, method=method)
        with urllib.request.urlopen(request, timeout=10):
            pass
