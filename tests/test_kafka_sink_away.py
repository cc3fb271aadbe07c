"""Item 5: the results' broker is away under load while one record in a hundred is bad: nothing is lost."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import letters
from kafka_server import KafkaServer
from letters import BY_VALUE
from policies import policy, simulated
from process import Watch
from prove import Holds
from sender import Sender
from topics import Topics, header, position
from waiting import wait_until

pytestmark = pytest.mark.kafka(5)

MODEL = "null"
GROUP, RESULTS, DEAD = "away", "results", "away-dead"
NAMES = [f"away_{number}" for number in range(6)]
EVERY = 100
"""One record in so many is bad."""
CAP_MIB = 40 + 16 * 2 + 16 + 40
"""What an idle gateway may have; what librdkafka fetches ahead, with its bookkeeping; 4,096 records in flight
of 4 KiB each, with entry, result and what is kept for a dead letter; libraries and allocator under load."""
DRAIN_LIMIT = 600.0
STALLED = f'framegate_ingest_in_flight_records{{group="{GROUP}"}}'
MAX_IN_FLIGHT = 4096


@pytest.fixture
def source(shared_kafka: KafkaServer, bucket: Path) -> Iterator[Topics]:
    """The records and their dead letters; the results are on another cluster."""
    letters.fill(bucket)
    topics = Topics(shared_kafka.address)
    topics.create(*NAMES, DEAD)
    yield topics
    topics.delete(*NAMES, DEAD)


@pytest.mark.parametrize(
    ("away", "per_second"),
    [pytest.param(8.0, 400, id="short"), pytest.param(300.0, 500, id="long", marks=pytest.mark.slow)],
)
def test_results_broker_away(
    source: Topics,
    kafka: KafkaServer,
    start_gateway,
    bucket: Path,
    away: float,
    per_second: int,
    holds: Holds,
) -> None:
    results = Topics(kafka.address)
    results.create(RESULTS, partitions=4)
    gateway = start_gateway(rules(bucket, source.address, kafka.address))
    values = [letters.value(number, EVERY) for number in range(EVERY * 5)]
    with Sender(source.address, NAMES, per_second, values) as sender, Watch(gateway) as watch:
        wait_until("results come", lambda: sum(results.ends(RESULTS).values()) > per_second / 2)
        kafka.kill()
        began = time.monotonic()
        time.sleep(away)
        stalled = gateway.metrics()[STALLED]
        kafka.start()
        back = time.monotonic()
        sender.stop()
        source.wait_until_committed(GROUP, *NAMES, timeout=DRAIN_LIMIT)
        drained = time.monotonic() - back
    holds(
        "times that the results' broker was killed, for how long",
        f"1, {back - began:.0f} s",
        f"1, >= {away:.0f} s",
        True,
    )
    holds(
        "  records in flight at its end",
        f"{stalled:.0f}",
        f"> 0, <= {MAX_IN_FLIGHT}",
        0 < stalled <= MAX_IN_FLIGHT,
    )
    holds("drained after its return", f"{drained:.0f} s", f"< {DRAIN_LIMIT:.0f} s", drained < DRAIN_LIMIT)
    most = max(sample.resident_mib for sample in watch.samples)
    holds("RSS, at most", f"{most:.0f} MiB", f"< {CAP_MIB} MiB", most < CAP_MIB)
    assert_nothing_lost(source, results, holds)
    assert gateway.stop() == 0


def rules(bucket: Path, source: str, results: str) -> dict:
    """Records and dead letters on one cluster, results on another; frames are really fetched."""
    rule = {
        "kafka": {"brokers": source, "topics": "^away_[0-9]+$", "group": GROUP},
        "retries": letters.RETRIES,
        "dead_letter": {"topic": DEAD},
        "max_in_flight": MAX_IN_FLIGHT,
    }
    # Shorter than the broker is away, so that what waits in the sink fails and is delivered anew.
    sink = {"kafka": {"brokers": results, "topic": RESULTS, "message_timeout": "5s"}}
    models = {MODEL: simulated("0ms", fetch=True, max_batch_size=16)}
    return policy(bucket, models, ingest=[rule], sinks=[sink])


def assert_nothing_lost(source: Topics, results: Topics, holds: Holds) -> None:
    """Each good record has a result, each bad one a dead letter, none both."""
    records = {position(m).id(MODEL): m.value() for name in NAMES for m in source.read(name)}
    bad = {name for name, value in records.items() if value in BY_VALUE}
    good = records.keys() - bad
    served = Counter(header(message, "id") for message in results.read(RESULTS))
    lost = good - served.keys()
    holds("good records lost", f"{len(lost)} of {len(good)}", "0", not lost)
    repeated = sum(served.values()) - len(served)
    holds("  results written again (at least once)", repeated, "reported", True)
    holds("  results of bad or unknown records", len(served.keys() - good), "0", served.keys() <= good)
    dead = [letters.read(letter) for letter in source.read(DEAD)]
    fitting = {each.id for each in dead if letters.fits(each, BY_VALUE[records[each.id]])}
    share = f"{len(bad) / len(records):.1%}"
    holds(
        f"bad records ({share}) dead-lettered with their reason",
        f"{len(fitting)} of {len(bad)}",
        "all",
        fitting == bad and bool(bad),
    )
