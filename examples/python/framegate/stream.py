"""One stream of frames and answers."""

import threading
from collections.abc import Callable, Iterable, Iterator

import grpc

from framegate import errors, results
from framegate.frame import Frame, Source
from framegate.results import Prediction

Request = Callable[[Frame | Source, str], object]


class Exchange:
    """Sends frames while answers are read. gRPC takes the requests on a thread of its own."""

    def __init__(self, frames: Iterable[Frame | Source], request: Request, in_flight: int) -> None:
        self._frames = iter(frames)
        self._request = request
        self._places = threading.Semaphore(in_flight)
        self._sent: dict[str, Frame | Source] = {}
        """Frames on their way, by request; no more than there are places."""
        self._closed = False
        self._failure: Exception | None = None
        """What `frames` has raised."""

    def run(self, call: Callable[[Iterator[object]], grpc.Call]) -> Iterator[Prediction]:
        """Yields the answers; the stream ends with the frames, or when the caller stops reading."""
        answers = call(self._requests())
        try:
            for answer in answers:
                frame = self._sent.pop(answer.request_id, None)
                self._places.release()
                yield results.prediction(answer, frame)
        except grpc.RpcError as failure:
            raise (self._failure or errors.of_call(failure)) from None
        finally:
            self._closed = True
            self._places.release()
            answers.cancel()
        if self._failure is not None:
            raise self._failure

    def _requests(self) -> Iterator[object]:
        number = 0
        while self._places.acquire() and not self._closed:
            try:
                frame = next(self._frames)
                request = self._request(frame, str(number))
            except StopIteration:
                return
            except Exception as failure:
                # gRPC would only log it. What was sent is still answered, and then it is raised.
                self._failure = failure
                return
            self._sent[str(number)] = frame
            yield request
            number += 1
