"""The client."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from types import TracebackType

import grpc

from framegate import errors, frame, results
from framegate.frame import Frame, Region, Source
from framegate.results import Pool, Prediction
from framegate.stream import Exchange
from framegate.v1 import frame_service_pb2_grpc, operator_service_pb2, operator_service_pb2_grpc

LARGEST_MESSAGE = 64 << 20


class Client:
    """A connection to a gateway. Threads may share it; it is closed at the end of its `with` block."""

    def __init__(
        self,
        address: str,
        *,
        timeout: float = 30.0,
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """`timeout`, in seconds, holds for each request that has none of its own."""
        options = [
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
        ]
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._timeout = timeout
        self._frames = frame_service_pb2_grpc.FrameServiceStub(self._channel)
        self._operator = operator_service_pb2_grpc.OperatorServiceStub(self._channel)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all calls and closes the connection."""
        self._channel.close()

    def predict(
        self,
        source: Frame | Source | None = None,
        *,
        data: bytes | None = None,
        models: Iterable[str] = (),
        camera_id: str = "",
        captured_at: datetime | None = None,
        sequence: int | None = None,
        region: Region | None = None,
        priority: int | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Prediction:
        """Runs models on one frame; all models of the gateway if none is named.

        The frame is a reference, a path (its file is sent along), encoded bytes, or a `Frame`. Raises
        `Error` if the call fails; where only some of several models fail, their results say so.
        """
        if (source is None) == (data is None):
            raise TypeError("either a frame or `data` is needed")
        given = data if source is None else source
        if not isinstance(given, Frame):
            given = Frame(given, camera_id, captured_at, sequence, region)
        message = frame.request(given, _names(models), priority, request_id)
        try:
            answer = self._frames.Predict(message, timeout=self._seconds(timeout))
        except grpc.RpcError as failure:
            raise errors.of_call(failure) from None
        return results.prediction(answer)

    def stream(
        self,
        frames: Iterable[Frame | Source],
        *,
        models: Iterable[str] = (),
        in_order: bool = True,
        priority: int | None = None,
        timeout: float | None = None,
        in_flight: int = 64,
    ) -> Iterator[Prediction]:
        """Runs models on many frames over one stream, and yields the answers as they come.

        With `in_order` those of a camera come in the order of its frames. At most `in_flight` (1 to
        256) frames are on their way; `frames` is read only as answers are taken. A frame that fails
        does not end the stream: its `Prediction` has an `error`. `timeout` holds for each frame.
        """
        if not 1 <= in_flight <= 256:
            raise ValueError("in_flight is from 1 to 256")
        names, seconds = _names(models), self._seconds(timeout)

        def request(given: Frame | Source, request_id: str) -> object:
            return frame.request(given, names, priority, request_id, seconds, in_order)

        return Exchange(frames, request, in_flight).run(self._frames.PredictStream)

    def pools(self, timeout: float | None = None) -> list[Pool]:
        """The models that are served, and how busy they are."""
        request = operator_service_pb2.ListPoolsRequest()
        try:
            answer = self._operator.ListPools(request, timeout=self._seconds(timeout))
        except grpc.RpcError as failure:
            raise errors.of_call(failure) from None
        return [results.pool(pool) for pool in answer.pools]

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout


def _names(models: Iterable[str]) -> tuple[str, ...]:
    if isinstance(models, str):
        raise TypeError(f"`models` is a list of names; write [{models!r}]")
    return tuple(models)
