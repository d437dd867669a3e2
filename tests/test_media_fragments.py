"""A finished video goes through a pipe as it is: the same packets, and what its container says of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import pytest
from media_samples import run_ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import url
from wav2lip.media.fragments import write_fragments


def packets(path: Path) -> list[tuple[str, float, str]]:
    with av.open(str(path)) as container:
        found = [
            (packet.stream.type, float(packet.pts * packet.time_base), hashlib.sha256(bytes(packet)).hexdigest())
            for packet in container.demux() if packet.size and packet.pts is not None
        ]
    return sorted(found)


def test_packets_and_words_stay_what_they_are(tmp_path: Path) -> None:
    whole, piped = tmp_path / "whole.mp4", tmp_path / "piped.mp4"
    run_ffmpeg(
        "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1", "-pix_fmt", "yuv420p",
        "-metadata", "comment=made by somebody", url(whole),
    )
    with open(piped, "wb") as file:
        write_fragments(whole, file.write)
    assert packets(piped) == packets(whole)
    assert len(packets(piped)) > 25
    with av.open(str(piped)) as container:
        assert container.metadata["comment"] == "made by somebody"


def test_what_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(Wav2LipError, match="could not be written to stdout"):
        write_fragments(tmp_path / "bad.mp4", lambda data: None)
