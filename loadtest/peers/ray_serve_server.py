"""Ray Serve: gRPC through HAProxy, each replica an actor. usage: ray_serve_server.py null|frames PORT"""

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path

import grpc
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from null_job import NULL_ANSWER


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


# HAProxy before replicas that answer themselves is five times as fast as Ray's own proxy, which is Python.
# It must be said before Ray is imported. The folder's name is short, since sockets' paths have a limit.
HAPROXY = Path(tempfile.gettempdir()) / "ha"
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
    "RAY_SERVE_HAPROXY_NBTHREAD": "1",
    "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(HAPROXY / "haproxy.cfg"),
    "RAY_SERVE_HAPROXY_SOCKET_PATH": str(HAPROXY / "admin.sock"),
    "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(HAPROXY / "metrics.sock"),
    "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(HAPROXY),
    "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(HAPROXY / "server-state"),
    "RAY_SERVE_HAPROXY_METRICS_PORT": free_port(),
    "RAY_SERVE_HAPROXY_STATS_PORT": free_port(),
    "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": free_port(),
    "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": free_port(),
}

import ray  # noqa: E402
from ray import serve  # noqa: E402

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


@serve.deployment(num_replicas=2, max_ongoing_requests=64)
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
        # HTTP is not asked for, but it cannot do without a port of it.
        http = {"port": int(free_port())}
        serve.start(grpc_options=options, http_options=http, logging_config={"enable_access_log": False})
        serve.run((Null if workload == "null" else Frames).bind(), route_prefix="/")
        signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
