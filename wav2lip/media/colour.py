"""Between the numbers of a video and the colours that they mean."""

from __future__ import annotations

from wav2lip.media.clip import Colour

# The numbers of ISO/IEC 23091-2, with ffmpeg's names for them.
MATRICES = {
    0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
    10: "bt2020c", 11: "smpte2085", 12: "chroma-derived-nc", 13: "chroma-derived-c", 14: "ictcp",
}
PRIMARIES = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020", 10: "smpte428",
    11: "smpte431", 12: "smpte432", 22: "ebu3213",
}
TRANSFERS = {
    1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100", 10: "log316",
    11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12", 16: "smpte2084",
    17: "smpte428", 18: "arib-std-b67",
}
RANGES = {1: "tv", 2: "pc"}                       # ffmpeg's own numbers

RGB = "gbr"
"""The matrix of a video that stores red, green and blue themselves."""

PQ, HLG = "smpte2084", "arib-std-b67"
"""The transfers of high dynamic range: of absolute light (HDR10, Dolby Vision), and relative (broadcast, phones)."""

# The scaler's names for the matrices that it can compute with.
_SCALER_MATRICES = {
    "bt709": "bt709", "fcc": "fcc", "bt470bg": "bt601", "smpte170m": "bt601", "smpte240m": "smpte240m",
    "bt2020nc": "bt2020", "bt2020c": "bt2020",
}
_HD_LONG, _HD_SHORT = 1280, 720                   # pixels: from 1280×720 on, cropped to any shape


def scaler_matrix(colour: Colour, width: int, height: int) -> str:
    """Return the matrix to convert with, in the scaler's name: the tagged one, else what players take by the size.

    Args:
        colour: the video's tags.
        width, height: of its picture, in pixels, in either orientation.
    """
    tagged = _SCALER_MATRICES.get(colour.matrix or "")
    if tagged:
        return tagged
    return "bt709" if max(width, height) >= _HD_LONG or min(width, height) >= _HD_SHORT else "bt601"


def full_range(colour: Colour) -> bool:
    """Return whether the video uses all 256 levels; untagged video uses 16 to 235."""
    return colour.range == "pc"


def levels(colour: Colour) -> str:
    """Return the range to convert with, in the scaler's name: "pc" for all 256 levels, else "tv"."""
    return "pc" if full_range(colour) else "tv"


def high_range(colour: Colour) -> bool:
    """Return whether the video is HDR."""
    return colour.transfer in (PQ, HLG)


def encoded_tags(colour: Colour, *, rgb: bool) -> Colour:
    """Return the tags of the video that frames of a source are encoded to.

    Args:
        colour: the source's tags.
        rgb: whether the encoder stores red, green and blue themselves.

    Returns:
        The source's own tags where they still hold; untagged stays untagged. What was RGB is BT.709 as YUV, or BT.2020
        where its primaries are.
    """
    if rgb:
        return Colour(RGB, colour.primaries, colour.transfer, "pc")
    if colour.matrix == RGB:
        if colour.primaries == "bt2020":
            return Colour("bt2020nc", colour.primaries, colour.transfer, "tv")
        return Colour("bt709", colour.primaries or "bt709", colour.transfer or "bt709", "tv")
    if colour.matrix is not None and colour.matrix not in _SCALER_MATRICES:
        return Colour(None, colour.primaries, colour.transfer, colour.range)
    return colour


def numbers(colour: Colour) -> tuple[int, int, int, int]:
    """Return (matrix, primaries, transfer, range) as ffmpeg's numbers, which all its versions take; unknown is 2, 0."""
    return (
        _number(MATRICES, colour.matrix, 2),
        _number(PRIMARIES, colour.primaries, 2),
        _number(TRANSFERS, colour.transfer, 2),
        _number(RANGES, colour.range, 0),
    )


def _number(names: dict[int, str], name: str | None, unknown: int) -> int:
    return next((number for number, known in names.items() if known == name), unknown)
