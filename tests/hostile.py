"""Every hostile input, one after the other: `python tests/hostile.py [part of a name]` prints how each ended.

`python tests/hostile.py 1/2` takes every other one, so that two processes share them.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))  # as pytest does

from hostile_case import Case
from hostile_media import sound_cases, video_cases
from hostile_run import Outcome, become_parent_of_orphans, import_everything, run
from hostile_weights import weights_cases
from hostile_words import command_cases, long_name_cases, name_cases, option_cases, text_cases
from media_samples import make_sound, numbered_video
from seeded import seeded

from wav2lip.models.generator import Generator
from wav2lip.models.load import save_network

CORPUS = (video_cases, sound_cases, weights_cases, text_cases, option_cases, name_cases, long_name_cases, command_cases)


def all_cases() -> list[Case]:
    """Return every input there is."""
    return [case for cases in CORPUS for case in cases()]


def make_good(folder: Path) -> None:
    """Make the files that every case finds in its folder."""
    numbered_video(folder / "face.mp4", 6, 25)
    make_sound(folder / "speech.wav", 0.2)
    save_network(seeded(Generator(1)), folder / "tiny.safetensors")


def run_all(cases: list[Case], folder: Path) -> Iterator[Outcome]:
    """Run cases in folders below one that is empty."""
    os.environ |= {"WAV2LIP_OFFLINE": "1", "OMP_NUM_THREADS": "1", "WAV2LIP_LIMITS": ""}
    import_everything()
    become_parent_of_orphans()
    good = folder / "good"
    good.mkdir()
    make_good(good)
    for number, case in enumerate(cases):
        place, scratch = folder / f"{number}", folder / f"{number}-scratch"
        shutil.copytree(good, place)
        scratch.mkdir()
        yield run(case, place, scratch)
        shutil.rmtree(place)
        shutil.rmtree(scratch)


def main() -> None:
    shares = [word for word in sys.argv[1:] if re.fullmatch("[0-9]/[0-9]", word)]
    cases = [case for case in all_cases() if all(word in case.name for word in sys.argv[1:] if word not in shares)]
    for share in shares:
        which, of = map(int, share.split("/"))
        cases = cases[which - 1 :: of]
    bad, begun = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for outcome in run_all(cases, Path(folder)):
            bad += [outcome] if outcome.faults else []
            errors = [line for line in outcome.said.splitlines() if line.startswith("Error: ")]
            print(
                f"{outcome.case.name:<40} {outcome.code:>3} {outcome.seconds:5.1f} s {outcome.peak >> 20:>5} MB  "
                f"{'!! ' * bool(outcome.faults)}{'; '.join(outcome.faults)} {' '.join(errors)[:150]}",
                flush=True,
            )
    used = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{len(cases)} inputs, {len(bad)} of them wrong; {time.monotonic() - begun:.0f} s, {used:.0f} s of a core.")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
