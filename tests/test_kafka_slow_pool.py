"""Item 6: a rule feeds a pool more than it can do: its partitions pause, and nothing else notices."""

from pathlib import Path

import pytest

from broker import Position
from gateway import Gateway
from kafka_server import KafkaServer
from pace import Served, Window, call_for, served, within
from policies import policy, simulated
from process import Watch, percentile
from prove import Holds
from sender import Sender
from topics import Topics
from waiting import wait_until

pytestmark = pytest.mark.kafka(6)

GROUPS = ["slow", "quick"]
NAMES = {group: [f"{group}_{number}" for number in range(4)] for group in GROUPS}
RESULTS = "results"
SLOW_PER_SECOND, QUICK_PER_SECOND, CALLERS, SAMPLES = 400, 200, 2, 60
LONG = 320.0
"""Longer than librdkafka's max.poll.interval of 300 s: a consumer that does not poll would be evicted."""
TIE = 1.3
"""What differs by less is the same, on a machine that others share; so do a few milliseconds."""
SLACK_MS = 5.0
FLAT_MIB = 8.0


@pytest.fixture
def topics(kafka: KafkaServer) -> Topics:
    """Topics of a broker whose log tells of every generation of a group."""
    topics = Topics(kafka.address)
    topics.create(*NAMES["slow"], *NAMES["quick"])
    topics.create(RESULTS, partitions=4, message_timestamp_type="LogAppendTime")
    return topics


@pytest.mark.parametrize(
    ("alone", "beside"),
    [pytest.param(4.0, 8.0, id="short"), pytest.param(60.0, LONG, id="long", marks=pytest.mark.slow)],
)
def test_a_slow_pool_holds_up_nobody_else(
    kafka: KafkaServer,
    topics: Topics,
    start_gateway,
    bucket: Path,
    alone: float,
    beside: float,
    holds: Holds,
) -> None:
    gateway = start_gateway(rules(bucket, topics.address))
    quick_records = Sender(topics.address, NAMES["quick"], QUICK_PER_SECOND, [b"frames:any"])
    slow_records = Sender(topics.address, NAMES["slow"], SLOW_PER_SECOND, [b"frames:any"])
    wait_until("both rules have their partitions", lambda: gauges(gateway, "partitions") == [4, 4])
    with quick_records:
        members = [topics.members(group) for group in GROUPS]
        before = call_for(gateway, "quick", alone, CALLERS)
        with slow_records:
            wait_until("the slow rule pauses", lambda: gauges(gateway, "paused_partitions")[0] == 4)
            with Watch(gateway, pause=beside / SAMPLES) as watch:
                after = call_for(gateway, "quick", beside, CALLERS)
            slow_records.stop()
        quick_records.stop()
    ends = topics.ends(*NAMES["quick"])
    topics.wait_until_committed("quick", *NAMES["quick"])
    assert_paused(gateway, watch, topics, holds)
    assert_flat(watch, holds)
    assert_stayed(kafka, gateway, members == [topics.members(group) for group in GROUPS], holds)
    results = [served(result) for result in topics.read(RESULTS)]
    assert_same_pace(before, after, results, holds, judged=beside == LONG)
    wanted = {Position(*place, offset).id("quick") for place, end in ends.items() for offset in range(end)}
    lost = wanted - {each.id for each in results}
    holds("  its records without a result", f"{len(lost)} of {len(wanted)}", "0", not lost)
    assert gateway.stop() == 0


def rules(bucket: Path, address: str) -> dict:
    """A slow pool and a quick one, each fed by a rule of its own; clients ask the quick one."""
    models = {"slow": simulated("200ms", max_batch_size=1), "quick": simulated("0ms")}
    ingest = [
        {
            "kafka": {"brokers": address, "topics": f"^{name}_[0-9]+$", "group": name},
            "models": [name],
            "session_timeout": "6s",
        }
        for name in GROUPS
    ]
    sink = {"kafka": {"brokers": address, "topic": RESULTS}}
    return policy(bucket, models, ingest=ingest, sinks=[sink])


def gauges(gateway: Gateway, name: str) -> list[float]:
    """A gauge of both rules."""
    samples = gateway.metrics()
    return [samples.get(gauge(name, group), 0) for group in GROUPS]


def gauge(name: str, group: str) -> str:
    """A sample's name."""
    return f'framegate_ingest_{name}{{group="{group}"}}'


def assert_paused(gateway: Gateway, watch: Watch, topics: Topics, holds: Holds) -> None:
    """The slow rule stood still most of the time with a backlog behind it; the quick one never did."""
    seen = {
        group: [each.values[gauge("paused_partitions", group)] for each in watch.samples] for group in GROUPS
    }
    share = sum(count == 4 for count in seen["slow"]) / len(seen["slow"])
    holds(
        "slow rule, samples with its 4 partitions paused",
        f"{share:.0%} of {len(seen['slow'])}",
        ">= 80 %",
        share >= 0.8,
    )
    holds("quick rule, most partitions paused", max(seen["quick"]), "0", max(seen["quick"]) == 0)
    left = sum(topics.ends(*NAMES["slow"]).values()) - topics.committed("slow", *NAMES["slow"])
    holds("  records that wait for the slow pool", left, "> 500", left > 500)


def assert_flat(watch: Watch, holds: Holds) -> None:
    """Resident memory does not grow with the backlog once the partitions are paused."""
    memory = [each.resident_mib for each in watch.samples]
    settled, rest = max(memory[: len(memory) // 4]), max(memory[len(memory) // 4 :])
    growth = f"{settled:.1f} -> {rest:.1f} MiB"
    holds(
        "resident memory, most in the first quarter and after",
        growth,
        f"+ {FLAT_MIB} MiB",
        rest - settled < FLAT_MIB,
    )


def assert_stayed(kafka: KafkaServer, gateway: Gateway, same: bool, holds: Holds) -> None:
    """Neither consumer was evicted or joined anew."""
    generations = [kafka.generations(group) for group in GROUPS]
    revoked = sum(line["message"] == "partitions revoked" for line in gateway.log())
    holds("generations of the groups, by the broker's log", generations, "1 each", generations == [1, 1])
    holds("  members the same, revocations", f"{same}, {revoked}", "True, 0", same and revoked == 0)


def assert_same_pace(
    before: Window, after: Window, results: list[Served], holds: Holds, *, judged: bool
) -> None:
    """Calls and frames of the quick pool take as long as before; too few seconds do not tell."""
    rates = before.calls_per_second, after.calls_per_second
    ratio = rates[0] / rates[1]
    holds(
        "calls/s before and beside the slow pool",
        f"{rates[0]:.0f}, {rates[1]:.0f}",
        f"/ {TIE}" if judged else "reported",
        ratio < TIE or not judged,
    )
    quick = [each for each in results if each.model == "quick"]
    frames = within(quick, before), within(quick, after)
    for what, pair in (("call", (before.call_ms, after.call_ms)), ("quick rule's frame", frames)):
        middle, high = ([percentile(times, percent) for times in pair] for percent in (50, 99))
        holds(
            f"{what}, median before and beside",
            told(middle),
            f"x {TIE} + {SLACK_MS} ms" if judged else "reported",
            middle[1] < middle[0] * TIE + SLACK_MS or not judged,
        )
        holds("  p99", told(high), "reported", True)


def told(times: list[float]) -> str:
    """Two times."""
    return f"{times[0]:.1f}, {times[1]:.1f} ms"
