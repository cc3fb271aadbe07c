"""The tables of docs/performance.md."""

from pathlib import Path

from summary import Job

BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"
NONE = "\N{EN DASH}"


def write(page: Path, figures: dict) -> None:
    """Puts the tables between the page's markers."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"{page} has no {BEGIN}"
    assert end, f"{page} has no {END}"
    page.write_text(f"{before}{begin}\n{tables(figures)}\n{end}{after}")


def tables(figures: dict) -> str:
    """What stands between the markers."""
    parts = [how(figures), null_table(figures), frames_table(figures), pictures(), left_out(figures)]
    return "\n\n".join(part for part in parts if part)


def how(figures: dict) -> str:
    rounds, seconds = figures["rounds"], figures["seconds"]
    return (
        f"Medians of {rounds} round{'s' * (rounds > 1)}. In each of them every server is started, looked at, "
        f"loaded for {seconds} s (frames: {2 * seconds} s)\n"
        "at each number of requests in flight, and ended. Memory is that of all processes of a server after "
        "its first answer;\npages that they share count once (PSS)."
    )


def null_table(figures: dict) -> str:
    echo = [turn["in_flight"]["64"]["per_second"] for turn in figures["null"].get(figures["limit"], [])]
    job = Job(figures["null"], echo)
    heads = ["null model", "requests/s, 64 in flight", "share of the echo", "p50, p99", "CPU per request"]
    rows = []
    for name in job.turns:
        at = ("in_flight", "64")
        times = f"{job.median(name, *at, 'p50_ms'):.2f}, {job.median(name, *at, 'p99_ms'):.2f} ms"
        rate, cpu = (job.median(name, *at, key) for key in ("per_second", "cpu_us"))
        idle = [f"{job.median(name, 'idle_mib'):.0f} MiB", f"{job.median(name, 'start_s'):.2f} s"]
        rows.append([name, f"{rate:,.0f}", percent(job.share(name, 64)), times, f"{cpu:,.1f} µs", *idle])
    return table([*heads, "idle memory", "start to first answer"], rows)


def frames_table(figures: dict) -> str:
    job = Job(figures["frames"], figures["loop"])
    heads = [
        "frame job",
        "frames/s, 32 in flight",
        "share of the loop",
        "frames/s, 8 in flight",
        "share of the loop",
    ]
    rows = []
    if figures["loop"]:
        rate = f"{Job({'': [{'rate': rate} for rate in figures['loop']]}, []).median('', 'rate'):.1f}"
        rows.append(["a loop without a server", rate, "100 %", rate, "100 %", NONE, NONE])
    for name in job.turns:
        rates = []
        for in_flight in (32, 8):
            rate = job.median(name, "in_flight", str(in_flight), "per_second")
            rates += [f"{rate:.1f}", percent(job.share(name, in_flight))]
        p50, p99 = (job.median(name, "in_flight", "8", key) for key in ("p50_ms", "p99_ms"))
        rows.append([name, *rates, f"{p50:.0f}, {p99:.0f} ms", f"{job.ratio(name, 8):.2f}"])
    return table([*heads, "p50, p99, 8 in flight", "p99 ÷ p50"], rows)


def pictures() -> str:
    return (
        "![Null model: requests per second and p99 over requests in flight](compare-null.svg)\n\n"
        "![Frame job: frames per second and p99 over requests in flight](compare-frames.svg)"
    )


def left_out(figures: dict) -> str:
    return "\n".join(
        f"**Left out: {name}**, {why.splitlines()[0]}" for name, why in figures["left_out"].items()
    )


def percent(share: float | None) -> str:
    if share is None:
        return NONE
    return f"{share * 100:.{1 if share < 0.1 else 0}f} %"


def table(heads: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
