"""LitServe: HTTP by uvicorn, each replica a process. usage: litserve_server.py null|frames PORT"""

import sys

from litserve import LitAPI, LitServer
from null_job import NULL_ANSWER


class Null(LitAPI):
    def setup(self, device: str) -> None:
        self._answer = NULL_ANSWER.decode()

    def predict(self, x: list[dict]) -> list[str]:
        return [self._answer] * len(x)


class Frames(LitAPI):
    def setup(self, device: str) -> None:
        # Here, so that replicas of the null model are without what it needs.
        from frame_job import FrameJob

        self._job = FrameJob()

    def predict(self, x: dict) -> int:
        return self._job(x["frame"])


def main(workload: str, port: str) -> None:
    # One at a time for frames: one replica that takes all that waits leaves the other core idle.
    api = Null(max_batch_size=8, batch_timeout=0.001) if workload == "null" else Frames()
    # Its quick queue, ZeroMQ, is what it recommends above 100 requests/s.
    server = LitServer(
        api, accelerator="cpu", workers_per_device=2, fast_queue=True, disable_openapi_url=True
    )
    server.run(
        host="127.0.0.1",
        port=int(port),
        generate_client_file=False,
        log_level="error",
        # What uvicorn is fastest with.
        access_log=False,
        loop="uvloop",
        http="httptools",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
