"""What the gateway's doors say besides results: health, reflection, pools, probes and metrics."""

from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

import api
import samples
from gateway import Gateway
from policies import policy, simulated

SERVICE = "framegate.v1.FrameService"
STAGES = {"queue", "fetch", "decode", "prepare", "batch_wait", "execute"}


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """Two simulated models over one frame."""
    bucket: Path = tmp_path_factory.mktemp("doors")
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    models = {"a": simulated("2ms", fetch=True), "b": simulated("2ms")}
    return start_shared_gateway(policy(bucket, models))


def test_health(gateway: Gateway) -> None:
    stub = health_pb2_grpc.HealthStub(gateway.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_probes(gateway: Gateway) -> None:
    assert gateway.get("/healthz")[0] == 200
    assert gateway.get("/readyz")[0] == 200
    assert gateway.get("/none")[0] == 404


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_a_client_can_call_with_reflection_alone(gateway: Gateway, version: str) -> None:
    """Old and new clients ask for another version of the same protocol."""
    reflection = Reflection(gateway.channel, version)
    assert {SERVICE, "framegate.v1.OperatorService", "grpc.health.v1.Health"} <= reflection.services()
    method = reflection.pool_of(SERVICE).FindMethodByName(f"{SERVICE}.Predict")
    request_type, answer_type = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
    call = gateway.channel.unary_unary(
        f"/{SERVICE}/Predict",
        request_serializer=request_type.SerializeToString,
        response_deserializer=answer_type.FromString,
    )
    answer = call(request_type(frame={"uri": "frames:good.jpg"}, models=["a"]), timeout=10)
    assert answer.results[0].classification.classes[0].label == "simulated"


def test_pools(gateway: Gateway) -> None:
    pools = gateway.operator.ListPools(api.operator.ListPoolsRequest(), timeout=10).pools
    assert [pool.model for pool in pools] == ["a", "b"]
    for pool in pools:
        assert (pool.queued, pool.ongoing, pool.desired_replicas) == (0, 0, 1)
        [replica] = pool.replicas
        assert replica.state == api.operator.REPLICA_STATE_RUNNING
        assert replica.placement == api.operator.PLACEMENT_THREAD
    with pytest.raises(grpc.RpcError) as raised:
        gateway.pool("unknown")
    refusal = api.refusal(raised.value)
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "UNKNOWN_MODEL")


def test_an_answer_says_who_made_it_and_how_long_it_took(gateway: Gateway) -> None:
    answer = gateway.predict("frames:good.jpg", request_id="7", models=("b", "a"), priority=9)
    assert answer.request_id == "7"
    assert [result.model for result in answer.results] == ["b", "a"]
    assert all(
        result.replica and result.version == "simulated" and result.batch_size >= 1
        for result in answer.results
    )
    assert answer.timings.execute.ToTimedelta().total_seconds() >= 0.002
    assert answer.timings.decode.ToTimedelta().total_seconds() > 0
    assert [result.model for result in gateway.predict("frames:good.jpg").results] == ["a", "b"]


def test_metrics_have_a_histogram_for_each_stage(gateway: Gateway) -> None:
    gateway.predict("frames:good.jpg", models=("a",))
    metrics = gateway.metrics()
    counts = {
        name for name, value in metrics.items() if "_count{" in name and 'model="a"' in name and value > 0
    }
    assert {stage for stage in STAGES if any(f'stage="{stage}"' in name for name in counts)} == STAGES
    _, text = gateway.get("/metrics")
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
    described = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP ")}
    assert names
    assert names <= described


class Reflection:
    """A client that knows nothing but the reflection protocol."""

    def __init__(self, channel: grpc.Channel, version: str) -> None:
        self._ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )

    def services(self) -> set[str]:
        answer = self._asked(list_services="")
        return {service.name for service in answer.list_services_response.service}

    def pool_of(self, symbol: str) -> DescriptorPool:
        """The types of a service, with those that they need."""
        pool, added = DescriptorPool(), set()
        first = self._files(file_containing_symbol=symbol)
        self._add(pool, first, added)
        return pool

    def _add(self, pool: DescriptorPool, files: list[FileDescriptorProto], added: set[str]) -> None:
        for file in files:
            if file.name in added:
                continue
            added.add(file.name)
            for needed in file.dependency:
                self._add(pool, self._files(file_by_filename=needed), added)
            pool.Add(file)

    def _files(self, **question: str) -> list[FileDescriptorProto]:
        answer = self._asked(**question).file_descriptor_response
        return [FileDescriptorProto.FromString(data) for data in answer.file_descriptor_proto]

    def _asked(self, **question: str) -> object:
        request = reflection_pb2.ServerReflectionRequest(**question)
        return next(iter(self._ask(iter([request]), timeout=10)))
