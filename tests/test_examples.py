"""What examples/ shows works: the Python client and its README, grpcurl lines, a Kafka producer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import samples
from broker import Broker
from client_package import ClientPackage, readme_snippet
from gateway import Gateway
from places import DEPS, FRAMES, ROOT
from policies import ingest, onnx, policy, simulated
from results import read_lines
from waiting import wait_until

REFERENCE = "frames:cam1/000123.jpg"
BEGIN = """
import framegate
from pathlib import Path
client = framegate.Client("127.0.0.1:9000", timeout=20)
"""


@pytest.fixture(scope="module")
def gateway(start_shared_gateway, tmp_path_factory: pytest.TempPathFactory) -> Gateway:
    """The detector over a street with people, and a slow device with a short queue."""
    bucket: Path = tmp_path_factory.mktemp("examples")
    (bucket / "cam1").mkdir()
    (bucket / "cam1" / "000123.jpg").write_bytes(samples.jpeg(samples.reference("vtest_050.png")))
    slow = simulated("300ms", max_batch_size=1, max_queued_requests=1)
    return start_shared_gateway(policy(bucket, {"detector": onnx("nanodet"), "slow": slow}))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> ClientPackage:
    """The Python client as its users install it."""
    return ClientPackage(tmp_path_factory.mktemp("client"))


def test_readme_one_frame(client: ClientPackage, gateway: Gateway) -> None:
    found = client.run(readme_snippet("One frame"), gateway.grpc_address).splitlines()
    people = [line for line in found if line.startswith("person 0.") and "Box(x_min=" in line]
    assert len(people) >= 3, found


def test_readme_errors(client: ClientPackage, gateway: Gateway) -> None:
    assert client.run(readme_snippet("Errors"), gateway.grpc_address) == "NOT_FOUND OBJECT_NOT_FOUND None\n"


def test_readme_many_frames(client: ClientPackage, gateway: Gateway) -> None:
    lines = client.run(readme_snippet("Many frames"), gateway.grpc_address).splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(20))
    assert all(int(line.split()[1]) >= 3 for line in lines), lines


def test_readme_what_is_served(client: ClientPackage, gateway: Gateway) -> None:
    lines = client.run(readme_snippet("What is served"), gateway.grpc_address).splitlines()
    assert [line.split()[0] for line in lines] == ["detector", "slow"]
    assert all(line.endswith("0 ['RUNNING']") for line in lines), lines


def test_a_path_bytes_and_a_reference_are_the_same_frame(client: ClientPackage, gateway: Gateway) -> None:
    path = str(FRAMES / "vtest_050.png")
    script = f"""{BEGIN}
path = Path({path!r})
region = framegate.Region(0, 0, 768, 576)
asked = [
    client.predict(path, models=["detector"]),
    client.predict(data=path.read_bytes(), models=["detector"], camera_id="1", sequence=0, priority=9),
    client.predict(framegate.Frame(path, region=region), models=["detector"], request_id="7"),
]
assert asked[0]["detector"].detections == asked[1]["detector"].detections == asked[2]["detector"].detections
assert asked[0].timings["execute"].total_seconds() > 0 and asked[2].request_id == "7"
result = asked[0].results[0]
print(result.model, len(result.detections), result.batch_size, result.error, result.classes)
"""
    model, count, batch, error, classes = client.run(script, gateway.grpc_address).split()
    assert (model, int(batch), error, classes) == ("detector", 1, "None", "()")
    assert int(count) >= 3


def test_one_name_is_no_list_of_models(client: ClientPackage, gateway: Gateway) -> None:
    script = f"""{BEGIN}
try:
    client.predict("frames:cam1/000123.jpg", models="detector")
except TypeError as error:
    print(error)
"""
    assert client.run(script, gateway.grpc_address) == "`models` is a list of names; write ['detector']\n"


def test_errors_carry_reason_and_retry(client: ClientPackage, gateway: Gateway) -> None:
    script = f"""{BEGIN}
from concurrent.futures import ThreadPoolExecutor
def ask(**options):
    try:
        client.predict("{REFERENCE}", **options)
    except framegate.Error as error:
        return error
