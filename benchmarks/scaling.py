"""What a minute of video costs, from one clip to a million minutes, on one machine or a thousand: a simulation.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --bench bench.json --minutes 600 --price-per-hour 0.04 0.40 --plot scaling.png

Without `--bench` the figures measured for docs/scaling.md count; those of a GPU are an estimate until `--gpu-bench`
brings what `wav2lip bench --json` wrote on one. Printed is, for each machine or cluster and each amount of video: how
long it takes, minutes of video an hour, the share of the workers' time that is spent in tasks, machine-hours, and what
bounds it: the largest of `Fleet.bounds`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from scaling_costs import GFLOP, T4, Costs, documented, estimated, read_costs
from scaling_fleet import SEGMENT, Fleet
from scaling_model import simulate
from scaling_report import Row, draw, table

from wav2lip.errors import Wav2LipError

FPS = 25
MB = 1_000_000
HOUR = 3600
THREADS = (1, 2, 4, 8)                 # cores of a worker that are tried
MANY = 20                              # jobs a core: one core a worker is best then
FILE, MORE = click.Path(path_type=Path), click.FloatRange(0, min_open=True)


@dataclass(frozen=True)
class Machines:
    """Machines that are alike: how many, the cores of each, and whether each has a GPU. Several share storage."""

    count: int
    cores: int
    gpu: bool = False

    @property
    def name(self) -> str:
        each = f"a GPU and {self.cores} cores" if self.gpu else f"{self.cores} cores"
        return each if self.count == 1 else f"{self.count} × {each}"


MACHINES = (
    Machines(1, 2), Machines(1, 16), Machines(1, 64), *(Machines(count, 16) for count in (10, 100, 1000)),
    *(Machines(count, 8, True) for count in (1, 10, 100, 1000)),
)


@dataclass(frozen=True)
class Conditions:
    """What is the same for all machines; see the options of the command."""

    threads: int | None
    gpu_workers: int
    split: int
    megabits: tuple[float, float]
    disk: float
    storage: float
    losses: float
    slow: tuple[float, float]
    seed: int


def lengths(minutes: float, mean: float, spread: float, seed: int) -> list[int]:
    """Return the frames of jobs that are so many minutes together, in a log-normal distribution."""
    chance, left, frames = random.Random(seed), round(minutes * 60 * FPS), []
    while left > 0:
        length = mean * 60 * FPS * chance.lognormvariate(-spread * spread / 2, spread)
        frames.append(min(left, max(FPS, round(length))))
        left -= frames[-1]
    return frames


def make_fleet(machines: Machines, costs: Costs, jobs: Sequence[int], threads: int, given: Conditions) -> Fleet:
    """Return the workers for jobs, each with so many cores, or fewer workers with more where jobs are few."""
    shared = machines.count > 1
    each = given.gpu_workers if machines.gpu else max(1, machines.cores // threads)
    if not shared or max(jobs) <= given.split * SEGMENT:
        each = min(each, -(-len(jobs) // machines.count))
    cores = machines.cores / each
    read, written = (megabits * MB / 8 / FPS for megabits in given.megabits)
    return Fleet(
        workers=machines.count * each,
        start=costs.start,
        job=costs.job,
        look=costs.look.on(cores, each),
        render=costs.render.on(cores, each),
        part=costs.part,
        split=given.split * SEGMENT if shared else None,
        read=read,
        written=written,
        storage=(given.storage if shared else given.disk) * MB,
        losses=given.losses if shared else 0.0,
        slow=given.slow[0] if shared else 0.0,
        slowness=given.slow[1],
        seed=given.seed,
    )


def make_row(
    machines: Machines, costs: Costs, minutes: float, jobs: Sequence[int], given: Conditions,
    prices: tuple[float, float] | None,
) -> Row:
    """Return how jobs fare on machines, with as many cores a worker as is fastest unless that is given."""
    many = len(jobs) > MANY * machines.count * machines.cores
    tried = (given.threads,) if given.threads else (1,) if many or machines.gpu else THREADS
    fleets = [make_fleet(machines, costs, jobs, threads, given) for threads in tried]
    fleet, done = min(((fleet, simulate(fleet, jobs)) for fleet in fleets), key=lambda tried: tried[1].seconds)
    bounds = fleet.bounds(jobs)
    hours = done.seconds / HOUR * machines.count
    return Row(
        machines=machines.name,
        costs=costs.about,
        minutes=minutes,
        jobs=len(jobs),
        workers=fleet.workers,
        seconds=done.seconds,
        minutes_an_hour=minutes / done.seconds * HOUR,
        utilisation=done.busy / (fleet.workers * done.seconds),
        machine_hours=hours,
        price=hours * (machines.cores * prices[0] + machines.gpu * prices[1]) if prices else None,
        bound=max(bounds, key=lambda name: bounds[name]),
        lost=done.lost,
    )


@click.command()
@click.option("--bench", type=FILE, help="What a CPU costs, from `wav2lip bench --json`.")
@click.option("--gpu-bench", type=FILE, help="What a GPU costs, likewise.")
@click.option("--gflop", default=GFLOP, show_default=True, help="A face, without those; 7.93 in the full width.")
@click.option("--minutes", multiple=True, type=MORE, default=(1, 100, 10_000, 1_000_000), show_default=True)
@click.option("--job-minutes", type=MORE, default=2.0, show_default=True, help="How long a job is on average.")
@click.option("--spread", default=1.0, show_default=True, help="Standard deviation of its logarithm.")
@click.option("--threads", type=click.IntRange(1), help="Cores of a worker.  [default: 1, 2, 4 or 8, the fastest]")
@click.option("--gpu-workers", default=2, show_default=True, help="Workers that share a GPU.")
@click.option("--split", default=12, show_default=True, help="A cluster shares out jobs of more segments than this.")
@click.option("--megabits", nargs=2, default=(8.0, 8.0), show_default=True, help="Of source and result, a second.")
@click.option("--disk", type=MORE, default=500.0, show_default=True, help="MB/s of a machine's own disk.")
@click.option("--storage", type=MORE, default=1250.0, show_default=True, help="MB/s of a cluster's shared storage.")
@click.option("--losses", default=0.01, show_default=True, help="Workers lost an hour of work, in a cluster.")
@click.option("--slow", nargs=2, default=(0.02, 2.0), show_default=True, help="Share of slow workers; how many times.")
@click.option("--seed", default=0, show_default=True)
@click.option("--price-per-hour", "prices", type=float, nargs=2, help="Of a core, and of a GPU.")
@click.option("--plot", type=FILE, help="A PNG to draw.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    bench: Path | None, gpu_bench: Path | None, gflop: float, minutes: tuple[float, ...], job_minutes: float,
    spread: float, prices: tuple[float, float] | None, plot: Path | None, as_json: bool,
    **given: object,
) -> None:
    """Print a line for each kind of machine and each amount of video."""
    conditions = Conditions(**given)    # type: ignore[arg-type]
    try:
        cpu = read_costs(bench) if bench else documented(gflop)
        gpu = read_costs(gpu_bench) if gpu_bench else estimated(T4, cpu, gflop)
        rows = []
        for amount in minutes:
            jobs = lengths(amount, job_minutes, spread, conditions.seed)
            rows += [
                make_row(machines, gpu if machines.gpu else cpu, amount, jobs, conditions, prices)
                for machines in MACHINES
            ]
        if plot:
            draw(rows, plot)
    except Wav2LipError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for costs in (cpu, gpu):
        frames = f"{1000 * costs.look.cores:.1f} + {1000 * costs.render.cores:.1f} core-ms a frame"
        device = f", {1000 * costs.render.device:.2f} ms of GPU" if costs.render.device else ""
        click.echo(f"{costs.about}: {frames}{device}")
    for line in table(rows):
        click.echo(line)


if __name__ == "__main__":
    main()
