"""Between the numbers of a picture and the colours that networks know: BGR of standard dynamic range, 0 to 255.

Sources: ITU-R BT.601, BT.709, BT.2020 and SMPTE ST 240 for the matrices; SMPTE ST 2084 and ITU-R BT.2100 for the HDR
transfers; ITU-R BT.2408 for where white is in them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from wav2lip.media.clip import Colour, Frame
from wav2lip.media.colour import PQ, full_range, high_range, scaler_matrix
from wav2lip.media.picture import Pixels

WHITE = 255.0
REFERENCE_WHITE = 203.0                           # cd/m²: BT.2408; it is 75 % of the HLG signal
DISPLAY_GAMMA = 2.4                               # of an SDR screen: BT.1886
HLG_SYSTEM_GAMMA = 1.2                            # of a screen of 1000 cd/m²: BT.2100
_HLG_WHITE = 0.75
_PQ_PEAK = 10_000.0                               # cd/m²

# What red and blue weigh in luma, by the scaler's names; green weighs the rest.
_WEIGHTS = {
    "bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593), "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}
_STEPS = 1 << 16                                  # of a table: off by a fiftieth of a 10-bit code at most


class Palette:
    """What the numbers of a picture mean, in both directions. SDR is an affine map; HDR has a curve after it.

    Networks know no HDR. They are shown what an SDR screen would show: for PQ and HLG every channel goes through
    light to gamma 2.4 with the reference white at 255, and back. Brighter than that is white to them, so that a white
    that a network makes comes out as paper, not as a lamp. Primaries stay those of the file.

    Args:
        colour: the tags of the picture.
        pixels: its layout; its alpha is no colour, and how far its chroma is shared does not matter.
        width, height: of the whole picture, in pixels: they tell the matrix where the tags do not.

    Attributes:
        matrix, offset: numbers @ matrix + offset is BGR, of 255 or, where there is a curve, the signal in [0, 1].
        inverse, zero: BGR, likewise, @ inverse + zero is numbers.
        curve: between the signal and SDR; None where they are the same.
    """

    def __init__(self, colour: Colour, pixels: Pixels, width: int, height: int):
        self.pixels = pixels
        matrix, zero = _meaning(colour, pixels, width, height)
        self.curve = _curve(str(colour.transfer)) if high_range(colour) else None
        scale = WHITE if self.curve is None else 1.0
        self.matrix = (scale * matrix).T.astype(np.float32)
        self.offset = (-scale * matrix @ zero).astype(np.float32)
        self.inverse = np.linalg.inv(scale * matrix).T.astype(np.float32)
        self.zero = zero.astype(np.float32)

    def to_bgr(self, values: np.ndarray) -> np.ndarray:
        """Return the colours that numbers mean.

        Args:
            values: (..., 3), in the order of the planes: luma, blue and red chroma, or green, blue and red.

        Returns:
            float32 (..., 3), BGR in [0, 255], unrounded; what lies outside is clipped.
        """
        colours = np.asarray(values, np.float32) @ self.matrix
        colours += self.offset
        if self.curve is not None:
            colours = _look_up(self.curve.to_sdr, colours)
            colours *= np.float32(WHITE)
        return np.clip(colours, 0, WHITE, out=colours)

    def from_bgr(self, colours: np.ndarray) -> np.ndarray:
        """Return the numbers that mean colours.

        Args:
            colours: (..., 3), BGR; where there is no curve also outside [0, 255].

        Returns:
            float32 (..., 3) in the order of the planes, neither rounded nor clipped.
        """
        colours = np.asarray(colours, np.float32)
        if self.curve is not None:
            # The root keeps the table fine near black, where the curve is steep.
            colours = _look_up(self.curve.from_sdr, np.sqrt(np.clip(colours, 0, WHITE) * np.float32(1 / WHITE)))
        values = colours @ self.inverse
        values += self.zero
        return values


def as_seen(frame: Frame, colour: Colour) -> Frame:
    """Return a frame of `read_frames`, whose HDR is a signal, as an SDR screen would show it; any other as it is.

    Args:
        frame: uint8 (..., 3), BGR.
        colour: the tags of the video that it is from.
    """
    if not high_range(colour):
        return frame
    shown = _look_up(_curve(str(colour.transfer)).to_sdr, np.linspace(0, 1, 256, dtype=np.float32))
    return np.rint(WHITE * np.clip(shown, 0, 1)).astype(np.uint8)[frame]


class Curve(NamedTuple):
    """Between an HDR signal in [0, 1] and the SDR signal of the same light, white 1, as tables of even steps."""

    to_sdr: np.ndarray                            # by the HDR signal
    from_sdr: np.ndarray                          # by the root of the SDR signal


@lru_cache
def _curve(transfer: str) -> Curve:
    steps = np.linspace(0, 1, _STEPS)
    if transfer == PQ:
        to_sdr = (pq_light(steps) / REFERENCE_WHITE) ** (1 / DISPLAY_GAMMA)
        from_sdr = pq_signal(REFERENCE_WHITE * steps ** (2 * DISPLAY_GAMMA))
    else:
        # The screen's light is scene light to the power of 1.2; its SDR signal the root of 2.4 of that.
        power, white = HLG_SYSTEM_GAMMA / DISPLAY_GAMMA, hlg_light(np.array(_HLG_WHITE))
        to_sdr = (hlg_light(steps) / white) ** power
        from_sdr = hlg_signal(white * steps ** (2 / power))
    return Curve(to_sdr.astype(np.float32), from_sdr.astype(np.float32))


def pq_light(signal: np.ndarray) -> np.ndarray:
    """Return the light, in cd/m², of a PQ signal in [0, 1]. Source: SMPTE ST 2084, equation 4.1."""
    root = signal ** (1 / _M2)
    return _PQ_PEAK * (np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def pq_signal(light: np.ndarray) -> np.ndarray:
    """Return the PQ signal of light in cd/m². Source: SMPTE ST 2084, equation 5.1."""
    power = (light / _PQ_PEAK) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def hlg_light(signal: np.ndarray) -> np.ndarray:
    """Return the scene's light in [0, 1] of an HLG signal in [0, 1]. Source: ITU-R BT.2100, table 5."""
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)


