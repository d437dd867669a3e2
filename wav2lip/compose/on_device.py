"""Faces cut out and put back on a GPU: their part of a frame goes there once, and what changes of it comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, groupby, islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from wav2lip.compose.batch_colour import BatchColours
from wav2lip.compose.blend import HALF
from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.parsing import FaceParser
from wav2lip.compose.patch import Cut, Patch, Tell
from wav2lip.compose.place import Place, Region, extent, face_lattice
from wav2lip.compose.resample import Line, of_planes, of_squares
from wav2lip.media.palette import Palette
from wav2lip.media.picture import Picture, Pixels
from wav2lip.models.enhancer import Enhancer
from wav2lip.models.generator import FACE_SIZE
from wav2lip.models.memory import enough

Window = tuple[slice, slice]
"""Rows and columns of a plane."""


@dataclass(frozen=True)
class Held:
    """Faces that were cut out together. Planes that are sampled alike lie together, on a sheet.

    Attributes:
        windows: by sheet and face, what of the planes is on the sheet.
        sheets: (n, planes, rows, columns) on the device, uint8, or int16 with the bits of uint16; smaller windows than
            the largest are padded with anything.
        sources: float32 (n, 96, 96, 3) on the device, as `sample_face` gives them.
    """

    windows: list[list[Window]]
    sheets: list[Tensor]
    sources: Tensor


class Handle(NamedTuple):
    """One of them: its row, and how many rows follow."""

    held: Held
    row: int
    after: int


class Shown(NamedTuple):
    """A generated face, how much of it is shown, float32 (192, 192), and where that is in its frame."""

    patch: Patch
    mask: np.ndarray
    region: Region


def can_do(finish: Finish, enhancer: Enhancer | None, parser: FaceParser | None) -> bool:
    """Return whether a `DeviceCompositor` does all that a `Compositor` with the same arguments would."""
    plain = enhancer is None and (parser is None or finish.mask in ("box", "lower"))
    return plain and finish.blend != "poisson" and not finish.grain


class DeviceCompositor:
    """Does what a `Compositor` without enhancer and parser does, on a device and to a batch of faces at a time.

    Rows and columns are sampled apart there, which cannot be done to faces that are turned; a `Compositor` takes those.

    Args:
        palette: what the pictures' numbers mean.
        finish: how it is done; one of those that `can_do` allows.
        device: where, as `choose_device` gives it; the results are equal up to rounding, but for sharp edges of faces
            that a `Compositor` magnifies. Meant for CUDA, where it is not measured yet.
    """

    on_device = True
    tell: Tell | None = None

    def __init__(self, palette: Palette, finish: Finish, device: str):
        self._pixels = palette.pixels
        self._finish = finish
        self._device = device
        self._colours = BatchColours(palette, device)
        self._usual = Compositor(palette, finish)
        torch.backends.cuda.matmul.allow_tf32 = False    # also where somebody has allowed it: see `resample`

    def cut_out(self, pictures: Sequence[Picture], places: Sequence[Place]) -> list[Cut]:
        """Return the face in every picture; what of it is wanted again stays on the device, unless it is turned."""
        turned = [place.angle != 0 for place in places]
        upright = [not one for one in turned]
        cuts = {
            True: iter(self._usual.cut_out([*compress(pictures, turned)], [*compress(places, turned)])),
            False: iter(self._cut_upright([*compress(pictures, upright)], [*compress(places, upright)])),
        }
        return [next(cuts[one]) for one in turned]

    def lower(self, place: Place, landmarks: np.ndarray | None) -> bool:
        """Return whether only the rows of a generated face from `LOWER` on are looked at."""
        return self._finish.lower(place, landmarks)

    def put_back(self, patches: Iterable[Patch]) -> Iterator[Picture]:
        """Yield the frames of patches that follow each other with the faces in them, in order."""
        for turned, some in groupby(patches, key=lambda patch: patch.place.angle != 0):
            if turned:
                self._usual.tell = self.tell
                yield from self._usual.put_back(map(_fetched, some))
            else:
                yield from self._put_upright(some)

    def _cut_upright(self, pictures: Sequence[Picture], places: Sequence[Place]) -> list[Cut]:
        if not places:
            return []
        windows, sheets, sources = [], [], []
        with enough(self._device, len(places)), torch.inference_mode():
            for planes in _together(self._pixels):
                at = [_window(picture, place, planes[0]) for picture, place in zip(pictures, places, strict=True)]
                windows.append(at)
                sheets.append(self._sheet(pictures, planes, at))
                sources.append(self._sampled(sheets[-1], places, self._pixels.steps(planes[0]), at))
            held = Held(windows, sheets, torch.cat(sources, 1).permute(0, 2, 3, 1))
            faces = self._colours.to_bgr(held.sources).round().to(torch.uint8).cpu().numpy()
        return [Cut(Handle(held, row, len(faces) - row - 1), face) for row, face in enumerate(faces)]

    def _put_upright(self, patches: Iterator[Patch]) -> Iterator[Picture]:
        for first in patches:
            # Those that were cut out together come together; to ask for one more would be to wait for the next batch.
            group = [first, *islice(patches, first.source.after)]
            shown = [self._shown(patch) for patch in group]
            changed = iter(self._blended([one for one in shown if one is not None]))
            for patch, one in zip(group, shown, strict=True):
                out = patch.picture.copy()
                if one is not None:
                    for number, values in enumerate(next(changed)):
                        out.planes[number][one.region.part(number)] = values
                yield out

    def _shown(self, patch: Patch) -> Shown | None:
        """Return what is shown of a face; None if that is nothing."""
        mask = self._finish.shape(patch)
        if self.tell is not None:
            self.tell(patch, mask)
        part = extent(mask)
        region = None if part is None else Region.around(patch.place, part, patch.picture)
        return None if region is None else Shown(patch, mask, region)

    def _sheet(self, pictures: Sequence[Picture], planes: Sequence[int], windows: Sequence[Window]) -> Tensor:
        """Return the windows of planes on the device."""
        rows, columns = (max(part.stop - part.start for part in parts) for parts in zip(*windows, strict=True))
        kind = torch.uint8 if self._pixels.depth == 8 else torch.int16
        sheet = torch.empty((len(windows), len(planes), rows, columns), dtype=kind)
        numbers = sheet.numpy().view(self._pixels.dtype)
        for picture, window, into in zip(pictures, windows, numbers, strict=True):
            for plane, to in zip(planes, into, strict=True):
                part = picture.planes[plane][window]
                to[: part.shape[0], : part.shape[1]] = part
        return self._there(sheet)

    def _sampled(
        self, sheet: Tensor, places: Sequence[Place], steps: tuple[int, int], windows: Sequence[Window]
    ) -> Tensor:
        """Return the faces as squares, float32 (n, planes, 96, 96), as `sample_face` does."""
        down, across = [], []
        for place, (rows, columns) in zip(places, windows, strict=True):
            at = face_lattice(place, FACE_SIZE, steps)
            down.append(Line(at.y - rows.start, at.down, rows.stop - rows.start))
            across.append(Line(at.x - columns.start, at.across, columns.stop - columns.start))
        return _product(
            of_planes(down, FACE_SIZE, sheet.shape[2], self._device), _numbers(sheet),
            of_planes(across, FACE_SIZE, sheet.shape[3], self._device),
        ).round()

    def _blended(self, shown: Sequence[Shown]) -> list[list[np.ndarray]]:
        """Return, for every face of a batch, the new numbers of its region in each plane."""
        if not shown:
            return []
        held: Held = shown[0].patch.source.held
        rows = [one.patch.source.row for one in shown]
        changed: list[list[np.ndarray]] = [[] for _ in shown]
        with enough(self._device, len(shown)), torch.inference_mode():
            masks = self._there(torch.from_numpy(np.stack([one.mask for one in shown])))
            faces = self._matched(shown, held.sources[rows], masks)
            for planes, windows, sheet in zip(_together(self._pixels), held.windows, held.sheets, strict=True):
                mixed = self._mixed(shown, faces, masks, planes, sheet[rows], [windows[row] for row in rows])
                for into, numbers in zip(changed, mixed, strict=True):
                    into += list(numbers)
        return changed

    def _matched(self, shown: Sequence[Shown], sources: Tensor, masks: Tensor) -> Tensor:
        """Return the generated faces in the pictures' numbers and their sources' colours, (n, 96, 96, 3)."""
        faces = torch.stack([torch.as_tensor(one.patch.face, device=self._device) for one in shown])
        values = self._colours.from_bgr(self._colours.as_colourful(faces, sources))
        if self._finish.match and self._finish.blend == "soft":
            values = self._colours.match(values, sources, masks)
        return values

    def _mixed(
        self, shown: Sequence[Shown], faces: Tensor, masks: Tensor, planes: list[int], sheet: Tensor,
        windows: list[Window],
    ) -> Iterator[np.ndarray]:
        """Yield the new numbers of every face's region in planes that lie together, (planes, rows, columns)."""
        parts = [one.region.part(planes[0]) for one in shown]
        # One rectangle of the sheet holds the regions of all.
        (top, bottom), (left, right) = (
            (
                min(part[axis].start - window[axis].start for part, window in zip(parts, windows, strict=True)),
                max(part[axis].stop - window[axis].start for part, window in zip(parts, windows, strict=True)),
            )
            for axis in (0, 1)
        )
        corners = [(window[0].start + top, window[1].start + left) for window in windows]
        size = bottom - top, right - left
        whole = 0 in planes                      # the eye sees less in the chroma
        ours = self._placed(faces[..., planes].permute(0, 3, 1, 2), shown, planes[0], corners, size, cubic=whole)
        seen = self._placed(masks[:, None], shown, planes[0], corners, size, cubic=False, empty=True)
        if self._finish.blend == "hard":
            seen = (seen >= HALF).float()
        opacity = torch.tensor([one.patch.opacity for one in shown], dtype=torch.float32, device=self._device)
        source = _numbers(sheet[..., top:bottom, left:right])
        mixed = (source + (ours - source) * (opacity[:, None, None, None] * seen)).round()
        mixed = mixed.clamp(0, 2**self._pixels.depth - 1).to(torch.int32).to(sheet.dtype)
        for numbers, (down, across), (y, x) in zip(mixed.cpu().numpy(), parts, corners, strict=True):
            part = numbers[:, down.start - y : down.stop - y, across.start - x : across.stop - x]
            yield part.view(self._pixels.dtype)

    def _placed(
        self, squares: Tensor, shown: Sequence[Shown], plane: int, corners: Sequence[tuple[int, int]],
        size: tuple[int, int], *, cubic: bool, empty: bool = False,
    ) -> Tensor:
        """Return what squares (n, k, s, s) show in rectangles of a plane, (n, k, *size), as `Region.read` does."""
        square = squares.shape[-1]
        down, across = [], []
        for one, (y, x) in zip(shown, corners, strict=True):
            brought, smooth, at = one.region.lattice(square, plane, cubic=cubic)
            rows, columns = one.region.part(plane)
            down.append(Line(at.y + (y - rows.start) * at.down, at.down, brought, smooth))
            across.append(Line(at.x + (x - columns.start) * at.across, at.across, brought, smooth))
        return _product(
            of_squares(down, size[0], square, self._device, empty=empty), squares,
            of_squares(across, size[1], square, self._device, empty=empty),
        )

    def _there(self, tensor: Tensor) -> Tensor:
        """Return a tensor on the device. What lies in pinned memory is copied while the program goes on."""
        pinned = tensor.pin_memory() if self._device.startswith("cuda") else tensor
        return pinned.to(self._device, non_blocking=True)


