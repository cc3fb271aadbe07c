"""A camera that serves MJPEG over HTTP, and can cut its streams or fall silent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BOUNDARY = "frame"
PAUSE = 0.05  # between two frames


class MjpegCamera(ThreadingHTTPServer):
    """It shows the frames over and over, at 20 frames/s, to whoever asks."""

    daemon_threads = True

    def __init__(self, frames: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.frames = frames
        self.connections = 0
        self.cut = threading.Event()  # set: streams end, and new ones end at once
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        """With credentials, which nobody may see."""
        return f"http://admin:hunter2@127.0.0.1:{self.server_port}/stream"


class Handler(BaseHTTPRequestHandler):
    """Answers each request with a stream."""

    server: MjpegCamera

    def do_GET(self) -> None:
        self.server.connections += 1
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        number = 0
        while not (self.server.cut.is_set() or self.server.closing.wait(PAUSE)):
            if not self._show(self.server.frames[number % len(self.server.frames)]):
                return
            number += 1

    def _show(self, jpeg: bytes) -> bool:
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
        try:
            self.wfile.write(head.encode() + jpeg + b"\r\n")
        except OSError:
            return False
        return True

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def mjpeg_camera(frames: list[bytes]) -> Iterator[MjpegCamera]:
    """Serves until the end of the `with` block."""
    with MjpegCamera(frames) as camera:
        thread = threading.Thread(target=camera.serve_forever, daemon=True)
        thread.start()
        yield camera
        camera.closing.set()
        camera.shutdown()
