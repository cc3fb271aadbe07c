"""Brokers that want TLS, a password or a token: every client gets in, and says why where it cannot."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import gateway
import samples
from broker import Broker
from conftest import StartGateway
from gateway import Gateway
from places import binary
from policies import policy, simulated
from results import read_lines
from secured_kafka import CLIENT_SECRET, KEY_PASSWORD, PASSWORD, SecuredKafka, secured_kafka
from waiting import wait_until

MODEL = "null"
TROUBLE = "kafka in trouble, librdkafka keeps trying"


@pytest.fixture(scope="module")
def secured(apache_kafka: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """One broker for all of them."""
    with secured_kafka(tmp_path_factory.mktemp("secured")) as kafka:
        yield kafka


@dataclass(frozen=True)
class Way:
    """A way to reach the brokers."""

    name: str
    brokers: str
    security: dict


def ways(kafka: SecuredKafka) -> list[Way]:
    """All that there are."""
    tls = {"ca": str(kafka.authority)}
    own = {
        "certificate": str(kafka.client),
        "key": str(kafka.client),
        "key_password": kafka.secret(KEY_PASSWORD),
    }
    sasl = {
        "plain": kafka.login("PLAIN"),
        "scram_256": kafka.login("SCRAM-SHA-256"),
        "scram_512": kafka.login("SCRAM-SHA-512"),
        "token": kafka.bearer(),
    }
    return [
        Way("tls", kafka.tls, {"tls": tls}),
        Way("mutual", kafka.mutual, {"tls": {**tls, **own}}),
        *[Way(name, kafka.sasl, {"tls": tls, "sasl": login}) for name, login in sasl.items()],
        Way("clear", kafka.clear, {"sasl": kafka.login("SCRAM-SHA-512")}),
    ]


def rule(way: Way, **fields: object) -> dict:
    """An ingest of the topic of that name."""
    kafka = {"brokers": way.brokers, "topics": way.name, "group": way.name, "security": way.security}
    return {"kafka": kafka, "session_timeout": "6s", **fields}


def served(rules: list[dict], sinks: list[dict]) -> dict:
    """A policy of these."""
    return policy(models={MODEL: simulated("0ms")}, ingest=rules, sinks=sinks)


def test_records_go_in_and_results_and_dead_letters_come_out(
    secured: SecuredKafka, start_gateway: StartGateway
) -> None:
    broker = Broker(secured.plain)
    rules, sinks = [], []
    secured.create([f"{way.name}-{kind}" for way in ways(secured) for kind in ("results", "dead")])
    for way in ways(secured):
        broker.send(way.name, b"frames:any", partition=0)
        broker.send(way.name, b'{"uri": 1.5}', partition=0)
        rules.append(rule(way, dead_letter={"topic": f"{way.name}-dead"}))
        results = {"brokers": way.brokers, "topic": f"{way.name}-results", "security": way.security}
        sinks.append({"kafka": {**results, "compression": "zstd"}})
    broker.flush()
    started = start_gateway(served(rules, sinks))

    good = {place.id(MODEL).encode() for place in broker.acknowledged if place.offset == 0}
    for way in ways(secured):
        results = wait_until(
            f"all results by {way.name}",
            lambda topic=f"{way.name}-results": len(found := broker.read_all(topic)) == len(good) and found,
        )
        assert {dict(record.headers())["id"] for record in results} == good
        letters = wait_until(
            f"the dead letter by {way.name}", lambda topic=f"{way.name}-dead": broker.read_all(topic)
        )
        assert [letter.value() for letter in letters] == [b'{"uri": 1.5}']
    assert secured.tokens.given >= 3, "consumer, dead letters and sink have each their token"
    assert troubles(started) == []
    assert_no_secret(started.log_path.read_text())


def test_a_wrong_password_is_told_once_and_works_once_it_is_right(
    secured: SecuredKafka, start_gateway: StartGateway, tmp_path: Path
) -> None:
    user, later = "late", "changed-on-the-broker"
    secured.set_password(user, "another")
    login = secured.login("SCRAM-SHA-512", later, user)
    way = Way("password", secured.sasl, {"tls": {"ca": str(secured.authority)}, "sasl": login})
    results, started = assert_told(
        way, "Authentication", "invalid credentials", start_gateway, tmp_path, secured
    )
    secured.set_password(user, later)
    wait_until("the result", lambda: read_lines(results).records)
    assert any(line["message"] == "kafka works again" for line in started.log())
    assert later not in started.log_path.read_text()


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("authority", "SSL", "certificate verify failed"),
        ("hostname", "SSL", "certificate verify failed"),
        ("anonymous", "BrokerTransportFailure", "alert bad certificate"),
        ("client_secret", "Authentication", "invalid_client"),
    ],
)
def test_what_is_wrong_is_named_and_mended(
    name: str,
    code: str,
    reason: str,
    secured: SecuredKafka,
    start_gateway: StartGateway,
    tmp_path: Path,
) -> None:
    wrong, right = faults(secured)[name]
    results, started = assert_told(wrong, code, reason, start_gateway, tmp_path, secured)
    started.stop()
    start_gateway(served([rule(right)], [{"jsonl": {"path": str(results)}}]))
    wait_until("the result", lambda: read_lines(results).records)


def faults(kafka: SecuredKafka) -> dict[str, tuple[Way, Way]]:
    """What is wrong, and how it is right, by the name of its topic."""
    tls, port = {"ca": str(kafka.authority)}, kafka.tls.split(":")[1]
    own = {
        "certificate": str(kafka.client),
        "key": str(kafka.client),
        "key_password": kafka.secret(KEY_PASSWORD),
    }
    pairs = {
        "authority": ((kafka.tls, {"tls": {"ca": str(kafka.stranger)}}), (kafka.tls, {"tls": tls})),
        "hostname": (
            (f"localhost:{port}", {"tls": tls}),
            (f"localhost:{port}", {"tls": {**tls, "verify_hostname": False}}),
        ),
        "anonymous": ((kafka.mutual, {"tls": tls}), (kafka.mutual, {"tls": {**tls, **own}})),
        "client_secret": (
            (kafka.sasl, {"tls": tls, "sasl": kafka.bearer("not-the-secret")}),
            (kafka.sasl, {"tls": tls, "sasl": kafka.bearer()}),
        ),
    }
    return {name: (Way(name, *wrong), Way(name, *right)) for name, (wrong, right) in pairs.items()}


def assert_told(
    way: Way,
    code: str,
    reason: str,
    start_gateway: StartGateway,
    folder: Path,
    kafka: SecuredKafka,
) -> tuple[Path, Gateway]:
    """No record is taken; the log names the reason once, and the gateway lives."""
    broker, results = Broker(kafka.plain), folder / "results.jsonl"
    broker.send(way.name, b"frames:any", partition=0)
    broker.flush()
    started = start_gateway(served([rule(way)], [{"jsonl": {"path": str(results)}}]))
    (told,) = wait_until(
        f"the log says {code}", lambda: [line for line in troubles(started) if code in line["error"]]
    )
    assert reason in told["reason"], told
    assert "correct" in told["advice"], told
    assert "`security" in told["advice"], told
    assert started.predict("frames:any", models=(MODEL,)).results, "calls are served"
    assert started.get("/readyz")[0] == 200
    assert not read_lines(results).records
    kinds = [line["error"] for line in troubles(started)]
    assert len(kinds) == len(set(kinds)), "each kind is told once"
    assert_no_secret(started.log_path.read_text())
    return results, started


def troubles(started: Gateway) -> list[dict]:
    """What the log says of trouble with Kafka."""
    return [line for line in started.log() if line["message"] == TROUBLE]


def assert_no_secret(text: str) -> None:
    """None of them is told."""
    assert not [
        secret for secret in (PASSWORD, CLIENT_SECRET, KEY_PASSWORD, "not-the-secret") if secret in text
    ]


def test_check_tells_how_brokers_are_reached_and_no_secret(secured: SecuredKafka, tmp_path: Path) -> None:
    way = next(way for way in ways(secured) if way.name == "token")
    file = tmp_path / "policy.yaml"
    file.write_text(str(served([rule(way)], [{"jsonl": {"path": "results.jsonl"}}])))
    ended = gateway.run("check", str(file))
    assert ended.returncode == 0, ended.stderr
    assert f"ingest token of {secured.sasl} (TLS, OAUTHBEARER as framegate-gateway) as token" in ended.stdout
    assert_no_secret(ended.stdout)


def test_cameras_play_to_secured_brokers(secured: SecuredKafka, tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    samples.write_numbered(clip, 3, 64, 48, "jpg")
    login = secured.login("SCRAM-SHA-512")
    file = tmp_path / "security.yaml"
    file.write_text(str({"tls": {"ca": str(secured.authority)}, "sasl": login}))
    played = play(secured.sasl, clip, file, tmp_path / "bucket")
    assert played.stdout.strip() == "produced=3 acknowledged=3 failed=0 late=0", played
    assert len(Broker(secured.plain).read_all("secured_1")) == 3
    file.write_text(str({"tls": {"ca": str(secured.authority)}, "sasl": secured.login("PLAIN", "not-it")}))
    refused = play(secured.sasl, clip, file, tmp_path / "bucket")
    assert refused.returncode == 1
    assert "Authentication failed" in refused.stderr
    assert "not-it" not in refused.stderr


def play(brokers: str, clip: Path, security: Path, bucket: Path) -> subprocess.CompletedProcess[str]:
    """A camera of three frames."""
    command = [str(binary()), "camera", "--clip", str(clip), "--bucket", str(bucket), "--brokers", brokers]
    command += [
        "--kafka-security",
        str(security),
        "--topic-prefix",
        "secured_",
        "--frames",
        "3",
        "--fps",
        "20",
    ]
    return subprocess.run(
        command, env=gateway.environment(), capture_output=True, text=True, timeout=60, check=False
    )
