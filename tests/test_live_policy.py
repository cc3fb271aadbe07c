"""A policy that changes while the gateway serves: by its file, by a signal and by calls."""

import json
import shutil
import signal
from pathlib import Path

import api
import live
import samples
from broker import Broker
from conftest import StartGateway
from gateway import Gateway, run
from live import Load
from places import MODELS
from policies import GROUP, ingest, onnx, policy, simulated
from probe import check
from results import all_ids, read_lines
from waiting import wait_until


def wait_generation(gateway: Gateway, generation: int) -> object:
    """The policy in force, once it is the wanted one."""

    def reached() -> object | None:
        policy = live.running(gateway)
        return policy if policy.generation == generation else None

    return wait_until(f"generation {generation}", reached)


def of(**models: dict) -> dict:
    """A policy of these models."""
    return policy(models=models)


# By its file


def test_models_come_and_go_with_the_file(start_gateway: StartGateway) -> None:
    gateway = start_gateway(of(stays=simulated("1ms"), goes=simulated("1ms")))
    with Load(gateway, models=("stays",)) as load, Load(gateway) as all_models:
        live.write(gateway, of(stays=simulated("1ms", max_batch_size=3), comes=simulated("1ms")))
        policy = wait_generation(gateway, 2)
    assert (live.source(policy), policy.kept, policy.HasField("last_refused")) == ("FILE", 1, False)
    assert not load.failures and not all_models.failures
    assert [check(gateway, name) for name in ("stays", "comes", "goes")] == [
        "SERVING",
        "SERVING",
        "NOT_FOUND",
    ]
    assert gateway.pool("stays").batch_limits.max_batch_size == 3
    assert gateway.refused("any", models=("goes",)).reason == "UNKNOWN_MODEL"
    assert gateway.metric("framegate_policy_changes_total", source="file", result="applied") == 1
    assert gateway.metric("framegate_policy_generation") == 2
    wait_until("no replica of the one that has gone", lambda: replicas(gateway, "goes") == 0)


def replicas(gateway: Gateway, model: str) -> float:
    """How many replicas the metrics show."""
    return gateway.metric("framegate_replicas", model=model, state="running")


def test_a_folder_that_is_led_elsewhere_is_noticed(start_gateway: StartGateway, tmp_path: Path) -> None:
    """As Kubernetes does it with a ConfigMap: the folder behind a symlink behind the file's symlink changes."""
    folder = tmp_path / "gateway_1"
    (folder / "first").mkdir(parents=True)
    (folder / "..data").symlink_to("first")
    (folder / "policy.yaml").symlink_to("..data/policy.yaml")
    gateway = start_gateway(of(m=simulated("1ms")))
    (folder / "second").mkdir()
    (folder / "second" / "policy.yaml").write_text(live.text(of(m=simulated("2ms"))))
    (folder / "..new").symlink_to("second")
    (folder / "..new").replace(folder / "..data")
    shutil.rmtree(folder / "first")
    assert live.source(wait_generation(gateway, 2)) == "FILE"


def test_a_file_that_is_refused_leaves_the_policy_in_force(start_gateway: StartGateway) -> None:
    gateway = start_gateway(of(m=simulated("1ms")))
    with Load(gateway, models=("m",)) as load:
        live.write(gateway, of(m=simulated("1ms", max_batch_sise=3)))
        refused = wait_until("a refusal", lambda: refusal(gateway))
    assert live.source(refused) == "FILE"
    (problem,) = refused.problems
    assert (problem.key, problem.line) == ("models.m", 19)
    assert problem.reason.startswith("unknown key `max_batch_sise`; did you mean `max_batch_size`")
    assert (live.running(gateway).generation, load.failures) == (1, {})
    assert gateway.metric("framegate_policy_changes_total", source="file", result="refused") == 1
    live.write(gateway, of(m=simulated("1ms", max_batch_size=3)))
    assert not wait_generation(gateway, 2).HasField("last_refused")


def refusal(gateway: Gateway) -> object | None:
    """What was refused last."""
    policy = live.running(gateway)
    return policy.last_refused if policy.HasField("last_refused") else None


# By a signal


