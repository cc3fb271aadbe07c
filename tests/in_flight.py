"""A load that keeps the same number of calls in flight: each answer is followed by the next call."""

import threading
import time
from dataclasses import dataclass

import grpc

import api
from gateway import Gateway

LIMIT = 60.0


@dataclass(frozen=True)
class Answer:
    """One call's result."""

    after: float
    """Seconds from the start of the load to the answer."""
    replica: str


class InFlight:
    """So many calls are in flight within its `with` block, at whose end the last are waited for."""

    def __init__(self, gateway: Gateway, count: int, uri: str = "any", models: tuple[str, ...] = ()) -> None:
        self._gateway, self._count = gateway, count
        self._request = api.request(uri, models=models)
        self._began = 0.0
        self._stopped = False
        self._changed = threading.Condition()
        self._under_way = 0
        self._answers: list[Answer] = []
        self._failures: list[api.Refusal] = []

    def __enter__(self) -> "InFlight":
        self._began = time.monotonic()
        for _ in range(self._count):
            self._call()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        with self._changed:
            assert self._changed.wait_for(lambda: self._under_way == 0, LIMIT), "calls were not answered"
        assert not self._failures, self._failures[:3]

    def answers(self) -> list[Answer]:
        """Those so far."""
        with self._changed:
            return list(self._answers)

    def first_answers(self) -> list[Answer]:
        """The first answer of each replica, in the order in which they came."""
        firsts: dict[str, Answer] = {}
        for answer in self.answers():
            firsts.setdefault(answer.replica, answer)
        return list(firsts.values())

    def wait_for_replicas(self, count: int) -> list[Answer]:
        """Waits until so many replicas have answered; the first answers of them."""
        serve = lambda: len({answer.replica for answer in self._answers}) >= count  # noqa: E731
        with self._changed:
            assert self._changed.wait_for(serve, LIMIT), f"{count} replicas have not answered"
        return self.first_answers()[:count]

    def _call(self) -> None:
        with self._changed:
            self._under_way += 1
        self._gateway.frames.Predict.future(self._request, timeout=LIMIT).add_done_callback(self._ended)

    def _ended(self, call: grpc.Future) -> None:
        after, error = time.monotonic() - self._began, call.exception()
        if error is None and not self._stopped:
            self._call()
        with self._changed:
            self._under_way -= 1
            if error is None:
                self._answers.append(Answer(after, call.result().results[0].replica))
            else:
                self._failures.append(api.refusal(error))
            self._changed.notify_all()
