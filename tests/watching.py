"""Watches of a gateway's pools, as an operator's tools open them."""

from collections.abc import Callable, Iterator

import grpc

import api
from gateway import Gateway

LIMIT = 30.0


def watch(gateway: Gateway, interval: float = 0.1, latest_results: int = 0, timeout: float = LIMIT) -> grpc.Call:
    """Opens a watch; iterate over it for the responses."""
    request = api.operator.WatchPoolsRequest(latest_results=latest_results)
    request.interval.FromNanoseconds(round(interval * 1e9))
    return gateway.operator.WatchPools(request, timeout=timeout)


def first_with(responses: Iterator[object], condition: Callable[[object], object]) -> object:
    """The first response of a watch for which the condition holds."""
    return next(response for response in responses if condition(response))


def cameras_of(response: object) -> dict[str, object]:
    """The cameras of a response by their ids."""
    return {camera.camera_id: camera for camera in response.cameras}


def decisions(gateway: Gateway, model: str, limit: int = 0) -> list[object]:
    """The decisions of a pool's autoscaler, newest first."""
    request = api.operator.ExplainScalingRequest(model=model, limit=limit)
    return list(gateway.operator.ExplainScaling(request, timeout=10).decisions)
