"""The Python client of examples/, generated and installed as its README says, and run on its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from places import PROTO, ROOT

CLIENT = ROOT / "examples" / "python"
ADDRESS = "127.0.0.1:9000"


class ClientPackage:
    """The installed package."""

    def __init__(self, folder: Path) -> None:
        """Generates and installs it in a copy of the project's two folders."""
        source = folder / "examples" / "python"
        ignored = shutil.ignore_patterns("v1", "build", "*.egg-info", "__pycache__")
        shutil.copytree(CLIENT, source, ignore=ignored)
        shutil.copytree(PROTO, folder / "proto")
        self._installed = folder / "installed"
        subprocess.run([sys.executable, "generate"], cwd=source, check=True, timeout=60)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", str(self._installed)]
        subprocess.run([*pip, *options, "."], cwd=source, check=True, timeout=120)

    def run(self, script: str, address: str) -> str:
        """What a script prints that was written for a gateway at the default address."""
        assert ADDRESS in script
        done = subprocess.run(
            [sys.executable, "-c", script.replace(ADDRESS, address)],
            env={**os.environ, "PYTHONPATH": str(self._installed)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def readme_snippet(heading: str) -> str:
    """The Python of a section of the client's README."""
    text = (CLIENT / "README.md").read_text()
    match = re.search(rf"^## {re.escape(heading)}\n.*?^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert match, heading
    return match[1]
