"""WAV files of any length, whose length is known before they are written."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from wav2lip.media.clip import SPEAKERS

_EXTENSIBLE = 0xFFFE
_PCM, _FLOAT = 1, 3
_GUID = bytes.fromhex("000000001000800000aa00389b71")     # what follows the kind in every standard sub-format
_FORMAT = struct.Struct("<HHIIHHHHIH14s")
_MOST = 0xFFFFFFFF                                # bytes that 32 bits can count


def wave_header(rate: int, channels: int, bits: int, floating: bool, frames: int, speakers: Sequence[str]) -> bytes:
    """Return all of a WAV file that comes before its samples; beyond 4 GiB it is an RF64 file.

    Args:
        rate: Hz.
        channels: how many.
        bits: of a sample.
        floating: whether samples are floating-point numbers.
        frames: samples of each channel.
        speakers: what each channel is for, of `SPEAKERS`; left out where that is not the order of WAV files.

    Source: Microsoft's WAVEFORMATEXTENSIBLE; EBU Tech 3306 (RF64).
    """
    mask = [SPEAKERS[speaker] for speaker in speakers]
    frame = channels * bits // 8                  # bytes
    form = _FORMAT.pack(
        _EXTENSIBLE, channels, rate, rate * frame, frame, bits, 22, bits,
        sum(mask) if mask == sorted(set(mask)) else 0, _FLOAT if floating else _PCM, _GUID,
    )
    size = frames * frame
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    whole = 4 + len(chunks) + 8 + size + size % 2           # after the file's first 8 bytes
    if whole <= _MOST:
        return b"RIFF" + struct.pack("<I", whole) + b"WAVE" + chunks + b"data" + struct.pack("<I", size)
    sizes = b"ds64" + struct.pack("<IQQQI", 28, whole + 36, size, frames, 0)
    return b"RF64" + struct.pack("<I", _MOST) + b"WAVE" + sizes + chunks + b"data" + struct.pack("<I", _MOST)
