"""An S3 server of another library (moto), and a proxy before it that injects faults."""

import http.client
import http.server
import itertools
import os
import select
import socket
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import pytest
from botocore.config import Config

from waiting import wait_until

REGION = "us-east-1"
BUCKET = "cams"
KEY, SECRET = "AKTESTKEY", "never/to/be+seen"
STEP_LIMIT = 20.0


def use_credentials(environment: pytest.MonkeyPatch) -> None:
    """Gateways started from here on have these credentials."""
    environment.setenv("AWS_ACCESS_KEY_ID", KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


class S3Server:
    """moto's server in a process of its own; its objects live as long as the process."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.objects: dict[str, bytes] = {}
        self.start()

    def start(self) -> None:
        """Starts it, at the same place and with the same objects as before."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env={**os.environ}, **quiet)
        wait_until("the S3 server answers", self._answers, timeout=60)
        self.client().create_bucket(Bucket=BUCKET)
        for key, data in self.objects.items():
            self.put(key, data)

    def client(self) -> object:
        """A client that is not ours."""
        retries = Config(retries={"max_attempts": 3}, s3={"addressing_style": "path"})
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=retries,
        )

    def put(self, key: str, data: bytes) -> None:
        """Uploads an object."""
        self.client().put_object(Bucket=BUCKET, Key=key, Body=data)
        self.objects[key] = data

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin so."""
        listed = self.client().list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", ())]

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def _answers(self) -> bool:
        assert self.process.poll() is None, "the S3 server has ended"
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Proxy:
    """Passes requests on to a server, but for those that it was told to spoil; counts those."""

    def __init__(self, port: int) -> None:
        self.upstream = port
        self.faults: deque[str] = deque()
        self.injected: Counter[str] = Counter()
        self.passed = 0
        self.sent = 0  # bytes of endless answers
        self.departures = threading.Semaphore(0)  # one for each connection that the other side gave up
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy.answer(self)

            do_PUT = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def inject(self, *faults: str) -> None:
        """Spoils the next requests, one with each of these."""
        self.faults.extend(faults)

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Passes a request on, or spoils it."""
        body = request.rfile.read(int(request.headers.get("content-length", 0)))
        fault = self.faults.popleft() if self.faults else None
        if fault is None:
            self.passed += 1
            return self._reply(request, *self._forward(request, body))
        self.injected[fault] += 1
        request.close_connection = True
        return getattr(self, f"_{fault}")(request, body)

    def _forward(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=STEP_LIMIT)
        connection.request(request.command, request.path, body, dict(request.headers))
        with connection.getresponse() as response:
            data = response.read()
            kept = {name: value for name, value in response.getheaders() if name.lower() == "etag"}
            return response.status, kept, data

    def _reply(
        self, request: http.server.BaseHTTPRequestHandler, status: int, headers: dict, body: bytes
    ) -> None:
        request.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    # Faults

    def _unavailable(self, request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        self._reply(request, 503, {}, b"<Error><Code>SlowDown</Code></Error>")

    def _denied(self, request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        self._reply(request, 403, {}, b"<Error><Code>AccessDenied</Code></Error>")

    def _redirect(self, request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        there = f"http://127.0.0.1:{self.upstream}{request.path}"
        self._reply(request, 302, {"location": there}, b"")

    def _cut(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        """Ends the connection in the middle of the object."""
        status, _, data = self._forward(request, body)
        self._reply(request, status, {"content-length": str(len(data))}, data[: len(data) // 2])

    def _understate(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        """Declares fewer bytes than it sends."""
        status, _, data = self._forward(request, body)
        self._reply(request, status, {"content-length": str(len(data) // 2)}, data)

    def _endless(self, request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        """Sends chunks for as long as they are taken."""
        request.send_response(200)
        request.send_header("transfer-encoding", "chunked")
        request.end_headers()
        chunk = bytes(16 << 10)
        try:
            for _ in itertools.count():
                request.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.sent += len(chunk)
        except OSError:
            self.departures.release()

    def _silence(self, request: http.server.BaseHTTPRequestHandler, _: bytes) -> None:
        """Never answers; notices when the other side has closed the connection."""
        readable, _, _ = select.select([request.connection], [], [], 2 * STEP_LIMIT)
        if readable and not request.connection.recv(1):
            self.departures.release()


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server of its own; it ends with the block."""
    server = S3Server()
    try:
        yield server
    finally:
        server.kill()


def s3_bucket(name: str, endpoint: str, url: str = f"s3://{BUCKET}", **fields: object) -> dict:
    """A bucket of a policy."""
    return {"name": name, "url": url, "endpoint": endpoint, "region": REGION, **fields}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
