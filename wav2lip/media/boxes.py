"""What the index of an MP4 or MOV claims, found out before ffmpeg makes a table of it that fills the memory."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from wav2lip.errors import MediaError
from wav2lip.media.limits import limits

_NESTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf")
_LONG_HEADER = 16                                 # bytes, of a box whose length takes 64 bits
_OWN_SIZES = 0x200                                # a run's flag: it has a size, and so some bytes, for every sample


def check_index(path: Path) -> None:
    """Refuse a file of some KB that claims millions of samples, which is done without a byte for each.

    Args:
        path: a file of any kind; one of other kinds claims nothing here.

    Raises:
        MediaError: it does so.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        most = max(size, limits().frames)
        samples = 0
        for number, (name, start) in enumerate(_boxes(file, size)):
            if name in (b"stsz", b"trun"):
                samples += _samples(file, name, start)
            if samples > most or number > limits().frames:
                raise MediaError(
                    f"{path} claims {max(samples, number):,} pictures or sounds and has {size:,} bytes: it is damaged, "
                    "or made to fill the memory."
                )


def _samples(file: IO[bytes], name: bytes, start: int) -> int:
    """Return how many samples a table claims that takes no room for them."""
    file.seek(start)
    head = file.read(12)
    if len(head) < 12:
        return 0
    if name == b"stsz":
        _, each, count = struct.unpack(">III", head)
        return count if each else 0
    flags, count = struct.unpack(">II", head[:8])
    return 0 if flags & _OWN_SIZES else count


def _boxes(file: IO[bytes], size: int) -> Iterator[tuple[bytes, int]]:
    """Yield name and where its content starts of every box on the way to the tables, as ffmpeg goes through them."""
    at, ends = 0, [size]
    while ends:
        if at + 8 > ends[-1]:
            at = ends.pop()
            continue
        file.seek(at)
        head = file.read(_LONG_HEADER)
        if len(head) < 8:
            return
        length, name, start = int.from_bytes(head[:4], "big"), head[4:8], at + 8
        if length == 1 and len(head) == _LONG_HEADER:
            length, start = int.from_bytes(head[8:], "big"), at + _LONG_HEADER
        end = ends[-1] if length == 0 else min(at + length, ends[-1])
        if end < start:
            at = ends.pop()                       # a length that cannot be: the rest is not looked at
            continue
        yield name, start
        if name in _NESTS:
            ends.append(end)
            at = start
        else:
            at = end
