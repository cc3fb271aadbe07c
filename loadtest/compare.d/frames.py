"""The frames of the comparison."""

import subprocess
from pathlib import Path

from places import DEPS

COUNT = 64
# One of so many frames of a clip: pedestrians and a street, over the whole of it, so that classes differ.
CLIPS = {"vtest.avi": 24, "bikes.mp4": 7}


def make(folder: Path) -> list[Path]:
    """JPEGs of 1280x720, as cameras send them."""
    folder.mkdir(parents=True)
    each = COUNT // len(CLIPS)
    for number, (clip, step) in enumerate(CLIPS.items()):
        picked = ["-vf", rf"select=not(mod(n\,{step})),scale=1280:720", "-fps_mode", "vfr", "-frames:v", each]
        out = ["-q:v", 3, "-start_number", number * each, folder / "frame_%d.jpg"]
        command = ["ffmpeg", "-nostdin", "-v", "error", "-i", DEPS / "clips" / clip, *picked, *out]
        subprocess.run([str(word) for word in command], check=True)
    frames = [folder / f"frame_{number}.jpg" for number in range(COUNT)]
    missing = [frame.name for frame in frames if not frame.exists()]
    assert not missing, f"ffmpeg has not made {missing}"
    return frames
