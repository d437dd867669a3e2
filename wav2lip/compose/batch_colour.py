"""The colours of many faces at once, on any device: what `Palette`, `tone` and `Compositor` do to one with numpy."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from wav2lip.compose.compositor import COLOURLESS, LUMA
from wav2lip.compose.tone import EMPTY, GAIN, GRID, MOST, REACH, SMALLEST_SPREAD
from wav2lip.media.palette import WHITE, Palette
from wav2lip.models.generator import FACE_SIZE


class BatchColours:
    """Between the numbers of pictures and BGR, and from generated faces to the colours of those that they replace.

    Args:
        palette: what the pictures' numbers mean.
        device: where the faces are.
    """

    def __init__(self, palette: Palette, device: str):
        def there(values: np.ndarray) -> Tensor:
            return torch.from_numpy(values.astype(np.float32)).to(device)

        self._level = 2.0 ** (palette.pixels.depth - 8)
        self._matrix, self._offset = there(palette.matrix), there(palette.offset)
        self._inverse, self._zero = there(palette.inverse), there(palette.zero)
        self._curve = palette.curve and (there(palette.curve.to_sdr), there(palette.curve.from_sdr))
        self._luma = there(LUMA)
        self._carry, self._widen = there(_carrying()), there(_widening(FACE_SIZE))

    def to_bgr(self, values: Tensor) -> Tensor:
        """Return the colours that numbers (..., 3) mean, as `Palette.to_bgr`."""
        colours = values @ self._matrix + self._offset
        if self._curve:
            colours = WHITE * _look_up(self._curve[0], colours)
        return colours.clamp(0, WHITE)

    def from_bgr(self, colours: Tensor) -> Tensor:
        """Return the numbers that mean colours (..., 3), as `Palette.from_bgr`."""
        if self._curve:
            colours = _look_up(self._curve[1], (colours.clamp(0, WHITE) / WHITE).sqrt())
        return colours @ self._inverse + self._zero

    def as_colourful(self, faces: Tensor, sources: Tensor) -> Tensor:
        """Return the faces (n, s, s, 3), in grey where the numbers of their sources (n, t, t, 3) are."""
        few = self.to_bgr(_small(sources))
        apart = (few.amax(3) - few.amin(3)).amax((1, 2))[:, None, None, None]
        return torch.where(apart > COLOURLESS, faces, faces @ self._luma)

    def match(self, faces: Tensor, sources: Tensor, masks: Tensor) -> Tensor:
        """Return the faces with the low-frequency colours of their sources along the border, as `match_colour`.

        Args:
            faces, sources: (n, 96, 96, 3), in the pictures' own numbers.
            masks: (n, m, m), how much of each face is shown.
        """
        weights = _small((4 * masks * (1 - masks))[..., None])    # as `border`
        there = weights.sum((1, 2), keepdim=True) >= EMPTY
        ours, theirs = _small(faces), _small(sources)
        weights = weights * self._alike(theirs - ours, weights)
        share = weights / weights.sum((1, 2), keepdim=True)

        def mean(values: Tensor) -> Tensor:
            return (share * values).sum((1, 2), keepdim=True)

        middle, wanted = mean(ours), mean(theirs)
        noise = (SMALLEST_SPREAD * self._level) ** 2
        gain = ((mean((theirs - wanted) ** 2) + noise) / (mean((ours - middle) ** 2) + noise)).sqrt().clamp(*GAIN)
        offset = theirs - (middle + gain * (ours - middle))
        carried = _along(self._carry, torch.cat([offset * weights, weights], 3))
        field = _along(self._widen, carried[..., :-1] / carried[..., -1:].clamp(min=EMPTY))
        return torch.where(there, faces * gain + (middle - gain * middle) + field, faces)

    def _alike(self, difference: Tensor, weights: Tensor) -> Tensor:
        seen = weights > 0.25 * weights.amax((1, 2), keepdim=True)
        usual = difference.masked_fill(~seen, torch.nan).flatten(1, 2).nanquantile(0.5, dim=1)[:, None, None]
        far = (difference - usual).abs().amax(3, keepdim=True)
        return (2 - far / (MOST * self._level)).clamp(0, 1) + 1e-3


def _small(squares: Tensor) -> Tensor:
    """Return the means of the cells of a grid, (n, 24, 24, c) of (n, s, s, c) with s a multiple of 24."""
    n, size, _, channels = squares.shape
    return squares.reshape(n, GRID, size // GRID, GRID, size // GRID, channels).mean((2, 4))


def _along(lines: Tensor, squares: Tensor) -> Tensor:
    """Return squares (n, s, s, c) after the same matrix (t, s) along rows and columns."""
    return torch.einsum("ij,njkc,lk->nilc", lines, squares, lines)


def _look_up(table: Tensor, signal: Tensor) -> Tensor:
    return table[(signal * (len(table) - 1) + 0.5).clamp(0, len(table) - 1).long()]


def _carrying() -> np.ndarray:
    """Return the matrix that blurs an axis of the grid as `tone` does."""
    own = np.eye(GRID, dtype=np.float32)
    return cv2.GaussianBlur(own, (1, 0), sigmaX=1e-6, sigmaY=REACH, borderType=cv2.BORDER_REPLICATE)


def _widening(size: int) -> np.ndarray:
    """Return the matrix that makes an axis of the grid as long as a face's."""
    own = np.eye(GRID, dtype=np.float32)
    return cv2.resize(own, (GRID, size), interpolation=cv2.INTER_LINEAR)
