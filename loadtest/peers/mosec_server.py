"""mosec: HTTP by Rust, each replica a process. usage: mosec_server.py null|frames PORT"""

import os
import sys

from mosec import Server, Worker
from null_job import NULL_ANSWER


class Plain(Worker):
    """Bodies are bytes: JSON would only cost."""

    def deserialize(self, data: bytes) -> bytes:
        return data

    def serialize(self, data: bytes) -> bytes:
        return data


class Null(Plain):
    def forward(self, data: list[bytes]) -> list[bytes]:
        return [NULL_ANSWER] * len(data)


class Frames(Plain):
    def __init__(self) -> None:
        super().__init__()
        # Here, so that replicas of the null model are without what it needs.
        from frame_job import FrameJob

        self._job = FrameJob()

    def forward(self, data: bytes) -> bytes:
        return b"%d" % self._job(data.decode())


def main(workload: str, port: str) -> None:
    # The server reads its options from the command line or from here.
    os.environ |= {"MOSEC_ADDRESS": "127.0.0.1", "MOSEC_PORT": port, "MOSEC_LOG_LEVEL": "error"}
    server = Server()
    if workload == "null":
        server.append_worker(Null, num=2, max_batch_size=8, max_wait_time=1)
    else:
        # One at a time: one replica that takes all that waits leaves the other core idle.
        server.append_worker(Frames, num=2)
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
