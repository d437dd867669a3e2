"""A run's profile as a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wav2lip.pipeline.profile import Machine, Profile

HEAD = ("stage", "frames", "seconds", "CPU s", "frames/s", "rate", "of peak")
MEGA, GIGA = 1e6, 1e9


def stage_table(profile: Profile) -> str:
    """Return a line for every stage, for what is in none, and for the whole run; and what was measured of memory."""
    rows: list[tuple[str, ...]] = [HEAD]
    for stage in profile.stages:
        busy, share = stage.busy(profile.machine.cores), profile.machine.share(stage)
        rate = ""
        if busy and (stage.flop or stage.bytes):
            rate = f"{stage.flop / busy / GIGA:.1f} GFLOP/s" if stage.flop else f"{stage.bytes / busy / GIGA:.2f} GB/s"
        rows.append((
            stage.name, str(stage.frames or ""), f"{stage.seconds:.2f}", f"{stage.cpu_seconds:.2f}",
            f"{stage.frames / busy:.1f}" if stage.frames and busy else "", rate,
            "" if share is None else f"{100 * share:.0f} %",
        ))
    rows.append(("elsewhere", "", "", f"{profile.elsewhere:.2f}", "", "", ""))
    speed = f"{profile.frames / profile.seconds:.1f}"
    whole = f"{profile.seconds:.2f}", f"{profile.cpu_seconds:.2f}", speed, "", ""
    rows.append(("whole run", str(profile.frames), *whole))
    lines = list(aligned(rows))
    lines.append(f"{profile.seconds / profile.video_seconds:.2f} s for a second of video.{_memory(profile)}")
    return "\n".join([*lines, machine_in_words(profile.machine)])


def machine_in_words(machine: Machine) -> str:
    """Return what the machine does at best, as a sentence."""
    products = ", ".join(f"{peak / GIGA:.0f} GFLOP/s ({name})" for name, peak in machine.matmul.items())
    cores = f"{machine.cores} core{'s' if machine.cores != 1 else ''}"
    memory = f"memory {machine.memory / GIGA:.1f} GB/s"
    return f"Peaks, measured here: products of matrices on {machine.device} {products}; {memory}; {cores}."


def aligned(rows: Iterable[tuple[str, ...]]) -> Iterable[str]:
    """Yield the rows as lines whose columns, but for the first, end below each other."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


def _memory(profile: Profile) -> str:
    if not profile.peak_memory:
        return ""
    own, ffmpeg = profile.peak_memory / MEGA, profile.peak_memory_ffmpeg / MEGA
    return f" Memory at its peak: {own:.0f} MB, and ffmpeg's {ffmpeg:.0f} MB."
