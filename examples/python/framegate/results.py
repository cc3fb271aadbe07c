"""What Framegate answers."""

from dataclasses import dataclass, field
from datetime import timedelta

from framegate import errors
from framegate.errors import Error
from framegate.frame import Frame, Source
from framegate.v1 import frame_service_pb2 as proto
from framegate.v1 import operator_service_pb2 as operator

STAGES = ("queue", "fetch", "decode", "batch_wait", "execute")


@dataclass(frozen=True)
class Point:
    """In pixels of the frame."""

    x: float
    y: float


@dataclass(frozen=True)
class Box:
    """Edges in pixels of the frame."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True)
class Detection:
    """Something that a detector found; the score is from 0 to 1."""

    label: str
    score: float
    box: Box
    index: int
    landmarks: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Class:
    """A class that a classifier saw; the score is its probability."""

    label: str
    score: float
    index: int


@dataclass(frozen=True)
class Tensor:
    """An output of a model as it is: row-major, little-endian."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    contents: bytes


@dataclass(frozen=True)
class ModelResult:
    """What one model made of the frame: one of the lists is filled, or there is an error."""

    model: str
    version: str
    replica: str
    batch_size: int
    detections: tuple[Detection, ...] = ()
    """Best first."""
    classes: tuple[Class, ...] = ()
    """Best first."""
    embedding: tuple[float, ...] = ()
    tensors: tuple[Tensor, ...] = ()
    error: Error | None = None


@dataclass(frozen=True)
class Prediction:
    """What the models made of a frame. `prediction["detector"]` is one model's result."""

    request_id: str
    results: tuple[ModelResult, ...]
    """In the order of the request."""
    timings: dict[str, timedelta] = field(default_factory=dict)
    """How long each stage took: queue, fetch, decode, batch_wait, execute."""
    error: Error | None = None
    """Why the whole request failed; in streams only."""
    frame: Frame | Source | None = None
    """What it was asked for; in streams only."""

    def __getitem__(self, model: str) -> ModelResult:
        """The model's result. Raises the error of the request or of the model, if it failed."""
        if self.error is not None:
            raise self.error
        result = next((result for result in self.results if result.model == model), None)
        if result is None:
            raise KeyError(model)
        if result.error is not None:
            raise result.error
        return result


@dataclass(frozen=True)
class Replica:
    """One running copy of a model."""

    id: str
    state: str
    ongoing: int


@dataclass(frozen=True)
class Pool:
    """All replicas of a model, and their queue."""

    model: str
    version: str
    queued: int
    ongoing: int
    desired_replicas: int
    replicas: tuple[Replica, ...]


def prediction(message: proto.PredictResponse, frame: Frame | Source | None = None) -> Prediction:
    """An answer in Python's types."""
    return Prediction(
        request_id=message.request_id,
        results=tuple(_result(result) for result in message.results),
        timings={stage: getattr(message.timings, stage).ToTimedelta() for stage in STAGES},
        error=errors.of_message(message.error) if message.HasField("error") else None,
        frame=frame,
    )


def pool(message: operator.Pool) -> Pool:
    """A pool in Python's types."""
    prefix = "REPLICA_STATE_"
    state = operator.ReplicaState.Name
    replicas = (
        Replica(replica.id, state(replica.state).removeprefix(prefix), replica.ongoing)
        for replica in message.replicas
    )
    return Pool(
        model=message.model,
        version=message.version,
        queued=message.queued,
        ongoing=message.ongoing,
        desired_replicas=message.desired_replicas,
        replicas=tuple(replicas),
    )


def _result(result: proto.ModelResult) -> ModelResult:
    classification = result.classification
    embedding = result.embedding if result.HasField("embedding") else classification.embedding
    return ModelResult(
        model=result.model,
        version=result.version,
        replica=result.replica,
        batch_size=result.batch_size,
        detections=tuple(_detection(item) for item in result.detections.items),
        classes=tuple(Class(item.label, item.score, item.index) for item in classification.classes),
        embedding=tuple(embedding.values),
        tensors=tuple(
            Tensor(item.name, item.datatype, tuple(item.shape), item.contents)
            for item in result.tensors.items
        ),
        error=errors.of_message(result.error) if result.HasField("error") else None,
    )


def _detection(item: proto.Detection) -> Detection:
    box = Box(item.box.x_min, item.box.y_min, item.box.x_max, item.box.y_max)
    landmarks = tuple(Point(point.x, point.y) for point in item.landmarks)
    return Detection(item.label, item.score, box, item.index, landmarks)
