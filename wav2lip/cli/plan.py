"""`--dry-run` in words."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wav2lip.cli.run import importing
from wav2lip.models.quick_import import import_torch

if TYPE_CHECKING:
    from wav2lip.cli.pipes import Places
    from wav2lip.pipeline.options import SyncOptions
    from wav2lip.pipeline.plan import SyncPlan

_WHAT = {
    "hear": "read a recording", "decode": "decode the video", "encode": "encode a part",
    "sound": "decode what the sound is put together from", "compress": "compress the sound",
    "join": "join the parts and the sound",
    "stdout": "write the result to stdout",
}


def planned(face: Path, files: Places, options: SyncOptions, as_json: bool) -> str:
    """Return what a run would do, in words or as JSON.

    Raises:
        UsageError, MediaError, WeightsError, Wav2LipError: what the run would refuse.
    """
    with importing():
        import_torch()
        from wav2lip.media.fragments import fragments_command
        from wav2lip.pipeline.plan import plan_sync

    plan = plan_sync(face, files.audio, files.output, options)
    commands = plan.commands | ({"stdout": [fragments_command(plan.output)]} if files.piped else {})
    if as_json:
        return json.dumps(plan.to_dict() | {"commands": commands}, indent=2)
    return "\n".join(in_words(plan, commands, "stdout" if files.piped else str(plan.output)))


def in_words(plan: SyncPlan, commands: Mapping[str, Sequence[Sequence[str]]], output: str) -> Iterator[str]:
    """Yield the lines that tell what a run would do.

    Args:
        plan: of the run.
        commands: its command lines.
        output: what the result is called.
    """
    from wav2lip.cast.times import in_words as time

    for given in plan.inputs:
        yield f"input: {_input(given)}"
    for line in plan.lines:
        who = line.who or "the person on screen longest"
        span = f"{time(Fraction(line.start))} to {time(Fraction(line.end))}"
        yield f"synced: {who}, {span}, says {line.recording}"
    for start, end in plan.kept_sound:
        yield f"own sound kept: {time(Fraction(start))} to {time(Fraction(end))}"
    if plan.extend:
        yield f"the sound is longer than the video ({plan.source_frames} frames): --extend {plan.extend}"
    yield f"faces: {plan.detector}"
    yield f"mouths: {plan.generator}; {plan.engine} on {plan.device}, {plan.precision}"
    parts = "1 part" if plan.parts == 1 else f"{plan.parts} parts"
    yield (
        f"output: {output}, {plan.codec} by {plan.encoder}, {plan.pixel_format}, {plan.width}×{plan.height}, "
        f"{plan.frames} frames at {plan.fps} a second, {time(Fraction(plan.duration))}, in {parts}"
    )
    for one in plan.earlier:
        yield f"there already, if inputs and options are the same: {one.parts} of its parts in {one.folder}"
    for notice in plan.notices:
        yield f"note: {notice}"
    for what, several in commands.items():
        for command in several:
            yield f"{_WHAT[what]}:"
            yield f"  {shlex.join(command)}"


def _input(given: Mapping[str, Any]) -> str:
    picture, sound = given["picture"], given["sound"]
    told = [given["path"]]
    if picture:
        rate = "variable rate, read at" if picture["variable_rate"] else "at"
        turned = f", turned by {picture['rotation']}°" if picture["rotation"] else ""
        told.append(
            f"{picture['codec']} {picture['width']}×{picture['height']} {picture['pixel_format']}{turned}, "
            f"{picture['frames']} frames {rate} {picture['fps']} a second"
        )
    if sound:
        channels = "mono" if sound["channels"] == 1 else f"{sound['channels']} channels"
        told.append(f"{sound['codec']} {sound['sample_rate']} Hz {channels}")
    return ", ".join(told)
