"""An ffmpeg that pretends to have an NVIDIA GPU: it notes what it is told, and lets a software codec do the work."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from wav2lip.media.ffmpeg import binary

SCRIPT = '''
import json, os, subprocess, sys

REAL, LOG, MANNER = {real!r}, {log!r}, {manner!r}
SOFTWARE = {{"h264_nvenc": "libx264", "hevc_nvenc": "libx265", "av1_nvenc": "libsvtav1"}}
words = sys.argv[1:]

def take(option):
    """Remove an option and return its value."""
    if option not in words:
        return None
    place = words.index(option)
    value = words[place + 1]
    del words[place : place + 2]
    return value

if words == ["-encoders"]:
    print(subprocess.run([REAL, "-encoders"], stdout=subprocess.PIPE, text=True).stdout)
    print("\\n".join(f" V....D {{name}} NVIDIA" for name in SOFTWARE))
    sys.exit()
if words == ["-hwaccels"]:
    print("Hardware acceleration methods:\\ncuda\\n")
    sys.exit()
if words[:1] == ["-h"] and words[1].removeprefix("encoder=") in SOFTWARE:
    print("    Supported pixel formats: yuv420p nv12 p010le yuv444p cuda")
    sys.exit()

given = list(words)
gpu = next((word for word in words if word in SOFTWARE), None)
if gpu or "-hwaccel" in words:
    with open(LOG, "a") as log:
        log.write(json.dumps(given) + "\\n")
if gpu:
    if MANNER == "dies" and "null" not in words:
        sys.stdin.buffer.read(100_000)
        sys.exit("[h264_nvenc @ 0x5581] EncodePicture failed!: device lost (22)")
    for option in ("-gpu", "-rc", "-b:v", "-cq", "-preset"):
        take(option)
    quality = {{"libx264": ["-crf", "1"], "libx265": ["-x265-params", "lossless=1:log-level=error"]}}
    place = words.index(gpu)
    words[place : place + 1] = [SOFTWARE[gpu], *quality.get(SOFTWARE[gpu], [])]
if "-hwaccel" in words:
    if MANNER == "dies" and "-hwaccel_output_format" not in words:
        sys.exit("[h264 @ 0x5581] cuvid decode failed: device lost (22)")
    for option in ("-hwaccel", "-hwaccel_device", "-hwaccel_output_format"):
        take(option)
    place = words.index("-vf") + 1
    filters = words[place].removeprefix("hwdownload,")
    layout = "p010le" if "yuv420p10le" in filters else "nv12"
    levels = "pc" if "in_range=pc" in filters else "tv"
    wrong = "negate," if MANNER == "wrong" else ""
    words[place] = f"{{wrong}}scale=in_range={{levels}}:out_range={{levels}},format={{layout}},{{filters}}"
os.execv(REAL, [REAL, *words])
'''


class PretendedGpu:
    """The ffmpeg that runs from now on.

    Args:
        folder: where it may put its files.
        manner: "works"; "dies" when it is no longer a trial; "wrong" decodes another picture.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, manner: str = "works"):
        self._log = folder / "gpu.log"
        program = folder / "ffmpeg"
        text = SCRIPT.format(real=binary(), log=str(self._log), manner=manner)
        program.write_text(f"#!{sys.executable}\n{text}")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("WAV2LIP_FFMPEG", str(program))

    @property
    def commands(self) -> list[list[str]]:
        """What it was told that a GPU has to do with, the trials included."""
        return [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []


def value(command: list[str], option: str) -> str:
    """Return the value of an option on a command line."""
    return command[command.index(option) + 1]
