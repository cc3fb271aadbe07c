"""Ray Serve: gRPC by its proxy, each replica an actor. usage: ray_serve_server.py null|frames PORT"""

import os
import signal
import sys
import tempfile

import grpc
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from null_job import NULL_ANSWER

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_SERVE_LOG_TO_STDERR": "0"}

import ray
from ray import serve

SERVICE = "framegate.peers.Ray"


def add_servicer(_: object, server: grpc.Server) -> None:
    """The service, as generated code would add it. Only names count: Ray puts its own handlers in place."""
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(None, request_deserializer=StringValue.FromString)
        for name in ("Null", "Frames")
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


@serve.deployment(num_replicas=2, max_ongoing_requests=64)
class Null:
    def __init__(self) -> None:
        self._answer = StringValue(value=NULL_ANSWER.decode())

    async def Null(self, request: StringValue) -> StringValue:
        return await self._batch(request)

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.001)
    async def _batch(self, requests: list[StringValue]) -> list[StringValue]:
        return [self._answer] * len(requests)


# Two at a time: while one is computed, the next is on its way.
@serve.deployment(num_replicas=2, max_ongoing_requests=2)
class Frames:
    def __init__(self) -> None:
        # Here, so that replicas of the null model are without what it needs.
        from frame_job import FrameJob

        self._job = FrameJob()

    def Frames(self, request: StringValue) -> Int32Value:
        return Int32Value(value=self._job(request.value))


def main(workload: str, port: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Two CPUs for the replicas; its proxy and controller ask for none.
        ray.init(
            _node_ip_address="127.0.0.1",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            _temp_dir=folder,
        )
        options = {"port": int(port), "grpc_servicer_functions": ["ray_serve_server:add_servicer"]}
        # HTTP is not asked for, but its proxy cannot do without a port of it.
        serve.start(
            grpc_options=options, http_options={"port": 0}, logging_config={"enable_access_log": False}
        )
        serve.run((Null if workload == "null" else Frames).bind(), route_prefix="/")
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
