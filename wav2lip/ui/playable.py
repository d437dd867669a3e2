"""What browsers can show of any video or picture."""

from __future__ import annotations

from pathlib import Path

import ffmpeg

from wav2lip.errors import Wav2LipError
from wav2lip.media.ffmpeg import Process, command, open_input, url
from wav2lip.media.probe import probe

WIDEST = 1280                                   # pixels of a copy
_FILES = {".mp4": ("h264",), ".m4v": ("h264",), ".webm": ("vp8", "vp9", "av1")}
_PLAIN = ("yuv420p", "yuvj420p", "yuva420p")
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")


def playable(path: Path, folder: Path, *, still: bool = False) -> Path:
    """Return the file itself if every browser shows it, else a small copy that they do.

    Args:
        path: a video or picture.
        folder: for the copy; it is made.
        still: whether a picture of a video that they do not play is enough.

    Raises:
        MediaError: the file cannot be read.
        Wav2LipError: it cannot be copied.
    """
    clip = probe(path)
    ending = path.suffix.lower()
    if clip.image and ending in PICTURES:
        return path
    if not clip.image and clip.codec in _FILES.get(ending, ()) and clip.pixel_format in _PLAIN:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    still = still or clip.image
    copy = folder / f"{path.stem}.{'png' if still else 'mp4'}"
    given = open_input(path)
    # The sides of a video in yuv420p are even.
    video = given["V:0"].filter("scale", f"min({WIDEST},iw)" if still else f"trunc(min({WIDEST},max(iw,2))/2)*2", -2)
    sound = [given["a:0"]] if clip.sound and not still else []
    kind = {"vframes": 1} if still else {"vcodec": "libx264", "preset": "veryfast", "pix_fmt": "yuv420p"}
    with Process(command(ffmpeg.output(video, *sound, url(copy), y=None, **kind))) as process:
        if process.finish() != 0:
            raise Wav2LipError(f"{path} cannot be shown: {process.last_words()}.")
    return copy
