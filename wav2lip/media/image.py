"""Still images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wav2lip.media.clip import Frame
from wav2lip.media.picture import Picture, Pixels

_TRANSPARENT = (b"\x89PNG\r\n\x1a\n", b"RIFF")    # PNG and WebP; what others say of it is seldom meant


def read_image(path: Path) -> Frame | None:
    """Return a still image, uint8 (height, width, 3) BGR, upright as its EXIF tag says, without its transparency.

    None if OpenCV cannot decode it. The file is read here, not by OpenCV, which on Windows knows no Unicode names.
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
    try:
        return np.fromfile(path, np.uint8)
    except OSError:
        return np.empty(0, np.uint8)


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
