"""How jobs fare on machines, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wav2lip.evaluation.figures import new_figure, save_figure


@dataclass(frozen=True)
class Row:
    """How an amount of video fares on machines: the seconds are simulated, prices are None where none was given."""

    machines: str
    costs: str
    minutes: float
    jobs: int
    workers: int
    seconds: float
    minutes_an_hour: float
    utilisation: float
    machine_hours: float
    price: float | None
    bound: str
    lost: int


def in_words(seconds: float) -> str:
    """Return a time as people say it."""
    units = ((86400, "d"), (3600, "h"), (60, "min"))
    size, unit = next(((size, unit) for size, unit in units if seconds >= 2 * size), (1, "s"))
    return f"{seconds / size:.1f} {unit}"


def table(rows: list[Row]) -> Iterator[str]:
    """Yield the lines of a table."""
    priced = rows[0].price is not None
    price = ["price"] if priced else []
    head = ("minutes", "machines", "time", "min/hour", "workers", "in use", "machine-h", *price, "bound by")
    cells = [head] + [
        (
            f"{row.minutes:g}", row.machines, in_words(row.seconds), f"{row.minutes_an_hour:,.0f}",
            f"{row.workers:,}", f"{row.utilisation:.0%}", f"{row.machine_hours:,.2f}",
            *([f"{row.price:,.2f}"] if row.price is not None else []), row.bound,
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        first, last = row[:2], row[-1]
        middle = [cell.rjust(width) for cell, width in zip(row[2:-1], widths[2:-1], strict=True)]
        yield "  ".join([first[0].rjust(widths[0]), first[1].ljust(widths[1]), *middle, last])


def draw(rows: list[Row], out: Path) -> None:
    """Draw throughput and time against the amount of video, for each kind of machine."""
    figure = new_figure((12.0, 5.5), "evaluate")
    panels = figure.subplots(1, 2)
    for name in dict.fromkeys(row.machines for row in rows):
        mine = [row for row in rows if row.machines == name]
        style = "--" if "GPU" in name else "-"
        for axes, values in zip(panels, ("minutes_an_hour", "seconds"), strict=True):
            axes.loglog(
                [row.minutes for row in mine], [getattr(row, values) for row in mine], style, marker=".", label=name
            )
    panels[0].set_ylabel("minutes of video an hour")
    panels[1].set_ylabel("seconds until all is done")
    for axes in panels:
        axes.set_xlabel("minutes of video")
        axes.grid(alpha=0.3)
    panels[1].legend(frameon=False, fontsize="small")
    figure.suptitle("; ".join(dict.fromkeys(row.costs for row in rows)), fontsize="small")
    save_figure(figure, out)
