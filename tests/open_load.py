"""Calls at set times, whatever becomes of them, from a process of its own (`python open_load.py`)."""

import gc
import json
import subprocess
import sys
import threading
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import grpc

import api
from arrivals import Arrival
from gateway import Gateway

LIMIT = 60.0
METHOD = "/framegate.v1.FrameService/Predict"


@dataclass(frozen=True)
class Call:
    """What became of a request; times are seconds since the start of the load."""

    due: float
    sent: float
    ended: float
    code: str

    @property
    def seconds(self) -> float:
        """How long it took its client."""
        return self.ended - self.sent


class OpenLoad:
    """Sends the requests when they are due; it begins with its `with` block."""

    def __init__(self, gateway: Gateway, arrivals: list[Arrival], timeout: float = LIMIT) -> None:
        order = {
            "address": gateway.grpc_address,
            "timeout": timeout,
            "arrivals": [astuple(arrival) for arrival in arrivals],
        }
        self._order = json.dumps(order) + "\n"
        self._lasts = arrivals[-1].at + timeout + LIMIT
        self.began = 0.0
        """By the monotonic clock, which all processes share."""

    def __enter__(self) -> "OpenLoad":
        command = [sys.executable, str(Path(__file__).resolve())]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._process.stdin.write(self._order)
        self._process.stdin.flush()
        self.began = float(self._process.stdout.readline() or "nan")
        assert self.began > 0, "the load has not begun"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def finish(self) -> list[Call]:
        """Waits until all calls have ended; they are in the order in which they were sent."""
        told, _ = self._process.communicate(timeout=self._lasts)
        assert self._process.returncode == 0, "the load was not sent"
        return [Call(*call) for call in json.loads(told)]


class Player:
    """Plays a load in the process of its own."""

    def __init__(self, address: str, timeout: float, arrivals: list[list]) -> None:
        self._timeout = timeout
        self._dues = [at for at, _, _ in arrivals]
        self._requests = [
            api.request("any", request_id=str(number), camera_id=camera, models=models).SerializeToString()
            for number, (_, camera, models) in enumerate(arrivals)
        ]
        self._sent = [0.0] * len(arrivals)
        self._ended: list[tuple[float, str] | None] = [None] * len(arrivals)
        self._left = threading.Semaphore(0)
        self._channel = grpc.insecure_channel(address)
        self._predict = self._channel.unary_unary(METHOD)
        grpc.channel_ready_future(self._channel).result(LIMIT)

    def play(self) -> list[tuple[float, float, float, str]]:
        """Sends everything, and waits for the ends."""
        gc.freeze()
        began = time.monotonic()
        print(began, flush=True)
        for number, due in enumerate(self._dues):
            time.sleep(max(0.0, began + due - time.monotonic()))
            self._sent[number] = time.monotonic()
            call = self._predict.future(self._requests[number], timeout=self._timeout)
            call.add_done_callback(lambda call, number=number: self._end(number, call))
        for _ in self._dues:
            self._left.acquire()
        calls = zip(self._dues, self._sent, self._ended, strict=True)
        return [(due, sent - began, at - began, code) for due, sent, (at, code) in calls]

    def _end(self, number: int, call: grpc.Future) -> None:
        self._ended[number] = (time.monotonic(), self._code(number, call))
        self._left.release()

    def _code(self, number: int, call: grpc.Future) -> str:
        if call.code() is not grpc.StatusCode.OK:
            return call.code().name
        response = api.frames.PredictResponse.FromString(call.result())
        failed = any(result.WhichOneof("outcome") in (None, "error") for result in response.results)
        if response.request_id != str(number) or failed or not response.results:
            return "WRONG_ANSWER"
        return "OK"


def main() -> None:
    """Plays the load that its input orders."""
    order = json.loads(sys.stdin.readline())
    print(json.dumps(Player(**order).play()))


if __name__ == "__main__":
    main()
