"""Frames on their way to Framegate."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from framegate.v1 import frame_service_pb2 as proto

Source = str | bytes | Path
"""A reference (`frames:cam1/1.jpg`), the bytes of a JPEG, PNG or WebP, or the path of such a file."""


@dataclass(frozen=True)
class Region:
    """A part of a frame, in its pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Frame:
    """A frame, and what is known of it."""

    source: Source
    camera_id: str = ""
    captured_at: datetime | None = None
    sequence: int | None = None
    region: Region | None = None


def request(
    frame: Frame | Source,
    models: Iterable[str],
    priority: int | None,
    request_id: str,
    timeout: float | None = None,
    in_order: bool = False,
) -> proto.PredictRequest:
    """The request for a frame. A file is read now."""
    message = proto.PredictRequest(request_id=request_id, models=models, priority=priority, in_order=in_order)
    if timeout is not None:
        message.timeout.FromNanoseconds(int(timeout * 1e9))
    message.frame.CopyFrom(_reference(frame if isinstance(frame, Frame) else Frame(frame)))
    return message


def _reference(frame: Frame) -> proto.FrameReference:
    message = proto.FrameReference(camera_id=frame.camera_id, sequence=frame.sequence)
    match frame.source:
        case str(uri):
            message.uri = uri
        case Path() as path:
            message.data = path.read_bytes()
        case data:
            message.data = data
    if frame.captured_at is not None:
        message.captured_at.FromDatetime(frame.captured_at)
    if frame.region is not None:
        part = frame.region
        message.region.CopyFrom(proto.Region(x=part.x, y=part.y, width=part.width, height=part.height))
    return message
