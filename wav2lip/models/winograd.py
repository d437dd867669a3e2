"""Convolutions of 3 x 3 by fewer multiplications: tiles of a map are brought to where a convolution is a product.

Source: Lavin and Gray 2015 (arXiv 1509.09308), F(4 x 4, 3 x 3) and F(2 x 2, 3 x 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

TOGETHER = 144           # tiles at most that are worked through together: their numbers stay in the processor's cache
EVEN = 12                # tiles: a product of a multiple of so many has the same digits in every row


class _Way(NamedTuple):
    """From a side of the input, from a kernel's side, and back to a side of the result."""

    there: list[list[float]]
    kernel: list[list[float]]
    back: list[list[float]]


# By the numbers of a result's side that are made together; they depend on two more of the input's side.
_WAYS = {
    2: _Way(
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]],
    ),
    4: _Way(
        [
            [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
        ],
        [
            [1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6], [0, 0, 1],
        ],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
    ),
}


class Winograd(nn.Module):
    """A convolution that keeps the size of its map, in float32, on a CPU.

    PyTorch's own takes up to twice as long for 128 channels and more. A result differs by less than a part in 10,000.
    Always as many tiles are worked through together: fewer would get other last digits.

    Args:
        convolution: 3 x 3, padded by one.
        pictures: how many of them mostly come at a time.
        residual: add the input, and take ReLU.
        tile: 4, or 2 for maps that tiles of 4 would not fill; these take more multiplications and half the weights.
    """

    def __init__(self, convolution: Any, pictures: int = 1, *, residual: bool = False, tile: int = 4):
        super().__init__()
        self._pictures, self._residual, self._tile = pictures, residual, tile
        there, kernel, back = (torch.tensor(side, dtype=torch.float64) for side in _WAYS[tile])
        self._there, self._back = torch.kron(there, there).float(), torch.kron(back, back).float()
        weight = with_input(convolution.weight) if residual else convolution.weight.detach()
        made, given = weight.shape[:2]
        spread = torch.kron(kernel, kernel).float() @ weight.permute(2, 3, 1, 0).reshape(9, -1)
        self._weight = spread.view(-1, given, made)
        self._bias = convolution.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        pictures, _, height, width = x.shape
        points, given, made = self._weight.shape
        tile, seen = self._tile, self._tile + 2
        down, across = -(-height // tile), -(-width // tile)
        source = _tiles(framed(x, (tile * down + 2, tile * across + 2)), seen, tile)
        out = x.new_empty(pictures, tile * down, tile * across, made)
        result = _tiles(out, tile, tile)
        at_once, lines = self._together(down, across)
        count = at_once * lines * across
        rows = -(-count // EVEN) * EVEN
        cut, product = _shared(x, (points, rows, given), (points, rows, made))     # one is done with before
        sent, back = _shared(x, (points, rows, given), (tile * tile, rows, made))
        for part in _parts(pictures, at_once, down, lines):
            taken = source[part]
            tiles = taken[0, 0, ..., 0].numel()
            cut[:, tiles:] = 0
            cut[:, :tiles].view(taken.shape).copy_(taken)
            torch.mm(self._there, cut.flatten(1), out=sent.flatten(1))
            torch.bmm(sent, self._weight, out=product)
            product[seen + 1].add_(self._bias)    # what is there comes back as itself, all over the tile
            torch.mm(self._back, product.flatten(1), out=back.flatten(1))
            whole = back[:, :tiles].view(result[part].shape)
            if self._residual:
                torch.clamp_min(whole, 0, out=result[part])
            else:
                result[part].copy_(whole)
        return out[:, :height, :width].contiguous().permute(0, 3, 1, 2)

    def _together(self, down: int, across: int) -> tuple[int, int]:
        """Return of how many pictures, and of these how many lines of tiles, are worked through together."""
        if down * across > TOGETHER:
            return 1, max(1, TOGETHER // across)
        most = TOGETHER // (down * across)
        return max(n for n in range(1, self._pictures + 1) if n <= most and self._pictures % n == 0), down


def with_input(weight: Tensor) -> Tensor:
    """Return the weights (K, K, 3, 3) of a convolution that adds its input to its result, which then costs nothing."""
    weight = weight.detach().clone()
    weight.diagonal()[1, 1] += 1
    return weight


def framed(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return maps (B, C, h, w) as (B, *size, C), one row and one column of zeros before them and the rest behind."""
    height, width = x.shape[2:]
    frame = x.new_zeros(len(x), *size, x.shape[1])
    frame[:, 1 : height + 1, 1 : width + 1] = x.permute(0, 2, 3, 1)
    return frame


def _shared(x: Tensor, one: tuple[int, ...], other: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return room for two arrays of numbers like those of a tensor, in the same memory."""
    sizes = math.prod(one), math.prod(other)
    room = x.new_empty(max(sizes))
    return room[: sizes[0]].view(one), room[: sizes[1]].view(other)


def _tiles(maps: Tensor, side: int, step: int) -> Tensor:
    """Return a view of maps (B, h, w, C) as tiles, (side, side, B, tiles down, tiles across, C)."""
    pictures, height, width, channels = maps.shape
    picture, row, column, one = maps.stride()
    return maps.as_strided(
        (side, side, pictures, (height - side) // step + 1, (width - side) // step + 1, channels),
        (row, column, picture, step * row, step * column, one),
    )


def _parts(pictures: int, at_once: int, down: int, lines: int) -> Iterator[tuple[slice, ...]]:
    """Yield what picks the tiles that are worked through together."""
    every = slice(None)
    for picture in range(0, pictures, at_once):
        for line in range(0, down, lines):
            yield every, every, slice(picture, picture + at_once), slice(line, line + lines)
