"""Still images."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

from wav2lip.errors import MediaError
from wav2lip.media.clip import Frame
from wav2lip.media.limits import allow, limits
from wav2lip.media.picture import Picture, Pixels

_BYTES_A_PIXEL = 16                               # more than any picture takes that is not packed at all
_TRANSPARENT = (b"\x89PNG\r\n\x1a\n", b"RIFF")    # PNG and WebP; what others say of it is seldom meant


def read_image(path: Path) -> Frame | None:
    """Return a still image, uint8 (height, width, 3) BGR, upright as its EXIF tag says, without its transparency.

    None if OpenCV cannot decode it. The file is read here, not by OpenCV, which on Windows knows no Unicode names.

    Raises:
        MediaError: it is larger than is allowed; this goes for all of these functions.
    """
    import cv2

    return _decode(_content(path), cv2.IMREAD_COLOR)


def describe_image(path: Path) -> tuple[int, int, Pixels] | None:
    """Return width and height of a still image, upright, and the layout that holds all of it.

    None if OpenCV cannot decode it.
    """
    colours, opacity = _whole(path)
    if colours is None:
        return None
    height, width = colours.shape[:2]
    return width, height, Pixels(16 if colours.dtype == np.uint16 else 8, rgb=True, alpha=opacity is not None)


def read_deep_image(path: Path, pixels: Pixels) -> Picture | None:
    """Return a still image, upright as its EXIF tag says, with all its bits and its transparency.

    Args:
        path: of the image.
        pixels: green, blue and red of 8 or 16 bits; alpha of an image that has none is opaque.

    None if OpenCV cannot decode it.
    """
    colours, opacity = _whole(path)
    if colours is None:
        return None
    most = 2**pixels.depth - 1
    if opacity is None:
        opacity = np.full(colours.shape[:2], np.iinfo(colours.dtype).max, colours.dtype)
    planes = [colours[..., 1], colours[..., 0], colours[..., 2], opacity][: 3 + pixels.alpha]
    if colours.dtype != pixels.dtype or pixels.depth not in (8, 16):
        scale = most / np.iinfo(colours.dtype).max
        planes = [np.rint(plane * scale) for plane in planes]
    return Picture(tuple(np.array(plane, pixels.dtype, order="C") for plane in planes), pixels)


def _whole(path: Path) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return an image's BGR of 8 or 16 bits and, where it is not opaque, its alpha, both upright."""
    import cv2

    content = _content(path)
    colours = _decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if colours is not None and colours.dtype not in (np.uint8, np.uint16):
        colours = _decode(content, cv2.IMREAD_COLOR)
    if colours is None or not content[:8].tobytes().startswith(_TRANSPARENT):
        return colours, None
    stored = _decode(content, cv2.IMREAD_UNCHANGED)
    if stored is None or stored.shape[2:] != (4,) or stored.dtype != colours.dtype:
        return colours, None
    # Read with its alpha an image comes as it lies: turn it until its colours are those of the upright one.
    for turned in _turns(stored):
        if np.array_equal(turned[..., :3], colours):
            alpha = turned[..., 3]
            return colours, None if (alpha == np.iinfo(alpha.dtype).max).all() else alpha
    return colours, None


def _turns(image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an image as it is, then in the other seven ways that an EXIF tag can turn it."""
    for flipped in (image, image[:, ::-1]):
        for quarters in range(4):
            yield np.rot90(flipped, quarters)


def _content(path: Path) -> np.ndarray:
    """Return an image file's bytes; none where it cannot be read, or nobody knows how large the picture in it is."""
    size = _size(path)
    if size is None:
        return np.empty(0, np.uint8)
    allow(path, pixels=size[0] * size[1])
    try:
        if os.stat(path).st_size > _BYTES_A_PIXEL * limits().pixels:
            raise MediaError(f"{path} is no picture that can be used: it is {os.stat(path).st_size / 1e9:.0f} GB long.")
        return np.fromfile(path, np.uint8)
    except OSError:
        return np.empty(0, np.uint8)


def _size(path: Path) -> tuple[int, int] | None:
    """Return width and height that an image's header tells, before anything is decoded; None where it tells none."""
    from PIL.BmpImagePlugin import BmpImageFile
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.TiffImagePlugin import TiffImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    # One by one, not by Image.open: that has a limit of its own, for all of the process.
    for kind in (JpegImageFile, PngImageFile, WebPImageFile, TiffImageFile, BmpImageFile):
        with suppress(Exception), warnings.catch_warnings():    # each raises many kinds for what is not its own
            warnings.simplefilter("ignore")
            with open(path, "rb") as file, kind(file, str(path)) as image:
                return image.size
    return None


def _decode(content: np.ndarray, how: int) -> np.ndarray | None:
    """Return what OpenCV makes of an image file; None if it can make nothing of it."""
    import cv2

    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)   # damage is reported by the caller
    try:
        image: np.ndarray | None = cv2.imdecode(content, how)
        return image
    except cv2.error:
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
