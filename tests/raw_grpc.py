"""A gRPC client that does less than others: it sends a deadline and waits for what the server makes of it.

It speaks HTTP/2 (RFC 9113) with literal headers (RFC 7541), and finds `grpc-status` in the answer.
"""

import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7
ACK, END_STREAM, END_HEADERS = 0x1, 0x1, 0x4
HEADER_TABLE_SIZE = 0x1
CANCEL = struct.pack(">I", 0x8)

# The codes of RFC 7541, appendix B, for what is looked for.
HUFFMAN = {
    "0": "00000", "1": "00001", "2": "00010", "3": "011001", "4": "011010", "5": "011011", "6": "011100",
    "7": "011101", "8": "011110", "9": "011111", "-": "010110", "a": "00011", "c": "00100", "g": "100110",
    "p": "101011", "r": "101100", "s": "01000", "t": "01001", "u": "101101",
}  # fmt: skip


class RawClient:
    """One connection, one call after the other."""

    def __init__(self, address: str, timeout: float = 15.0) -> None:
        host, port = address.rsplit(":", 1)
        self._authority = address
        self._socket = socket.create_connection((host, int(port)), timeout)
        self._socket.sendall(greeting())
        self._stream = -1

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def give_up(self, path: str, calls: int) -> None:
        """Begins so many calls and resets each, all in one write."""
        block = header_block(self._authority, path, {})
        begun = [self._next_stream() for _ in range(calls)]
        self._socket.sendall(
            b"".join(
                frame(HEADERS, END_HEADERS, stream, block) + frame(RST_STREAM, 0, stream, CANCEL)
                for stream in begun
            )
        )

    def _next_stream(self) -> int:
        self._stream += 2
        return self._stream

    def call(self, path: str, message: bytes, headers: dict[str, str], half_close: bool = True) -> int:
        """Sends a call of one message; the number of the status that the server answers."""
        block = header_block(self._authority, path, headers)
        body = grpc_message(message)
        end, own = END_STREAM if half_close else 0, self._next_stream()
        self._socket.sendall(frame(HEADERS, END_HEADERS, own, block) + frame(DATA, end, own, body))
        while True:
            kind, flags, stream, payload = self._receive()
            status = find_status(payload) if (kind, stream) == (HEADERS, own) else None
            if status is not None:
                return status
            reset = kind == RST_STREAM and stream == own
            assert not reset and kind != GOAWAY, f"stream ended by {payload.hex()}"
            if kind in (SETTINGS, PING) and not flags & ACK:
                self._socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))

    def _receive(self) -> tuple[int, int, int, bytes]:
        head = self._exactly(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:], "big"), self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            part = self._socket.recv(count - len(received))
            assert part, "connection closed without a status"
            received += part
        return received


def greeting() -> bytes:
    """What a client says first. Without a table every header of the answer is written out."""
    return PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", HEADER_TABLE_SIZE, 0))


def header_block(authority: str, path: str, headers: dict[str, str]) -> bytes:
    """The headers of a call."""
    fields = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": authority,
        "te": "trailers", "content-type": "application/grpc", **headers,
    }  # fmt: skip
    return b"".join(b"\x00" + plain(name) + plain(value) for name, value in fields.items())


def grpc_message(message: bytes) -> bytes:
    """A message as it stands in a call's data."""
    return struct.pack(">BI", 0, len(message)) + message


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """An HTTP/2 frame."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def plain(text: str) -> bytes:
    """A string literal of at most 126 bytes."""
    assert len(text) < 127
    return bytes([len(text)]) + text.encode()


def compressed(text: str) -> bytes:
    """The same with Huffman codes."""
    bits = "".join(HUFFMAN[character] for character in text)
    bits += "1" * (-len(bits) % 8)
    return bytes([0x80 | len(bits) // 8]) + int(bits, 2).to_bytes(len(bits) // 8, "big")


def find_status(block: bytes) -> int | None:
    """The value of `grpc-status` in a block of literal headers, however they are written."""
    for name in (plain("grpc-status"), compressed("grpc-status")):
        for number in range(17):
            if any(name + form(str(number)) in block for form in (plain, compressed)):
                return number
    return None
