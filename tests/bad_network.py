"""Apache Kafka behind Toxiproxy: gateways reach it through the proxy, the test itself directly."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kafka_server import KafkaServer
from toxiproxy import Toxiproxy


@dataclass(frozen=True)
class BadNetwork:
    """A broker with two addresses."""

    direct: str
    proxied: str
    proxy: Toxiproxy


@contextlib.contextmanager
def bad_network(folder: Path) -> Iterator[BadNetwork]:
    """Runs both. Whoever asks at one of the addresses is sent to the same one again."""
    api, proxied, behind, direct, controller = (f"{port}" for port in free_ports(5))
    properties = {
        "listeners": f"PLAINTEXT://127.0.0.1:{behind},DIRECT://127.0.0.1:{direct},CONTROLLER://127.0.0.1:{controller}",
        "advertised_listeners": f"PLAINTEXT://127.0.0.1:{proxied},DIRECT://127.0.0.1:{direct}",
        "listener_security_protocol_map": "PLAINTEXT:PLAINTEXT,DIRECT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter_broker_listener_name": "DIRECT",
        "controller_quorum_voters": f"1@127.0.0.1:{controller}",
    }
    with (
        KafkaServer(folder / "kafka", **properties) as server,
        Toxiproxy(folder, int(api), int(proxied), int(behind)) as proxy,
    ):
        yield BadNetwork(f"127.0.0.1:{direct}", server.address, proxy)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