def _fetched(patch: Patch) -> Patch:
    """Return a patch whose generated face is an array, wherever it was made."""
    return patch._replace(face=torch.as_tensor(patch.face).cpu().numpy())


def _together(pixels: Pixels) -> list[list[int]]:
    """Return the planes that are sampled alike."""
    return [[0, 1, 2]] if pixels.rgb else [[0], [1, 2]]


def _window(picture: Picture, place: Place, plane: int) -> Window:
    """Return what of a plane is needed to sample a face, and to put another into its place."""
    at = face_lattice(place, FACE_SIZE, picture.pixels.steps(plane))
    region = Region.around(place, (0, 0, 1, 1), picture)
    part = (None, None) if region is None else region.part(plane)
    rows, columns = picture.planes[plane].shape
    return _touched(at.y, at.down, rows, part[0]), _touched(at.x, at.across, columns, part[1])


def _touched(start: float, step: float, length: int, part: slice | None) -> slice:
    """Return what an axis of a plane needs: the neighbours of every sample, and a part of it."""
    first, last = (int(min(max(at, 0), length - 1)) for at in (start, start + (FACE_SIZE - 1) * step))
    stop = min(last + 2, length)
    return slice(first, stop) if part is None else slice(min(first, part.start), max(stop, part.stop))


def _numbers(sheet: Tensor) -> Tensor:
    """Return the numbers of a sheet as float32."""
    return sheet.float() if sheet.dtype == torch.uint8 else (sheet.to(torch.int32) & 0xFFFF).float()


def _product(rows: Tensor, squares: Tensor, columns: Tensor) -> Tensor:
    """Return (n, k, rows, columns) of squares (n, k, s, t) by matrices (n, rows, s) and (n, columns, t)."""
    return rows[:, None] @ squares @ columns[:, None].mT
