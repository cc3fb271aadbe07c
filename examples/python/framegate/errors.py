"""Why something failed."""

import grpc
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status

from framegate.v1 import frame_service_pb2 as proto


class Error(Exception):
    """A call, a request of a stream, or one of its models failed."""

    def __init__(self, code: str, reason: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{reason or code}: {message}")
        self.code = code
        """The gRPC code, such as `NOT_FOUND`."""
        self.reason = reason
        """Stable and for programs, such as `UNKNOWN_MODEL`; empty if it is not Framegate's."""
        self.message = message
        """For people."""
        self.retry_after = retry_after
        """In how many seconds to try again, if that can help."""


def of_call(failure: grpc.RpcError) -> Error:
    """Why a call failed."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    retry_after = None
    status = rpc_status.from_call(failure)
    for detail in status.details if status else ():
        detail.Unpack(info)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return Error(failure.code().name, info.reason, failure.details() or "", retry_after)


def of_message(error: proto.Error) -> Error:
    """Why a request of a stream, or one model, failed."""
    return Error(code_pb2.Code.Name(error.code), error.reason, error.message)