def hlg_signal(light: np.ndarray) -> np.ndarray:
    """Return the HLG signal of a scene's light in [0, 1]. Source: ITU-R BT.2100, table 5."""
    return np.where(light <= 1 / 12, np.sqrt(3 * light), _A * np.log(np.maximum(12 * light - _B, 1e-9)) + _C)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A = 0.17883277
_B, _C = 1 - 4 * _A, 0.5 - _A * float(np.log(4 * _A))


def _look_up(table: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Return the table's entries nearest to a signal, which is clipped to [0, 1]."""
    at = signal * np.float32(len(table) - 1)
    at += np.float32(0.5)
    return table.take(np.clip(at, 0, len(table) - 1, out=at).astype(np.int32))


def _meaning(colour: Colour, pixels: Pixels, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (matrix, zero): BGR in [0, 1] is matrix @ (values - zero)."""
    most = 2**pixels.depth - 1
    if pixels.rgb:
        return np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]) / most, np.zeros(3)
    red, blue = _WEIGHTS[scaler_matrix(colour, width, height)]
    green = 1 - red - blue
    matrix = np.array([
        [1, 2 * (1 - blue), 0],
        [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
        [1, 0, 2 * (1 - red)],
    ])
    unit = 2.0 ** (pixels.depth - 8)
    luma, chroma, black = (most, most, 0) if full_range(colour) else (219 * unit, 224 * unit, 16 * unit)
    return matrix / [luma, chroma, chroma], np.array([black, 128 * unit, 128 * unit])
