"""How a job is asked for: a request as bytes, and the answer out of them."""

import http.client
from collections.abc import Callable
from dataclasses import dataclass

import grpc
from h2load import GRPC_HEADERS, Post, framed

TIMEOUT = 30.0


class WrongAnswer(Exception):
    """A server has refused, or answered something else than what is right."""


@dataclass(frozen=True)
class Asking:
    """One job of a server: where it is, and what is sent for a reference to a frame."""

    path: str
    encode: Callable[[str], bytes]
    decode: Callable[[bytes], object]
    headers: tuple[str, ...] = GRPC_HEADERS
    http1: bool = False

    def post(self, reference: str) -> Post:
        """The request as it is sent by loads."""
        message = self.encode(reference)
        return Post(self.path, message if self.http1 else framed(message), self.headers, self.http1)

    def ask(self, address: str, reference: str) -> object:
        """One answer."""
        message = self.encode(reference)
        raw = self._over_http(address, message) if self.http1 else self._over_grpc(address, message)
        return self.decode(raw)

    def _over_http(self, address: str, message: bytes) -> bytes:
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
        try:
            headers = dict(header.split(": ") for header in self.headers)
            connection.request("POST", self.path, message, headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise WrongAnswer(f"HTTP {response.status}: {body[:200]!r}")
        return body

    def _over_grpc(self, address: str, message: bytes) -> bytes:
        # Not a connection of another call, which may still wait after a server that did not listen yet.
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                return channel.unary_unary(self.path)(message, timeout=TIMEOUT)
            except grpc.RpcError as error:
                raise WrongAnswer(f"{error.code().name}: {error.details()[:200]}") from error
