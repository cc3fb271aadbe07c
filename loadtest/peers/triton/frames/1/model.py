"""Triton's frame job: a path in, a class out."""

import sys
from pathlib import Path

import numpy as np
import triton_python_backend_utils as triton

# Triton's interpreter looks at no variable that could say so.
sys.path.append(str(Path(__file__).resolve().parents[3]))

from frame_job import FrameJob


class TritonPythonModel:
    def initialize(self, args: dict) -> None:
        self._job = FrameJob()

    def execute(self, requests: list) -> list:
        return [self._answer(request) for request in requests]

    def _answer(self, request: object) -> object:
        [path] = triton.get_input_tensor_by_name(request, "frame").as_numpy()
        try:
            answer = self._job(path.decode())
        except ValueError as error:
            return triton.InferenceResponse([], triton.TritonError(str(error)))
        return triton.InferenceResponse([triton.Tensor("class", np.array([answer], np.int32))])
