"""Clients that leave in the middle of what they have asked for, without saying so."""

import socket
import struct
from dataclasses import dataclass

import api
import samples
from gateway import Gateway
from raw_grpc import DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, frame, greeting, grpc_message, header_block

CANCEL = 0x8
STREAM_MESSAGES = 5

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with which closing resets the connection."""


@dataclass(frozen=True)
class Script:
    """What a client sends."""

    sent: bytes
    entries: int
    """How many entries that makes."""


def scripts(gateway: Gateway) -> list[Script]:
    """Half unary calls and half streams; some of each break off in the middle of a message."""
    picture = samples.jpeg(samples.street(64, 48))
    message = grpc_message(api.request(data=picture).SerializeToString())
    unary, stream = (call(gateway.grpc_address, method) for method in ("Predict", "PredictStream"))
    several = b"".join(data(message) for _ in range(STREAM_MESSAGES))
    return [
        Script(unary + data(message, END_STREAM), 1),
        Script(stream + several, STREAM_MESSAGES),
        Script(unary + data(message[: len(message) // 2]), 0),
        Script(stream + several + data(message)[:100], STREAM_MESSAGES),
    ]


def call(address: str, method: str) -> bytes:
    """The beginning of a connection with one call."""
    block = header_block(address, f"/framegate.v1.FrameService/{method}", {})
    return greeting() + frame(HEADERS, END_HEADERS, 1, block)


def data(payload: bytes, flags: int = 0) -> bytes:
    """A part of the call's data."""
    return frame(DATA, flags, 1, payload)


def enter(gateway: Gateway, script: Script) -> socket.socket:
    """A client that has sent its script."""
    host, port = gateway.grpc_address.rsplit(":", 1)
    client = socket.create_connection((host, int(port)), 15)
    client.sendall(script.sent)
    return client


def reset(client: socket.socket) -> None:
    """Breaks the connection off (TCP RST)."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def close(client: socket.socket) -> None:
    """Closes the connection, without HTTP/2's goodbye."""
    client.close()


def cancel(client: socket.socket) -> None:
    """Cancels the call and breaks the connection off."""
    client.sendall(frame(RST_STREAM, 0, 1, struct.pack(">I", CANCEL)))
    close(client)


WAYS = [reset, close, cancel]
