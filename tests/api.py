"""Framegate's gRPC API as its users get it: stubs made from the .proto files, and error details."""

import sys
from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from places import PROTO

sys.path.append(str(PROTO))
frames, frames_grpc = grpc.protos_and_services("framegate/v1/frame_service.proto")
operator, operator_grpc = grpc.protos_and_services("framegate/v1/operator_service.proto")


@dataclass(frozen=True)
class Refusal:
    """How a call failed, as its client sees it."""

    code: str
    reason: str
    domain: str
    retry_after: float | None
    message: str


def refusal(error: grpc.RpcError) -> Refusal:
    """The failure of a call; the reason is empty if the server has not given any."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    retry_after = None
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        detail.Unpack(info)
        if detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return Refusal(error.code().name, info.reason, info.domain, retry_after, error.details() or "")


def request(
    uri: str | None = None,
    data: bytes | None = None,
    models: tuple[str, ...] = (),
    region: tuple[int, int, int, int] | None = None,
    camera_id: str = "",
    **fields: object,
) -> object:
    """A PredictRequest; `fields` are those of the request itself."""
    message = frames.PredictRequest(models=models, **fields)
    if uri is not None:
        message.frame.uri = uri
    if data is not None:
        message.frame.data = data
    if camera_id:
        message.frame.camera_id = camera_id
    if region is not None:
        x, y, width, height = region
        message.frame.region.CopyFrom(frames.Region(x=x, y=y, width=width, height=height))
    return message
