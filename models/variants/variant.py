"""Makes a variant of a model, and prints what it gains and costs. scripts/variant runs it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import artifact
import onnx
from artifact import Artifact, Refused
from cost import compare
from fp16 import half
from frames import Frame, find, prepare
from int8 import Frames, quantised
from sessions import interleaved_times, open_session, run


def main(arguments: Sequence[str]) -> None:
    options = parse(arguments)
    source = artifact.read(options.artifact)
    if (options.destination / "model.yaml").exists():
        raise Refused(f"{options.destination}: is a model already; name a new folder")
    paths = find(options.frames)
    judged = find(options.judge) if options.judge else paths
    network = make(source, paths, options)
    made = artifact.write_variant(source, network, options.variant, options.destination)
    print(f"{made.folder}: {made.description['name']}, version {made.description['version']}")
    for what, value in report(source, made, [prepare(path, source.input) for path in judged], options.rounds):
        print(f"  {what:<58} {value}")


def make(source: Artifact, paths: list[Path], options: argparse.Namespace) -> onnx.ModelProto:
    """The variant's network."""
    if options.variant == "fp16":
        return half(source.network())
    frames = Frames(paths, source.input)
    original = source.network()
    try:
        network, layers = quantised(original, frames, options.keep, reduce_range=options.reduce_range)
    except Refused:
        raise
    except Exception as error:
        raise Refused(f"{source.model}: ONNX Runtime cannot quantise it: {error}") from error
    print(f"{layers} layers in int8, by the ranges of {len(paths)} frames", flush=True)
    return network


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    about = "Makes a variant of a model, and prints what it gains and costs."
    parser = argparse.ArgumentParser("scripts/variant", description=about)
    parser.add_argument("variant", choices=["int8", "fp16"])
    parser.add_argument("artifact", type=Path, help="the folder with model.onnx and model.yaml")
    parser.add_argument("frames", type=Path, help="a folder of images, whose values int8 fits")
    parser.add_argument("destination", type=Path, help="the folder that the variant is written to")
    parser.add_argument("--judge", type=Path, metavar="FRAMES", help="other images to compare both on")
    parser.add_argument(
        "--keep", type=int, default=3, metavar="N", help="int8: first layers that stay f32 (3)"
    )
    parser.add_argument("--reduce-range", action="store_true", help="int8: 7 bits, for CPUs without VNNI")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="how often frames are timed (5)")
    return parser.parse_args(arguments)


def report(source: Artifact, made: Artifact, frames: list[Frame], rounds: int) -> list[tuple[str, str]]:
    """What a variant gains and costs, on these frames."""
    sessions = [open_session(one.model) for one in (source, made)]
    answers = [(frame, *(run(session, frame.values) for session in sessions)) for frame in frames]
    sizes = [one.model.stat().st_size / 1e6 for one in (source, made)]
    times = interleaved_times(sessions, [frame.values for frame in frames], rounds)
    return [
        ("frames compared", f"{len(frames)}"),
        ("model.onnx, MB, before and now", f"{sizes[0]:.1f}, {sizes[1]:.1f}"),
        ("ms for a frame on one thread, before and now", f"{times[0]:.2f}, {times[1]:.2f}"),
        *compare(source, answers),
    ]


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refused as refusal:
        sys.exit(f"variant: {refusal}")
