"""Buckets on S3: an S3 server and a client of other libraries, and what goes wrong in between."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import samples
from compare import Rules, expected_detections, match, served_detections
from gateway import Gateway
from places import EXPECTED, FRAMES
from policies import onnx, policy, simulated
from prove import Holds
from s3 import SECRET, Proxy, S3Server, s3_bucket, s3_server, use_credentials
from waiting import wait_until

MODEL = "model"
LIMIT = 100 << 10  # of an object, in bytes
QUICK = {"attempts": 3, "backoff": "10ms"}
AS_EXPECTED = Rules(iou=0.9, score=0.05)
SHOWN = ("vtest_050.png", "astronaut.png")


@pytest.fixture(scope="module", autouse=True)
def _credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        use_credentials(environment)
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """An S3 server with a good frame, one outside the prefix, and one that is too large."""
    with s3_server() as running:
        frame = samples.jpeg(samples.street(320, 240))
        running.put("site1/good.jpg", frame)
        running.put("site1/a b/100%+ü.jpg", frame)
        running.put("site2/good.jpg", frame)
        running.put("site1/large.jpg", bytes(LIMIT + 1))
        yield running


@pytest.fixture
def proxy(server: S3Server) -> Iterator[Proxy]:
    """What stands between the gateway and the server."""
    between = Proxy(server.port)
    yield between
    between.close()


@pytest.fixture
def gateway(start_gateway, proxy: Proxy) -> Gateway:
    """A simulated model that fetches from `s3://cams/site1` through the proxy."""
    bucket = s3_bucket("cams", proxy.endpoint, "s3://cams/site1", retries=QUICK)
    models = {MODEL: simulated("1ms", fetch=True)}
    return start_gateway(policy(models=models, buckets=[bucket], limits={"object_bytes": "100KiB"}))


@pytest.mark.doors(3)
def test_an_s3_server_of_another_library(start_gateway, server: S3Server, holds: Holds) -> None:
    reference = {name: entry for name, entry in json.loads(EXPECTED.read_text()).items() if name in SHOWN}
    for name in reference:
        server.put(f"frames/{name}", (FRAMES / name).read_bytes())
    buckets = [s3_bucket("cams", server.endpoint)]
    gateway = start_gateway(policy(models={"detector": onnx("nanodet")}, buckets=buckets))
    wanted = found = 0
    for name, entry in reference.items():
        must_be_found = [item for item in expected_detections(entry) if item.score >= 0.40]
        for uri in (f"s3://cams/frames/{name}", f"cams:frames/{name}"):
            result = gateway.predict(uri, models=("detector",)).results[0]
            wanted += len(must_be_found)
            found += len(match(must_be_found, served_detections(result), AS_EXPECTED))
    holds(
        "S3 server (moto), objects of boto3: expected detections served",
        f"{found} of {wanted}",
        "all, of at least 4",
        found == wanted >= 4,
    )
    fetched = gateway.metric("framegate_bucket_fetches_total", bucket="cams", result="OK")
    holds("  fetched, as counted", f"{fetched:g}", 2 * len(reference), fetched == 2 * len(reference))
    assert SECRET not in gateway.log_path.read_text()


def test_keys_stay_beneath_the_prefix(gateway: Gateway, proxy: Proxy) -> None:
    for uri in ("s3://cams/site1/good.jpg", "cams:good.jpg", "cams:a b/100%+ü.jpg"):
        assert len(gateway.predict(uri).results) == 1, uri
    asked = proxy.passed
    for uri, reason in [
        ("s3://cams/site2/good.jpg", "REFERENCE_NOT_ALLOWED"),
        ("s3://cams/site1/../site2/good.jpg", "REFERENCE_NOT_ALLOWED"),
        ("s3://cams/site11/good.jpg", "REFERENCE_NOT_ALLOWED"),
        ("s3://other/good.jpg", "REFERENCE_NOT_ALLOWED"),
        ("cams:../site2/good.jpg", "REFERENCE_NOT_ALLOWED"),
        ("cams:..%2fsite2/good.jpg", "MALFORMED_REFERENCE"),
        ("cams:a\0.jpg", "MALFORMED_REFERENCE"),
        ("s3://cams/site1//good.jpg", "MALFORMED_REFERENCE"),
        ("s3://cams", "MALFORMED_REFERENCE"),
    ]:
        assert gateway.refused(uri).reason == reason, uri
    assert proxy.passed == asked, "a refused reference was asked for"


def test_missing_and_too_large_objects(gateway: Gateway) -> None:
    assert gateway.refused("cams:none.jpg").reason == "OBJECT_NOT_FOUND"
    assert gateway.refused(f"cams:{'k' * 1100}").reason == "OBJECT_NOT_FOUND"
    assert gateway.refused("cams:large.jpg").reason == "OBJECT_TOO_LARGE"
    assert gateway.metric("framegate_bucket_fetched_bytes_total", bucket="cams") == 0


def test_lying_and_absent_lengths(gateway: Gateway, proxy: Proxy) -> None:
    proxy.inject("endless")
    assert gateway.refused("cams:good.jpg").reason == "OBJECT_TOO_LARGE"
    assert proxy.departures.acquire(timeout=20), "an endless object is still read"
    assert gateway.metric("framegate_bucket_fetched_bytes_total", bucket="cams") < 10 * LIMIT
    proxy.inject("understate")
    assert gateway.refused("cams:good.jpg").reason == "FRAME_UNDECODABLE"
    assert len(gateway.predict("cams:good.jpg").results) == 1
    assert proxy.injected == {"endless": 1, "understate": 1}


def test_what_passes_is_tried_again_and_counted(gateway: Gateway, proxy: Proxy) -> None:
    for faults in (("unavailable", "unavailable"), ("cut",), ("cut", "unavailable")):
        proxy.inject(*faults)
        assert len(gateway.predict("cams:good.jpg").results) == 1, faults
    assert proxy.injected == {"unavailable": 3, "cut": 2}
    assert gateway.metric("framegate_bucket_retries_total", bucket="cams") == 5
    assert gateway.metric("framegate_bucket_fetches_total", bucket="cams", result="OK") == 3


def test_tries_end_and_the_operator_is_told_why(gateway: Gateway, proxy: Proxy) -> None:
    proxy.inject("unavailable", "cut", "unavailable")
    refusal = gateway.refused("cams:good.jpg")
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "BUCKET_UNAVAILABLE")
    proxy.inject("denied")
    refusal = gateway.refused("cams:good.jpg")
    assert (refusal.code, refusal.reason) == ("UNAVAILABLE", "BUCKET_UNAVAILABLE")
    assert not {"127.0.0.1", "cams", "403"} & set(refusal.message.split())
    assert not proxy.faults, "a refusal that will not pass was tried again, or too few tries were made"
    lines = [line for line in gateway.log() if line.get("level") == "ERROR"]
    said = [line for line in lines if "SlowDown" in json.dumps(line) and "s3://cams/site1" in json.dumps(line)]
    assert len(said) == 1, lines
    assert len(gateway.predict("cams:good.jpg").results) == 1


def test_a_redirect_is_not_followed(gateway: Gateway, proxy: Proxy) -> None:
    proxy.inject("redirect")
    assert gateway.refused("cams:good.jpg").reason == "BUCKET_UNAVAILABLE"
    assert proxy.injected == {"redirect": 1}
    fetched = gateway.metric("framegate_bucket_fetched_bytes_total", bucket="cams")
    assert fetched == 0


def test_a_passed_deadline_ends_the_fetch(gateway: Gateway, proxy: Proxy) -> None:
    proxy.inject("silence")
    assert gateway.refused("cams:good.jpg", timeout=0.5).code == "DEADLINE_EXCEEDED"
    assert proxy.departures.acquire(timeout=20), "the fetch goes on"
    departed = {"bucket": "cams", "result": "DEPARTED"}
    wait_until("it is counted", lambda: gateway.metric("framegate_bucket_fetches_total", **departed) == 1)
    proxy.inject("silence")
    call = gateway.start_predict("cams:good.jpg")
    wait_until("it is asked for", lambda: proxy.injected["silence"] == 2)
    call.cancel()
    assert proxy.departures.acquire(timeout=20), "the fetch of a cancelled call goes on"
    assert len(gateway.predict("cams:good.jpg").results) == 1


def test_without_credentials_it_does_not_start(start_gateway, server: S3Server, tmp_path: Path) -> None:
    bucket = s3_bucket("cams", server.endpoint, credentials={"file": str(tmp_path / "none")})
    with pytest.raises(AssertionError, match="the credentials file cannot be read"):
        start_gateway(policy(models={MODEL: simulated("1ms", fetch=True)}, buckets=[bucket]))


def test_credentials_in_a_file(start_gateway, server: S3Server, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"[site]\naws_access_key_id = AK\naws_secret_access_key = {SECRET}\n")
    bucket = s3_bucket("cams", server.endpoint, credentials={"file": str(file)}, profile="site")
    gateway = start_gateway(policy(models={MODEL: simulated("1ms", fetch=True)}, buckets=[bucket]))
    assert len(gateway.predict("cams:site1/good.jpg").results) == 1
