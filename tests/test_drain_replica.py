"""DrainReplica: one replica goes and another takes its place, and no request notices."""

import grpc
import pytest

import api
from gateway import Gateway
from policies import policy, simulated
from waiting import wait_until


def drain(gateway: Gateway, replica: str) -> object:
    """What the gateway answers."""
    return gateway.operator.DrainReplica(api.operator.DrainReplicaRequest(replica=replica), timeout=10)


def ids(gateway: Gateway) -> list[str]:
    """The replicas that take entries."""
    replicas = gateway.pool("m").replicas
    return [replica.id for replica in replicas if replica.state == api.operator.REPLICA_STATE_RUNNING]


def test_replicas_are_replaced_one_by_one_under_load(start_gateway) -> None:
    model = simulated("20ms", max_batch_size=2, batch_wait_timeout="0s", replicas=2)
    gateway = start_gateway(policy(models={"m": model}))
    first = ids(gateway)
    calls = [gateway.start_predict("any") for _ in range(200)]
    for replica in first:
        answer = drain(gateway, replica)
        assert (answer.id, answer.state) == (replica, api.operator.REPLICA_STATE_DRAINING)
        wait_until(f"another than {replica}", lambda: len(ids(gateway)) == 2 and replica not in ids(gateway))
    results = [call.result().results[0] for call in calls]
    assert {result.WhichOneof("outcome") for result in results} == {"classification"}
    assert not set(first) & set(ids(gateway))
    assert gateway.predict("any").results[0].replica in ids(gateway)


@pytest.mark.parametrize("name", ["", "m-77", "m"])
def test_an_unknown_replica_is_refused(start_gateway, name: str) -> None:
    gateway = start_gateway(policy(models={"m": simulated("1ms")}))
    with pytest.raises(grpc.RpcError) as refused:
        drain(gateway, name)
    refusal = api.refusal(refused.value)
    assert (refusal.code, refusal.reason) == ("NOT_FOUND", "UNKNOWN_REPLICA")
    assert len(ids(gateway)) == 1
