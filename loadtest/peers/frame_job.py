"""The class of a frame, by the same code in every server."""

import os

import cv2
import numpy as np
import onnxruntime

SIDE, SHORT_SIDE = 224, 256

# Each replica has one core; OpenCV would start a thread for each core in each of them.
cv2.setNumThreads(1)


class FrameJob:
    """A replica's session of the model that the environment's MODEL names."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # A thread that spins takes the core from the other replica and from the server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        model = os.environ["MODEL"]
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def __call__(self, path: str) -> int:
        """The best class of the JPEG file."""
        [scores] = self._session.run(["probabilities"], {"image": image(path)})
        return int(scores[0].argmax())


def image(path: str) -> np.ndarray:
    """The file as the model's input: the middle of what a short side of 256 pixels would make of it."""
    # Decoded at half its size, which is a third of the work of the whole.
    pixels = cv2.imread(path, cv2.IMREAD_REDUCED_COLOR_2)
    if pixels is None:
        raise ValueError(f"{path!r} is no picture that can be read")
    height, width = pixels.shape[:2]
    # What is cut off is not resized; resizing, normalising and transposing are one call of C++.
    side = round(min(height, width) * SIDE / SHORT_SIDE)
    top, left = (height - side) // 2, (width - side) // 2
    middle = pixels[top : top + side, left : left + side]
    return cv2.dnn.blobFromImage(middle, 1 / 128, (SIDE, SIDE), (127, 127, 127), swapRB=True)
