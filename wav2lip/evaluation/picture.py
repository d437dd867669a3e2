"""How good the pictures of a lip-synced video are: sharpness, seams, trembling, nearness to a reference."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import cv2
import numpy as np

from wav2lip.faces.boxes import Box
from wav2lip.media.clip import Frame
from wav2lip.models.generator import FACE_SIZE, MOUTH

SMALLEST = 32          # pixels: smaller faces are not measured: their mouth is hardly larger than an SSIM's window
SAMPLED = 192          # pixels: twice the generator's size, so that what it cannot draw is seen to be missing
MOST_PSNR = 100.0      # dB, of a frame: equal ones would have infinitely many

SEAM_REACH = 0.04      # of the face: how far the edge of a paste is from a detected side; twice the detectors' tremble
SEAM_NEARBY = 0.15     # of the face: how far the lines reach that it is compared with
SEAM_BELOW = 10        # pixels: the default padding, by which a pasted face goes further down

SSIM_SIGMA = 1.5       # pixels
SSIM_MARGIN = 5        # pixels from the centre to the edge of the window: 11 x 11
_SSIM_LUMA, _SSIM_CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_SSIM_ROWS = 64        # at a time, so that all stays in the processor's cache: three times as fast


@dataclass(frozen=True)
class PictureFigures:
    """Figures of a video; None where they cannot be had: no face, no reference, too few frames.

    Luma is that of BT.601, in levels of 0..255. A face is what is in its box, rounded to whole pixels and cut to the
    frame; its mouth is rows 56..91 and columns 20..75 of 96, its lower half rows 48..95.

    Attributes:
        frames: how many there were.
        faces: how many of them show a face of at least 32 pixels each way.
        sharpness: mean steepness of the mouth over that of the upper half in the mouth's columns, in no unit; each is
            the mean of |difference| of neighbouring pixels across plus that down, in luma, of the face resampled to
            192 x 192, of all frames. Eyes are as sharp as the source; so a blurred mouth lowers it in any clip,
            though less where the whole face was pasted, eyes and all (`--compat`).
        seam: by how much more the luma steps across the line where a paste ends than across the two lines beside it, in
            levels. The step across a line is the mean |difference| of the pixels on both sides, at the frame's own
            resolution: along the lower half for the left and the right side, along the width for the bottom. Of the
            lines within 4 % of the face of a side (below the bottom also the 10 pixels of padding) the largest counts,
            less the largest of those further off, up to 15 %; then the mean of the three sides, and of the frames.
            Edges of hair and cheek are softer and not so straight, and a codec's blocks are everywhere: an untouched
            clip has about 0 or less. A side that the frame cuts off is left out.
        jitter: mean |second difference| of the luma of three consecutive frames, in levels, over their lower halves in
            the box of the middle one, resampled to 192 x 96. It is 0 for a still, and hardly sees even motion.
        psnr: of the whole frame against the reference, all three colours together, in dB; the mean over frames,
            of which none counts for more than 100 dB.
        ssim: of the luma of the whole frame against the reference, in [-1, 1]; the mean over frames.
        mouth_psnr: as `psnr`, of the mouth at the frame's own resolution.
        mouth_ssim: as `ssim`, of the mouth at the frame's own resolution.
        colour: CIEDE2000 between the mean colours of the lower half in frame and reference; the mean over frames. A
            difference of 1 is just visible.

    Source: Wang et al. 2004, "Image quality assessment", for the SSIM, with a Gaussian window of sigma 1.5 pixels.
    """

    frames: int
    faces: int
    sharpness: float | None
    seam: float | None
    jitter: float | None
    psnr: float | None
    ssim: float | None
    mouth_psnr: float | None
    mouth_ssim: float | None
    colour: float | None


class PictureMeter:
    """Sums up the figures of a video's frames as they come, at 25 a second. It holds two frames, however many come."""

    def __init__(self) -> None:
        self._frames = 0
        self._faces = 0
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._last: np.ndarray | None = None                                   # luma of the frame before
        self._turning: tuple[Box, np.ndarray, np.ndarray] | None = None        # its box; lower halves before and in it

    def add(self, frame: Frame, box: np.ndarray | None, reference: Frame | None = None) -> None:
        """Count a frame.

        Args:
            frame: the next one.
            box: where its face is, float (4,): x1, y1, x2, y2 in pixels, without pads; None without a face.
            reference: what the frame should look like.

        Raises:
            ValueError: the reference has another size.
        """
        if reference is not None and reference.shape != frame.shape:
            raise ValueError(f"a frame of shape {frame.shape} cannot be compared with one of {reference.shape}")
        luma = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        face = _measured(box, luma)
        self._frames += 1
        self._follow(luma, face)
        if face is not None:
            self._faces += 1
            mouth, upper = _steepness(luma, face)
            self._add("mouth", mouth)
            self._add("upper", upper)
            self._add("seam", _seam(luma, face))
        if reference is not None:
            self._compare(frame, reference, luma, face)

    def cut(self) -> None:
        """Say that the next frame does not follow the last one: a new shot, or a gap."""
        self._last = self._turning = None

    def figures(self) -> PictureFigures:
        """Return the figures of all frames so far."""
        mouth, upper = self._mean("mouth"), self._mean("upper")
        return PictureFigures(
            frames=self._frames,
            faces=self._faces,
            sharpness=mouth / upper if mouth is not None and upper else None,
            seam=self._mean("seam"),
            jitter=self._mean("jitter"),
            psnr=self._mean("psnr"),
            ssim=self._mean("ssim"),
            mouth_psnr=self._mean("mouth_psnr"),
            mouth_ssim=self._mean("mouth_ssim"),
            colour=self._mean("colour"),
        )

    def _follow(self, luma: np.ndarray, face: Box | None) -> None:
        """See whether the frame goes on with the motion of the two before it."""
        if self._turning is not None:
            box, before, middle = self._turning
            self._add("jitter", float(np.abs(before - 2 * middle + _lower(luma, box)).mean()))
        self._turning = None
        if face is not None and self._last is not None:
            self._turning = face, _lower(self._last, face), _lower(luma, face)
        self._last = luma

    def _compare(self, frame: Frame, reference: Frame, luma: np.ndarray, face: Box | None) -> None:
        reference_luma = cv2.cvtColor(reference, cv2.COLOR_BGR2GRAY)
        self._add("psnr", psnr(frame, reference))
        self._add("ssim", ssim(luma, reference_luma))
        if face is not None:
            mouth = _mouth(face)
            self._add("mouth_psnr", psnr(frame[mouth], reference[mouth]))
            self._add("mouth_ssim", ssim(luma[mouth], reference_luma[mouth]))
            self._add("colour", _colour_difference(frame, reference, face))

    def _add(self, name: str, value: float | None) -> None:
        if value is not None:
            self._sums[name] += value
            self._counts[name] += 1

    def _mean(self, name: str) -> float | None:
        return self._sums[name] / self._counts[name] if self._counts[name] else None