def test_a_new_version_is_served_after_a_hangup(
    start_gateway: StartGateway, bucket: Path, tmp_path: Path
) -> None:
    """It warms up before the old one drains: not one call fails."""
    (bucket / "good.jpg").write_bytes(samples.jpeg(samples.street(640, 480)))
    folder = tmp_path / "detector"
    add_version(folder, 9)
    model = onnx("nanodet", max_batch_size=4) | {"artifact": str(folder)}
    gateway = start_gateway(policy(bucket, {"m": model}, limits={"replica_threads": 1}))
    assert gateway.pool("m").version == "9"
    before = {replica.id for replica in gateway.pool("m").replicas}
    with Load(gateway, models=("m",), uri="frames:good.jpg") as load:
        wait_until("answers", lambda: load.answers > 10)
        add_version(folder, 10)
        (folder / "11").mkdir()  # not whole yet
        gateway.process.send_signal(signal.SIGHUP)
        assert live.source(wait_generation(gateway, 2)) == "SIGNAL"
        assert gateway.pool("m").version == "10"
        more = load.answers + 10
        wait_until("further answers", lambda: load.answers > more)
    assert not load.failures
    assert set(load.versions) == {"9", "10"}
    assert load.versions[0] == "9" and load.versions[-1] == "10"
    assert not before & {replica.id for replica in gateway.pool("m").replicas}
    gateway.process.send_signal(signal.SIGHUP)
    unchanged = {"source": "signal", "result": "unchanged"}
    wait_until("no change", lambda: gateway.metric("framegate_policy_changes_total", **unchanged) == 1)
    rolled_back = run("rollback", "--addr", gateway.grpc_address)
    assert rolled_back.returncode == 0, rolled_back.stderr
    assert gateway.pool("m").version == "9", "as it ran, though the folder has a higher version"


def add_version(folder: Path, number: int) -> None:
    """A further version of the detector."""
    shutil.copytree(MODELS / "nanodet", folder / str(number), copy_function=shutil.copyfile)


# By calls