with ThreadPoolExecutor(8) as threads:
    errors = list(threads.map(lambda _: ask(models=["slow"]), range(8)))
full = next(error for error in errors if error)
print(full.code, full.reason, full.retry_after > 0, full.message != "")
late = ask(models=["slow"], timeout=0.05)
print(late.code)
mixed = client.predict("{REFERENCE}", models=["detector", "unknown"])
try:
    mixed["unknown"]
except framegate.Error as error:
    print(len(mixed["detector"].detections) > 0, error.code, error.reason)
"""
    assert client.run(script, gateway.grpc_address).splitlines() == [
        "RESOURCE_EXHAUSTED QUEUE_FULL True True",
        "DEADLINE_EXCEEDED",
        "True NOT_FOUND UNKNOWN_MODEL",
    ]


def test_a_stream_is_bounded_and_outlives_bad_frames(client: ClientPackage, gateway: Gateway) -> None:
    script = f"""{BEGIN}
taken = []
def frames():
    for number in range(12):
        taken.append(number)
        yield "{REFERENCE}" if number % 4 else "frames:missing.jpg"
answers = client.stream(frames(), models=["detector"], in_flight=3)
ahead = 0
reasons = []
for number, answer in enumerate(answers):
    ahead = max(ahead, len(taken) - number)
    error = answer.error or answer.results[0].error
    reasons.append(error.reason if error else "")
print(ahead <= 4, reasons == ["" if number % 4 else "OBJECT_NOT_FOUND" for number in range(12)])
def broken():
    yield "{REFERENCE}"
    raise ValueError("no more frames")
try:
    print(len(list(client.stream(broken(), models=["detector"]))))
except ValueError as error:
    print(error)
answers = client.stream(("{REFERENCE}" for _ in iter(int, 1)), models=["detector"])
print(next(answers).error)
answers.close()
client.close()
"""
    wanted = ["True True", "no more frames", "None"]
    assert client.run(script, gateway.grpc_address).splitlines() == wanted


GRPCURL = {
    "services": "framegate.v1.FrameService",
    "describe": "repeated string models = 3;",
    "predict": '"label": "person"',
    "stream": '"requestId": "2"',
    "pools": '"model": "slow"',
    "pool": '"model": "detector"',
    "health": '"status": "SERVING"',
    "model-health": '"status": "SERVING"',
}


@pytest.fixture(scope="module")
def grpcurl() -> Path:
    """The script, if grpcurl could be built; CI always has it."""
    if not (DEPS / "bin" / "grpcurl").exists():
        message = "NOT TESTED: grpcurl is missing; install Go and run scripts/setup grpcurl"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return ROOT / "examples" / "grpcurl.sh"


@pytest.mark.doors(3)
@pytest.mark.parametrize("line", GRPCURL)
def test_grpcurl(grpcurl: Path, gateway: Gateway, line: str) -> None:
    command = [str(grpcurl), gateway.grpc_address, REFERENCE, "detector", line]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert GRPCURL[line] in done.stdout
    assert done.stderr.strip().startswith("$ 'grpcurl'")


@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_the_kafka_producer_feeds_a_gateway(
    start_gateway, broker: Broker, bucket: Path, tmp_path: Path, options: list[str]
) -> None:
    samples.write_numbered(bucket, 10, 320, 240, "jpg")
    results = tmp_path / "results.jsonl"
    command = [sys.executable, "examples/kafka_producer.py", broker.address, str(bucket), "--cameras", "2"]
    done = subprocess.run(
        [*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "10 records sent, 10 acknowledged\n"), done.stderr
    rule = ingest(broker.address, ["m"])
    models = {"m": simulated("1ms", fetch=True)}
    gateway = start_gateway(policy(bucket, models, ingest=[rule], sinks=[{"jsonl": {"path": str(results)}}]))
    wait_until("all results", lambda: len(read_lines(results).records) == 10)
    cameras = sorted((record["camera_id"], record["uri"]) for record in read_lines(results).records)
    wanted = sorted((str(number % 2 + 1), f"frames:{number:04}.jpg") for number in range(10))
    assert cameras == wanted
    assert not any("error" in record for record in read_lines(results).records)
    assert gateway.stop() == 0
