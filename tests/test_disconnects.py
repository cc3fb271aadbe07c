"""Item 6 of the doors: what clients leave behind that disconnect in the middle of requests and streams."""

import os
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path

import pytest

import samples
from calls import Stream, kind
from departing import WAYS, enter, scripts
from gateway import Gateway
from policies import policy, simulated
from prove import Holds
from waiting import wait_until

pytestmark = pytest.mark.doors(6)

MODEL = "slow"
MEBIBYTE = 1 << 20
AT_ONCE = 200
WITHIN = 5.0
SERVED = 200
GROWTH = 5


@dataclass(frozen=True)
class Held:
    """What a gateway holds that clients may have left behind."""

    tasks: int
    files: int
    queued: int
    ongoing: int


@pytest.mark.parametrize("clients", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_departed_clients_leave_nothing_behind(start_gateway, holds: Holds, clients: int) -> None:
    # So slow that hardly any client is answered before it leaves.
    model = simulated("200ms", fetch=True, replicas=2, max_batch_size=4, max_queued_requests=4096)
    gateway = start_gateway(policy(models={MODEL: model}))
    before = warmed_up(gateway, max(clients // 10, AT_ONCE))
    resident, cancelled = resident_bytes(gateway), gateway.answers(MODEL, "CANCELLED")
    depart(gateway, clients)
    after, grown = settled(gateway, before, resident)
    holds(f"held after {clients} clients, within {WITHIN:g} s", after, before, after == before)
    holds("  RSS above that before", f"{grown:+.1f} MiB", f"<= {GROWTH} MiB", grown <= GROWTH)
    left = gateway.answers(MODEL, "CANCELLED") - cancelled
    holds("  entries that were under way when they left", f"{left:g}", f"> {clients}", left > clients)


def warmed_up(gateway: Gateway, clients: int) -> Held:
    """What the gateway holds after having served frames, and been left by some clients."""
    served = Stream(gateway)
    for _ in range(SERVED):
        served.send(data=samples.jpeg(samples.street(64, 48)))
    assert {kind(outcome) for outcome in served.outcomes()} == {"OK"}
    depart(gateway, clients)
    gateway.wait_pool(MODEL, queued=0, ongoing=0)
    # Those that are left are the gateway's own, and of the connection that asks.
    wait_until("the clients have gone", lambda: 0 < tasks(gateway) < AT_ONCE // 10)
    return held(gateway)


def depart(gateway: Gateway, clients: int) -> None:
    """Lets so many clients come and leave, some at a time, once most of their entries are under way."""
    coming = islice(cycle(product(scripts(gateway), WAYS)), clients)
    while group := list(islice(coming, AT_ONCE)):
        entered = [(enter(gateway, script), way) for script, way in group]
        wanted = sum(script.entries for script, _ in group) // 2
        wait_until("most of their entries", lambda wanted=wanted: gateway.pool(MODEL).ongoing >= wanted)
        for client, leave in entered:
            leave(client)


def settled(gateway: Gateway, wanted: Held, resident: int) -> tuple[Held, float]:
    """What is held, and the growth of resident memory in MiB, at the limit or once they are as wanted."""
    now = lambda: (held(gateway), (resident_bytes(gateway) - resident) / MEBIBYTE)  # noqa: E731
    settled = lambda state: state if state[0] == wanted and state[1] <= GROWTH else None  # noqa: E731
    try:
        return wait_until("the baseline", lambda: settled(now()), WITHIN)
    except TimeoutError:
        return now()


def held(gateway: Gateway) -> Held:
    """What the gateway holds now."""
    process = Path(f"/proc/{gateway.process.pid}")
    pool = gateway.pool(MODEL)
    files = len(list((process / "fd").iterdir()))
    return Held(tasks(gateway), files, pool.queued, pool.ongoing)


def tasks(gateway: Gateway) -> int:
    """Its tasks, as it counted them within the last second."""
    return int(gateway.metrics().get("framegate_tasks{}", 0))


def resident_bytes(gateway: Gateway) -> int:
    """Its resident memory."""
    pages = Path(f"/proc/{gateway.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
