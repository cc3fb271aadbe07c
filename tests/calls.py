"""The two doors for frames behind one face: many unary calls, or one stream of requests."""

import queue
from collections.abc import Iterator

import grpc

import api
from gateway import Gateway

Outcome = object
"""A PredictResponse, or the Refusal that a client got instead."""


class UnaryCalls:
    """Each request is a Predict call of its own."""

    def __init__(self, gateway: Gateway, timeout: float | None = 60.0) -> None:
        self._gateway, self._timeout = gateway, timeout
        self._calls: list[grpc.Future] = []

    def send(self, uri: str | None = None, **fields: object) -> None:
        """Sends a request; see `api.request` for the fields."""
        self.send_message(api.request(uri, **fields))

    def send_message(self, request: object) -> None:
        """Sends a request that `api.request` would not make."""
        self._calls.append(self._gateway.frames.Predict.future(request, timeout=self._timeout))

    def outcomes(self) -> list[Outcome]:
        """How the requests ended, in the order in which they were sent."""
        errors = [call.exception() for call in self._calls]
        ended = zip(self._calls, errors, strict=True)
        return [call.result() if error is None else api.refusal(error) for call, error in ended]

    def cancel(self) -> None:
        """Cancels all that is in flight."""
        for call in self._calls:
            call.cancel()


class Stream:
    """All requests go through one PredictStream."""

    def __init__(self, gateway: Gateway, timeout: float | None = 60.0) -> None:
        self._requests: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._call = gateway.frames.PredictStream(self._handed_out(), timeout=timeout)
        self._ids: list[str] = []
        self.handed_out = 0
        """Requests that gRPC has taken to send; it takes no more while the server does not read."""
        self.status: api.Refusal | None = None
        """How the call ended, if it did not end well."""

    def _handed_out(self) -> Iterator[object]:
        for request in iter(self._requests.get, None):
            self.handed_out += 1
            yield request

    def send(self, uri: str | None = None, **fields: object) -> None:
        """Sends a request; see `api.request` for the fields."""
        self.send_message(api.request(uri, **fields))

    def send_message(self, request: object) -> None:
        """Sends a request, with its number as its id if it has none."""
        request.request_id = request.request_id or str(len(self._ids))
        self._ids.append(request.request_id)
        self._requests.put(request)

    def half_close(self) -> None:
        """Says that no request follows."""
        self._requests.put(None)

    def cancel(self) -> None:
        """Cancels the call."""
        self._call.cancel()

    def receive(self) -> object:
        """The next response."""
        return next(self._call)

    def rest(self) -> list[object]:
        """All responses until the call ends, which sets `status`."""
        responses = []
        try:
            for response in self._call:
                responses.append(response)
        except grpc.RpcError as error:
            self.status = api.refusal(error)
        return responses

    def outcomes(self) -> list[Outcome]:
        """How the requests ended, in the order in which they were sent; no more can be sent."""
        self.half_close()
        responses = self.rest()
        by_id = {response.request_id: response for response in responses}
        assert len(by_id) == len(responses), "a request was answered twice"
        assert set(by_id) <= set(self._ids), "a response that nobody asked for"
        return [outcome(by_id[name]) if name in by_id else self._unanswered(name) for name in self._ids]

    def _unanswered(self, name: str) -> api.Refusal:
        assert self.status is not None, f"request {name} was not answered, and the call ended well"
        return self.status


DOORS = {"Predict": UnaryCalls, "PredictStream": Stream}


def outcome(response: object) -> Outcome:
    """A response of a stream as a unary client would see it."""
    if not response.HasField("error"):
        return response
    assert not response.results, "a request that failed whole has no results"
    return error(response.error)


def error(message: object) -> api.Refusal:
    """An error within a response."""
    [code] = [code.name for code in grpc.StatusCode if code.value[0] == message.code]
    return api.Refusal(code, message.reason, "framegate", None, message.message)


def kind(outcome: Outcome) -> str:
    """An outcome in one word or two."""
    return f"{outcome.code} {outcome.reason}" if isinstance(outcome, api.Refusal) else "OK"
