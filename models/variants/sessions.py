"""Networks that run as in Framegate: on ONNX Runtime's CPU provider, here with one thread."""

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """A session of one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, values: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of one frame by name, without the axis of the batch."""
    names = [output.name for output in session.get_outputs()]
    answers = session.run(names, {session.get_inputs()[0].name: values})
    return {name: answer[0] for name, answer in zip(names, answers, strict=True)}


def interleaved_times(
    sessions: Sequence[onnxruntime.InferenceSession], inputs: Sequence[np.ndarray], rounds: int
) -> list[float]:
    """Milliseconds for a frame, each session's median over rounds. They take turns with every frame."""
    taken: list[list[float]] = [[] for _ in sessions]
    for number in range(rounds + 1):  # the first warms up
        totals = [0.0 for _ in sessions]
        for values in inputs:
            for place, session in enumerate(sessions):
                started = time.perf_counter()
                run(session, values)
                totals[place] += time.perf_counter() - started
        for place, total in enumerate(totals):
            if number > 0:
                taken[place].append(1000 * total / len(inputs))
    return [median(rounds_of_one) for rounds_of_one in taken]
