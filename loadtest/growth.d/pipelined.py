"""A closed load of encoded calls, each of its own model and camera, by a client that costs hardly anything.

h2load sends one request again and again, so it goes over no models and no cameras. What is sent and read here
is as much of HTTP/2 (RFC 9113) and of its headers (RFC 7541) as such a load needs.
"""

import selectors
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

from process import percentile
from raw_grpc import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    frame,
    grpc_message,
    plain,
)

CONNECTIONS = 8
PATH = "/framegate.v1.FrameService/Predict"
WINDOW_UPDATE = 0x8
FIRST_WINDOW, LARGEST_WINDOW = 65_535, (1 << 31) - 1
GREETING = (
    PREFACE
    + frame(SETTINGS, 0, 0, b"")
    + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - FIRST_WINDOW))
)
STATIC_TABLE = 61
FRAME_HEAD = 9
PATIENCE = 60.0


@dataclass(frozen=True)
class Told:
    """What became of the calls."""

    done: int
    failed: int
    """Answers without a message: the call has failed as a whole."""
    per_second: float
    p50_ms: float
    p99_ms: float


class Pipelined:
    """Keeps calls in flight on a few connections, from one thread."""

    def __init__(self, address: str, messages: list[bytes], connections: int = CONNECTIONS) -> None:
        """The messages are sent in turn, over and over."""
        calls = cycle([after_headers(message) for message in messages])
        self._connections = [Connection(address, calls) for _ in range(connections)]
        self._selector = selectors.DefaultSelector()
        for connection in self._connections:
            self._selector.register(connection, selectors.EVENT_READ)

    def __enter__(self) -> "Pipelined":
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.close()

    def once(self) -> None:
        """One call on each connection."""
        self._start(len(self._connections))
        self._until(0.0, [])

    def run(self, in_flight: int, seconds: float) -> Told:
        """So many calls in flight for so long, and then until all are answered."""
        began, times = time.perf_counter(), []
        self._start(in_flight)
        in_time = self._until(began + seconds, times)
        failed = sum(connection.take_failed() for connection in self._connections)
        p50, p99 = (percentile(times, percent) * 1e3 for percent in (50, 99))
        return Told(len(times), failed, in_time / seconds, p50, p99)

    def _start(self, in_flight: int) -> None:
        for number, connection in enumerate(self._connections):
            connection.send(len(range(number, in_flight, len(self._connections))))

    def _until(self, end: float, times: list[float]) -> int:
        """Calls anew until `end` for each that is answered, and waits for the rest; how many came in time."""
        in_time = 0
        while any(connection.waits for connection in self._connections):
            ready = self._selector.select(PATIENCE)
            assert ready, f"no answer for {PATIENCE:.0f} s"
            for key, _ in ready:
                ended = key.fileobj.receive(times)
                if time.perf_counter() < end:
                    in_time += ended
                    key.fileobj.send(ended)
        return in_time


class Connection:
    """One connection and the calls on it."""

    def __init__(self, address: str, calls: Iterator[tuple[bytes, bytes]]) -> None:
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(GREETING)
        self._calls = calls
        self._first, self._later = header_blocks(address)
        self._stream = 1
        self._sent: dict[int, float] = {}
        self._rest = b""
        self._messages = self._ended = 0

    def fileno(self) -> int:
        """For who waits for it."""
        return self._socket.fileno()

    def close(self) -> None:
        """Ends it, with what is in flight."""
        self._socket.close()

    @property
    def waits(self) -> bool:
        """Whether a call on it is not answered."""
        return bool(self._sent)

    def take_failed(self) -> int:
        """How many answers since the last time had no message."""
        failed = self._ended - self._messages
        self._messages = self._ended = 0
        return failed

    def send(self, count: int) -> None:
        """Begins so many calls, in one write."""
        parts, now = [], time.perf_counter()
        for _ in range(count):
            block = self._later if self._stream > 1 else self._first
            stream, (head, body) = struct.pack(">I", self._stream), next(self._calls)
            parts += (frame(HEADERS, END_HEADERS, self._stream, block), head, stream, body)
            self._sent[self._stream] = now
            self._stream += 2
        if parts:
            self._socket.sendall(b"".join(parts))

    def receive(self, times: list[float]) -> int:
        """Reads what is there; how many calls it ends. Appends how long each took, in seconds."""
        part = self._socket.recv(1 << 18)
        assert part, "the gateway has closed the connection"
        received, at, now, before = self._rest + part, 0, time.perf_counter(), self._ended
        while (end := frame_end(received, at)) <= len(received):
            kind, flags = received[at + 3], received[at + 4]
            if kind in (DATA, HEADERS):
                self._messages += kind == DATA
                if flags & END_STREAM:
                    self._ended += 1
                    times.append(now - self._sent.pop(int.from_bytes(received[at + 5 : at + 9], "big")))
            else:
                self._control(kind, flags, received[at + FRAME_HEAD : end])
            at = end
        self._rest = received[at:]
        return self._ended - before

    def _control(self, kind: int, flags: int, payload: bytes) -> None:
        assert kind not in (RST_STREAM, GOAWAY), f"ended by the gateway: {kind}, {payload.hex()}"
        if kind in (SETTINGS, PING) and not flags & ACK:
            self._socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))


def frame_end(received: bytes, at: int) -> int:
    """Where the frame that begins there ends, as far as that can be told."""
    if len(received) - at < FRAME_HEAD:
        return len(received) + 1
    return at + FRAME_HEAD + int.from_bytes(received[at : at + 3], "big")


def after_headers(message: bytes) -> tuple[bytes, bytes]:
    """The data of a call: what stands before the number of its stream, and what after."""
    whole = frame(DATA, END_STREAM, 0, grpc_message(message))
    return whole[:5], whole[FRAME_HEAD:]


def header_blocks(authority: str) -> tuple[bytes, bytes]:
    """The headers of a connection's first call, which the gateway is to remember, and of further ones."""
    fields = {
        ":method": "POST", ":scheme": "http", ":path": PATH, ":authority": authority,
        "te": "trailers", "content-type": "application/grpc",
    }  # fmt: skip
    first = b"".join(b"\x40" + plain(name) + plain(value) for name, value in fields.items())
    newest = STATIC_TABLE + 1
    later = bytes(0x80 | newest + age for age in reversed(range(len(fields))))
    return first, later
