"""usage: plots.py FIGURES.json FOLDER

Draws throughput and p99 over requests in flight, for both jobs.
"""

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from summary import Job

# Grey that is read on white and on black, and nothing behind it.
INK = "#7d8590"
STYLE = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.3,
    "axes.grid": True,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.transparent": True,
    "font.size": 11,
    "font.family": "sans-serif",
    # Text stays text, and a run with the same figures writes the same file.
    "svg.fonttype": "none",
    "svg.hashsalt": "framegate",
}
COLOURS = ["#e4572e", "#4c9f38", "#2e86de", "#a66bbe", "#d39a00"]


def main(file: Path, folder: Path) -> None:
    figures = json.loads(file.read_text())
    with plt.rc_context(STYLE):
        draw(folder / "compare-null.svg", figures["null"], "requests/s", figures["limit"], logarithmic=True)
        loop = figures["loop"]
        draw(folder / "compare-frames.svg", figures["frames"], "frames/s", loop=loop)


def draw(
    file: Path,
    turns: dict[str, list[dict]],
    unit: str,
    limit: str = "",
    loop: list[float] | None = None,
    logarithmic: bool = False,
) -> None:
    """One picture of two: rates to the left, times to the right."""
    job = Job(turns, [])
    picture, (rates, times) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    colours = iter(COLOURS)
    for name in job.turns:
        dashed = {"color": INK, "linestyle": "--"} if name == limit else {"color": next(colours)}
        line(rates, job, name, "per_second", dashed)
        line(times, job, name, "p99_ms", dashed)
    if loop:
        middle = Job({"": [{"rate": rate} for rate in loop]}, []).median("", "rate")
        rates.axhline(middle, color=INK, linestyle="--", label="the loop")
    dress(rates, unit, logarithmic)
    dress(times, "p99, ms", True)
    handles, labels = rates.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    picture.savefig(file, metadata={"Date": None})
    plt.close(picture)


def line(axes: Axes, job: Job, name: str, what: str, look: dict) -> None:
    numbers = [int(number) for number in job.turns[name][0]["in_flight"]]
    values = [job.median(name, "in_flight", str(number), what) for number in numbers]
    axes.plot(numbers, values, marker="o", markersize=4, linewidth=2, label=name, **look)


def dress(axes: Axes, what: str, logarithmic: bool) -> None:
    axes.set_title(what, loc="left", fontsize=11)
    axes.set_xlabel("requests in flight")
    axes.set_xscale("log", base=2)
    [drawn, *_] = axes.get_lines()
    axes.set_xticks(drawn.get_xdata(), [f"{number:.0f}" for number in drawn.get_xdata()])
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    else:
        axes.set_ylim(bottom=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