def psnr(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of two uint8 pictures over all their channels, in dB, at most 100."""
    return min(float(cv2.PSNR(picture, reference)), MOST_PSNR)


def ssim(picture: np.ndarray, reference: np.ndarray) -> float:
    """Return the structural similarity of two lumas, uint8 (height, width), at least 11 pixels each way.

    The same as scikit-image's `structural_similarity` with `gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=255`, in a seventh of the time: the mean over all places at which the whole
    window lies in the picture.
    """
    total, places = 0.0, 0
    for top in range(0, len(picture) - 2 * SSIM_MARGIN, _SSIM_ROWS):
        rows = slice(top, top + _SSIM_ROWS + 2 * SSIM_MARGIN)
        # Counted from grey, squares stay small and float32 is exact enough.
        a, b = picture[rows].astype(np.float32) - 128, reference[rows].astype(np.float32) - 128
        mean_a, mean_b = _window_means(a), _window_means(b)
        product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
        covariance = _window_means(a * b) - product
        variances = _window_means(a**2 + b**2) - squares
        black = 256 * (mean_a + mean_b) + (2 * 128**2 + _SSIM_LUMA)    # the means counted from black again
        similar = (2 * product + black) * (2 * covariance + _SSIM_CONTRAST)
        similar /= (squares + black) * (variances + _SSIM_CONTRAST)
        total += float(similar.sum(dtype=np.float64))
        places += similar.size
    return total / places


def _window_means(values: np.ndarray) -> np.ndarray:
    """Return the Gaussian mean around every place whose window lies in the picture."""
    side = 2 * SSIM_MARGIN + 1
    blurred: np.ndarray = cv2.GaussianBlur(values, (side, side), SSIM_SIGMA)
    return blurred[SSIM_MARGIN:-SSIM_MARGIN, SSIM_MARGIN:-SSIM_MARGIN]


def _measured(box: np.ndarray | None, luma: np.ndarray) -> Box | None:
    """Return a face's box in whole pixels within the frame; None without a face that is large enough."""
    if box is None:
        return None
    height, width = luma.shape
    face = Box(*(round(float(side)) for side in np.clip(box, 0, [width, height, width, height])))
    return face if min(face.width, face.height) >= SMALLEST else None


def _mouth(face: Box) -> tuple[slice, slice]:
    """Return the rows and columns of a frame that hold the mouth."""
    top, bottom = (face.y1 + round(row * face.height / FACE_SIZE) for row in (MOUTH[0].start, MOUTH[0].stop))
    left, right = (face.x1 + round(column * face.width / FACE_SIZE) for column in (MOUTH[1].start, MOUTH[1].stop))
    return slice(top, bottom), slice(left, right)


def _middle(face: Box) -> int:
    """Return the first row of a face's lower half."""
    return (face.y1 + face.y2) // 2


def _sample(luma: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a luma resampled to float32 (height, width)."""
    shrinks = luma.shape[0] > height or luma.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    sampled: np.ndarray = cv2.resize(luma.astype(np.float32), (width, height), interpolation=how)
    return sampled


def _lower(luma: np.ndarray, face: Box) -> np.ndarray:
    """Return the lower half of a face, float32 (96, 192)."""
    return _sample(luma[_middle(face) : face.y2, face.x1 : face.x2], SAMPLED, SAMPLED // 2)


def _steepness(luma: np.ndarray, face: Box) -> tuple[float, float]:
    """Return the mean gradient of a face's mouth, and of its upper half in the same columns, in levels."""
    sampled = _sample(luma[face.y1 : face.y2, face.x1 : face.x2], SAMPLED, SAMPLED)
    scale = SAMPLED // FACE_SIZE
    rows, columns = (slice(scale * part.start, scale * part.stop) for part in MOUTH)
    return _gradient(sampled[rows, columns]), _gradient(sampled[: SAMPLED // 2, columns])


def _gradient(luma: np.ndarray) -> float:
    return float(np.abs(np.diff(luma, axis=0)).mean() + np.abs(np.diff(luma, axis=1)).mean())


def _seam(luma: np.ndarray, face: Box) -> float | None:
    """Return how much the luma steps where a pasted face would end, in levels; None if the frame cuts it off."""
    beside, below = luma[_middle(face) : face.y2], luma[:, face.x1 : face.x2].T
    steps = [
        _largest_step(beside, face.x1, face.width),
        _largest_step(beside, face.x2, face.width),
        _largest_step(below, face.y2, face.height, SEAM_BELOW),
    ]
    seen = [step for step in steps if step is not None]
    return sum(seen) / len(seen) if seen else None


def _largest_step(luma: np.ndarray, side: int, extent: int, further: int = 0) -> float | None:
    """Return by how much the step at a side is larger than any nearby, in levels; None if the frame cuts it off.

    Args:
        luma: uint8 (along, across).
        side: the side lies between `side` - 1 and `side` across.
        extent: of the face, across.
        further: how many more lines to look at after the side.
    """
    reach, nearby = round(SEAM_REACH * extent), round(SEAM_NEARBY * extent)
    first, end = max(0, side - nearby), min(luma.shape[1], side + nearby + further)
    start, stop = side - reach - first - 2, side + reach + further - first - 1    # what is looked at, of `excess`
    if start < 0 or stop > end - first - 3:
        return None
    steps = np.abs(np.diff(luma[:, first:end].astype(np.int16), axis=1)).mean(axis=0)
    excess = steps[1:-1] - (steps[:-2] + steps[2:]) / 2    # the first is that between the second pixel and the third
    return float(excess[start:stop].max() - np.concatenate([excess[:start], excess[stop:]]).max())


def _colour_difference(frame: Frame, reference: Frame, face: Box) -> float:
    """Return the CIEDE2000 between the mean colours of a face's lower half."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    place = slice(_middle(face), face.y2), slice(face.x1, face.x2)
    colours = np.array([cv2.mean(picture[place])[2::-1] for picture in (frame, reference)]) / 255    # RGB
    return float(deltaE_ciede2000(*rgb2lab(colours)))