def test_what_would_change_is_shown_and_then_applied(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway(of(m=simulated("1ms"), old=simulated("1ms")))
    file = tmp_path / "next.yaml"
    file.write_text(live.text(of(m=simulated("2ms", max_queued_requests=99), new=simulated("1ms"))))
    expected = [
        "~ models.m.simulated.base: 1ms → 2ms: new replicas start, then the old ones finish and go",
        "~ models.m.max_queued_requests: 1024 → 99: applied in place",
        "~ models.m.ingest_share: 512 requests → 49 requests: applied in place",
        "+ models.new: simulated: its replicas start",
        "- models.old: simulated: its replicas finish what waits and go",
    ]
    checked = run("check", str(file), "--against", gateway.grpc_address)
    valid = "valid: 5 differences from generation 1"
    assert (checked.returncode, checked.stdout.splitlines()) == (0, [*expected, valid]), checked.stderr
    assert live.running(gateway).generation == 1
    applied = run("apply", str(file), "--addr", gateway.grpc_address)
    lines = applied.stdout.splitlines()
    assert (applied.returncode, lines[:6]) == (0, [*expected, "applied: 5 differences, now generation 2"])
    assert lines[6].startswith("the policy file is not written"), lines
    assert live.source(live.running(gateway)) == "CALL"
    again = run("check", str(file), "--against", gateway.grpc_address)
    assert again.stdout == "no difference from generation 2, which is in force\n"
    back = run("rollback", "--addr", gateway.grpc_address)
    assert back.returncode == 0 and "now generation 3" in back.stdout, back.stdout
    assert live.source(live.running(gateway)) == "ROLLBACK"
    assert [pool.model for pool in pools(gateway)] == ["m", "old"]
    refused = run("rollback", "--addr", gateway.grpc_address)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("the policy before: no policy was in force before this one\n")


def pools(gateway: Gateway) -> list:
    """All pools."""
    return list(gateway.operator.ListPools(api.operator.ListPoolsRequest(), timeout=10).pools)


def test_what_cannot_be_changed_is_refused_with_its_place(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    gateway = start_gateway(of(m=simulated("1ms")))
    file = tmp_path / "next.yaml"
    text = live.text(of(m=simulated("9ms"))).replace('"grpc": "127.0.0.1:0"', '"grpc": "127.0.0.1:1"')
    file.write_text(text)
    for command in (("check", str(file), "--against"), ("apply", str(file), "--addr")):
        refused = run(*command, gateway.grpc_address)
        assert refused.returncode == 2
        first, last = refused.stderr.splitlines()
        reason = "cannot be changed while the gateway runs; restart it, or leave it at `127.0.0.1:0`"
        assert first == f"{file}:3:13: server.grpc: {reason}"
        assert last == "refused; generation 1 stays in force"
    missing = run("apply", str(file), "--addr", "127.0.0.1:1")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_a_model_that_cannot_be_loaded_is_refused(start_gateway: StartGateway, tmp_path: Path) -> None:
    """Nothing of the policy is applied, and nothing of it is left."""
    gateway = start_gateway(of(m=simulated("1ms")))
    broken = onnx("nanodet") | {"artifact": str(tmp_path / "nothing")}
    torn = tmp_path / "torn"
    shutil.copytree(MODELS / "nanodet", torn, copy_function=shutil.copyfile)
    (torn / "model.onnx").write_bytes(b"no model")
    damaged = onnx("nanodet") | {"artifact": str(torn)}
    cannot = [broken, broken | {"autoscaling": {"min_replicas": 0, "max_replicas": 1}}, damaged]
    assert live.apply(gateway, of(m=simulated("9ms"), broken=damaged)).problems  # ONNX Runtime stays loaded
    with Load(gateway, models=("m",)) as load:
        before = live.Footprint.of(gateway)
        for model in cannot:
            answer = live.apply(gateway, of(m=simulated("9ms"), broken=model))
            (problem,) = answer.problems
            assert (problem.key, answer.generation) == ("models.broken", 1)
            assert problem.reason.startswith("no replica can be had: "), problem.reason
    assert not load.failures
    assert [pool.model for pool in pools(gateway)] == ["m"]
    left = live.settled(lambda: live.Footprint.of(gateway).more_than(before))
    assert not left


def test_a_pool_that_drains_serves_what_waits(start_gateway: StartGateway) -> None:
    """Calls that wait in the queue of a model that goes, or gets other replicas, are all answered."""
    slow = simulated("300ms", max_batch_size=1, batch_wait_timeout="0s")
    gateway = start_gateway(of(changed=slow, gone=slow))
    calls = [gateway.start_predict("any", models=[name]) for name in ("changed", "gone") for _ in range(10)]
    wait_until("all wait", lambda: sum(gateway.pool(name).ongoing for name in ("changed", "gone")) >= 12)
    faster = simulated("1ms")
    assert not live.apply(gateway, of(changed=faster)).problems
    assert gateway.predict("any", models=("changed",)).results[0].batch_size == 1
    for call in calls:
        assert call.result().results[0].HasField("classification")


def test_capacity_and_numbers_go_on(start_gateway: StartGateway) -> None:
    """A pool with other replicas starts with as many as were running, under names of their own."""
    scaling = {"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 1, "downscale_delay": "60s"}
    model = {**simulated("20ms", max_batch_size=1), "autoscaling": scaling}
    gateway = start_gateway(of(m=model))
    with Load(gateway, callers=6, models=("m",)) as load:
        gateway.wait_pool("m", desired_replicas=4)
        wait_until("four run", lambda: replicas(gateway, "m") == 4)
        old = {replica.id for replica in gateway.pool("m").replicas}
        answered = gateway.pool("m").counters.results
        faster = {**simulated("10ms", max_batch_size=1), "autoscaling": scaling}
        assert not live.apply(gateway, of(m=faster)).problems
        pool = gateway.pool("m")
    assert not load.failures
    assert len(pool.replicas) == 4 and not old & {replica.id for replica in pool.replicas}
    assert pool.counters.results >= answered and pool.counters.batches > 0


# Ingest and sinks


def test_ingests_and_sinks_change_and_no_record_is_lost(
    start_gateway: StartGateway, broker: Broker, bucket: Path, tmp_path: Path
) -> None:
    keys = samples.write_numbered(bucket, 10, 320, 240, "jpg")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    models = {"m": simulated("2ms", fetch=True)}

    def fed(sinks: list[Path], models: dict = models, **fields: object) -> dict:
        rule = ingest(broker.address, ["m"], **fields)
        files = [{"jsonl": {"path": str(path)}} for path in sinks]
        return policy(bucket, models, ingest=[rule], sinks=files)

    def send(count: int) -> None:
        for number in range(count):
            value = {"uri": f"frames:{keys[number % 10]}", "camera_id": f"camera_{number % 3}"}
            broker.send("camera_1", json.dumps(value).encode())
        broker.flush()

    def results() -> list[str]:
        return [name for path in (first, second) for name in read_lines(path).ids().elements()]

    broker.create("camera_1")
    gateway = start_gateway(fed([first]))
    send(100)
    wait_until("first results", lambda: len(results()) > 10)
    steps = [
        fed([second]),  # another sink under an ingest that goes on
        fed([second], {"m": simulated("3ms", fetch=True)}),  # and other replicas
        fed([second], max_in_flight=64),  # an ingest that starts again
        fed([first, second], max_in_flight=64, retries={"attempts": 2}),  # both at once
        policy(bucket, models),  # none at all
        fed([second]),  # and again
    ]
    for generation, step in enumerate(steps, start=2):
        send(40)
        answer = live.apply(gateway, step)
        assert (list(answer.problems), answer.generation) == ([], generation)
        send(40)
    expected = all_ids(broker.acknowledged, ["m"])
    wait_until("all results", lambda: expected <= set(results()), timeout=60)
    both = set(read_lines(first).ids()) & set(read_lines(second).ids())
    assert len(results()) - len(both) == len(expected), (
        "none comes twice in a file, or in one after the other"
    )
    committed = lambda: broker.committed(GROUP, {"camera_1"}) == broker.ends()  # noqa: E731
    wait_until("all is committed", committed)
    assert gateway.stop() == 0


def test_a_sink_that_cannot_be_opened_is_refused(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway(of(m=simulated("1ms")))
    sinks = [{"jsonl": {"path": "/dev/null/results.jsonl"}}]
    answer = live.apply(gateway, policy(models={"m": simulated("9ms")}, sinks=sinks))
    (problem,) = answer.problems
    assert problem.key == "sinks" and "/dev/null/results.jsonl" in problem.reason
    assert gateway.pool("m").counters.results == 0 and live.running(gateway).generation == 1
