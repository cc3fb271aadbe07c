"""The standard health client of gRPC."""

from collections.abc import Iterator

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway import Gateway

Status = health_pb2.HealthCheckResponse.ServingStatus
FRAMES, OPERATORS = "framegate.v1.FrameService", "framegate.v1.OperatorService"


def check(gateway: Gateway, service: str = "") -> str:
    """How a service is now; the code of the refusal if there is no such service."""
    request = health_pb2.HealthCheckRequest(service=service)
    try:
        answer = health_pb2_grpc.HealthStub(gateway.channel).Check(request, timeout=10)
    except grpc.RpcError as error:
        return error.code().name
    return Status.Name(answer.status)


def changes(gateway: Gateway, service: str = "", timeout: float = 60) -> Iterator[str]:
    """How a service is, and then each change, until the gateway ends the watch."""
    request = health_pb2.HealthCheckRequest(service=service)
    answers = health_pb2_grpc.HealthStub(gateway.channel).Watch(request, timeout=timeout)
    return (Status.Name(answer.status) for answer in answers)
