"""A client of Framegate.

    with framegate.Client("127.0.0.1:9000") as client:
        prediction = client.predict("frames:cam1/000123.jpg", models=["detector"])
        for detection in prediction["detector"].detections:
            print(detection.label, detection.score, detection.box)
"""

from framegate.client import Client
from framegate.errors import Error
from framegate.frame import Frame, Region
from framegate.results import Box, Class, Detection, ModelResult, Point, Pool, Prediction, Replica, Tensor

__all__ = [
    "Box",
    "Class",
    "Client",
    "Detection",
    "Error",
    "Frame",
    "ModelResult",
    "Point",
    "Pool",
    "Prediction",
    "Region",
    "Replica",
    "Tensor",
]
