"""usage: check_frames.py FOLDER EXPECTED.json: every frame that EXPECTED names can be decoded and has the size given there."""

import json
import sys
from pathlib import Path

from PIL import Image

folder, expected = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
for name, facts in expected.items():
    with Image.open(folder / name) as image:
        image.load()
        if list(image.size) != facts["size"]:
            sys.exit(f"setup: {name}: {image.size[0]}x{image.size[1]} pixels, expected {facts['size']}")
