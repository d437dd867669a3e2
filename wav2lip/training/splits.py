"""Which clips are trained on, and which are held out to judge by."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from wav2lip.errors import UsageError
from wav2lip.training.layout import TrainingClip, find_clips

HELD_OUT_BELOW = 40           # of 256: about 16 % of the clips are never trained on


def is_held_out(name: str) -> bool:
    """Return whether the clip of this name (its file's stem) is for validation: first byte of its MD5 below 40."""
    return hashlib.md5(os.fsencode(name), usedforsecurity=False).digest()[0] < HELD_OUT_BELOW


def split(
    root: Path, filelists: Path | None = None, *, trained: bool = True
) -> tuple[list[TrainingClip], list[TrainingClip]]:
    """Return the clips of a data set to train on, and those held out.

    Args:
        root: a folder of preprocessed clips.
        filelists: a folder with train.txt and val.txt, which name clips by their path below the root, first word of
            each line, as the original has them; None decides by the names.
        trained: whether there must be clips to train on; judging needs none.

    Raises:
        UsageError: there are no clips, or none to train on, or a list cannot be read.
    """
    clips = find_clips(root)
    if filelists:
        listed = [_listed(filelists / f"{part}.txt") for part in ("train", "val")]
        train, held = ([c for c in clips if c.folder.relative_to(root).as_posix() in names] for names in listed)
    else:
        train = [clip for clip in clips if not is_held_out(clip.name)]
        held = [clip for clip in clips if is_held_out(clip.name)]
    if trained and not train:
        why = f"{filelists / 'train.txt'} names none of them" if filelists else "all are held out by their names"
        raise UsageError(f"{root} holds {len(clips)} clips, but {why}; there is nothing to train on.")
    return train, held


def _listed(path: Path) -> set[str]:
    try:
        lines: Sequence[str] = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The file list {path} cannot be read: {error}.") from None
    return {line.split()[0] for line in lines if line.strip()}
