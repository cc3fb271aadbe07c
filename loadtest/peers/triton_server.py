"""Triton: its server with its Python backend, of pytriton's wheel. usage: triton_server.py null|frames PORT

pytriton's own way, in which the server asks another process for each answer, is slower.
"""

import importlib.util
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def main(workload: str, port: str) -> None:
    # Found without being imported: it would want what only its own way needs.
    server = Path(importlib.util.find_spec("pytriton").origin).parent / "tritonserver"
    backends = backends_folder(server)
    command = [
        server / "bin" / "tritonserver",
        f"--model-repository={HERE / 'triton'}",
        "--model-control-mode=explicit",
        f"--load-model={workload}",
        f"--backend-directory={backends}",
        "--grpc-address=127.0.0.1",
        f"--grpc-port={port}",
        # Gone are the doors and threads that nobody asks here, and its metrics, which cost a little.
        "--allow-http=false",
        "--allow-metrics=false",
        "--disable-auto-complete-config",
        "--log-info=false",
    ]
    os.execve(command[0], [str(word) for word in command], environment())


def backends_folder(server: Path) -> Path:
    """The Python backend with the stub of this Python, which the wheel keeps apart."""
    backends = Path(tempfile.mkdtemp(prefix="triton-"))
    python = backends / "python"
    python.mkdir()
    stub = server / "python_backend_stubs" / VERSION / "triton_python_backend_stub"
    for file in [*(server / "backends" / "python").iterdir(), stub]:
        (python / file.name).symlink_to(file)
    return backends


def environment() -> dict[str, str]:
    """The stub embeds this Python, and finds its packages by the python3 that comes first on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR")}


if __name__ == "__main__":
    main(*sys.argv[1:])
