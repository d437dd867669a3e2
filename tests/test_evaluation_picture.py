"""What the picture of a lip-synced video is like, in figures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import cv2
import numpy as np
import pytest
from conftest import ROOT
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from wav2lip.compose.blend import blend
from wav2lip.compose.face import crop_face, paste_hard
from wav2lip.compose.mask import lower_face_mask
from wav2lip.compose.place import Place
from wav2lip.evaluation.picture import PictureFigures, PictureMeter, psnr, ssim
from wav2lip.media.picture import BGR, Picture
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames

BOX = (154, 110, 347, 386)    # of the face in the example
MOUTH = (slice(110 + 161, 110 + 264), slice(154 + 40, 154 + 153))    # rows 56..91 and columns 20..75 of 96 of it
FRAMES = 8


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return list(read_frames(probe(ROOT / "examples" / "face.mp4"), 0, FRAMES))


def figures(
    frames: Iterable[np.ndarray], box: Iterable[float] | None = BOX, references: Iterable[np.ndarray] | None = None
) -> PictureFigures:
    meter = PictureMeter()
    pictures = list(frames)
    truths = [None] * len(pictures) if references is None else list(references)
    for frame, truth in zip(pictures, truths, strict=True):
        meter.add(frame, None if box is None else np.array(box, float), truth)
    return meter.figures()


def brighter(frame: np.ndarray) -> np.ndarray:
    return np.clip(crop_face(frame, *BOX).astype(np.float32) + 20, 0, 255)


def with_mouth(frame: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    out = frame.copy()
    out[MOUTH] = mouth
    return out


def moved(frame: np.ndarray, pixels: int) -> np.ndarray:
    return np.roll(frame, pixels, axis=1)


def softly(frame: np.ndarray) -> np.ndarray:
    """Return the frame with a brighter face blended in through a soft mask."""
    planes = tuple(np.ascontiguousarray(frame[..., channel]) for channel in (1, 0, 2))
    face = brighter(frame)[..., [1, 0, 2]].astype(np.float32)
    green, blue, red = blend(Picture(planes, BGR), Place(*map(float, BOX)), face, lower_face_mask()).planes
    return np.stack([blue, green, red], axis=2)


def test_the_edge_of_a_brighter_paste_stands_out_and_a_soft_one_hardly(frames: list[np.ndarray]) -> None:
    untouched = figures(frames).seam
    hard = figures(paste_hard(frame, brighter(frame), *BOX) for frame in frames).seam
    soft = figures(softly(frame) for frame in frames).seam
    assert untouched is not None
    assert hard is not None
    assert soft is not None
    assert -3 < untouched < 1
    assert 14 < hard < 22    # the step is of 20 levels, less what it meets by chance
    assert soft < untouched + 1


@pytest.mark.parametrize("off", [(-5, 0, 0, 0), (0, 0, 6, 0), (4, -5, -4, 5), (0, 0, 0, -10)])
def test_a_seam_is_found_where_the_detector_is_a_little_off_or_the_paste_was_padded(
    frames: list[np.ndarray], off: tuple[int, ...]
) -> None:
    pasted = [paste_hard(frame, brighter(frame), *BOX) for frame in frames]
    exact, near = figures(pasted).seam, figures(pasted, np.add(BOX, off)).seam
    assert near == pytest.approx(exact, abs=1.5)


def test_a_seam_that_the_detector_is_far_off_from_is_not_taken_for_another(frames: list[np.ndarray]) -> None:
    pasted = [paste_hard(frame, brighter(frame), *BOX) for frame in frames]
    away = figures(pasted, (BOX[0] + 25, BOX[1], BOX[2] - 25, BOX[3] - 40)).seam
    assert away is not None
    assert away < 1


def test_blocks_of_a_codec_are_no_seam(frames: list[np.ndarray]) -> None:
    coarse = [cv2.resize(frame, (60, 60), interpolation=cv2.INTER_AREA) for frame in frames]
    blocky = [cv2.resize(frame, (480, 480), interpolation=cv2.INTER_NEAREST) for frame in coarse]
    seam = figures(blocky).seam
    pasted = figures(paste_hard(frame, brighter(frame), *BOX) for frame in blocky).seam
    assert seam is not None
    assert pasted is not None
    assert seam < 2
    assert pasted > 8


def test_sides_that_the_frame_cuts_off_have_no_seam(frames: list[np.ndarray]) -> None:
    x1, y1, x2, y2 = BOX
    cropped = [frame[y1:y2, x1:x2] for frame in frames]
    face = figures(cropped, (-20, -20, x2 - x1 + 20, y2 - y1 + 20))
    assert face.faces == FRAMES
    assert face.seam is None
    below = [frame[: y2 + 5] for frame in frames]    # the sides are still there
    assert figures(below).seam is not None


def test_a_blurred_mouth_is_less_sharp_and_a_blurred_frame_as_sharp_as_before(frames: list[np.ndarray]) -> None:
    before = figures(frames).sharpness
    mouth = figures(with_mouth(frame, cv2.GaussianBlur(frame, (0, 0), 4)[MOUTH]) for frame in frames).sharpness
    assert before is not None
    assert mouth is not None
    assert 0.3 < before < 3
    assert mouth < 0.8 * before


def test_sharpness_hardly_depends_on_the_size_of_the_face(frames: list[np.ndarray]) -> None:
    double = [cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) for frame in frames]
    assert figures(double, 2 * np.array(BOX)).sharpness == pytest.approx(figures(frames).sharpness, rel=0.1)


def test_a_still_does_not_tremble_and_a_trembling_picture_does(frames: list[np.ndarray]) -> None:
    still = figures([frames[0]] * 5).jitter
    even = figures(moved(frames[0], n) for n in range(5)).jitter
    trembling = figures(moved(frames[0], n % 2) for n in range(5)).jitter
    assert still == 0
    assert even is not None
    assert trembling is not None
    assert 0 < even < 0.7 * trembling


def test_a_mouth_whose_brightness_flickers_trembles_by_so_much(frames: list[np.ndarray]) -> None:
    grey = np.full((480, 480, 3), 100, np.uint8)
    flickering = figures(grey + np.uint8(4 * (n % 2)) for n in range(6))
    assert flickering.jitter == pytest.approx(8)    # |100 - 2 · 104 + 100|


def test_what_is_before_a_cut_does_not_make_it_tremble(frames: list[np.ndarray]) -> None:
    meter = PictureMeter()
    for shot in (frames[0], frames[0][:, ::-1].copy()):
        for _ in range(3):
            meter.add(shot, np.array(BOX, float))
        meter.cut()
    assert meter.figures().jitter == 0
    two = PictureMeter()
    for frame in frames[:2]:
        two.add(frame, np.array(BOX, float))
        two.cut()
    assert two.figures().jitter is None


def test_a_constant_difference_gives_the_psnr_of_the_formula(frames: list[np.ndarray]) -> None:
    grey = np.full((480, 480, 3), 100, np.uint8)
    found = figures([grey + np.uint8(5)], references=[grey])
    assert found.psnr == pytest.approx(20 * np.log10(255 / 5))
    assert found.mouth_psnr == pytest.approx(20 * np.log10(255 / 5))


def test_equal_frames_have_a_psnr_of_100_and_an_ssim_of_1(frames: list[np.ndarray]) -> None:
    found = figures(frames, references=frames)
    assert (found.psnr, found.mouth_psnr, found.colour) == (100, 100, 0)
    assert found.ssim == pytest.approx(1, abs=1e-6)
    assert found.mouth_ssim == pytest.approx(1, abs=1e-6)


def test_the_mean_over_frames_is_that_of_their_decibels(frames: list[np.ndarray]) -> None:
    grey = np.full((480, 480, 3), 100, np.uint8)
    found = figures([grey + np.uint8(1), grey + np.uint8(10)], references=[grey, grey])
    assert found.psnr == pytest.approx((20 * np.log10(255) + 20 * np.log10(25.5)) / 2)


@pytest.mark.parametrize("size", [(11, 11), (20, 33), (74, 75), (75, 74), (480, 480)])
def test_ssim_is_that_of_scikit_image(frames: list[np.ndarray], size: tuple[int, int]) -> None:
    height, width = size
    one = cv2.cvtColor(frames[0], cv2.COLOR_BGR2GRAY)[:height, -width:]
    noise = np.random.default_rng(0).normal(0, 9, one.shape)
    other = np.clip(one + noise, 0, 255).astype(np.uint8)
    theirs = structural_similarity(
        one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
    )
    assert ssim(one, other) == pytest.approx(theirs, abs=1e-5)


def test_only_the_mouth_counts_for_its_own_figures(frames: list[np.ndarray]) -> None:
    frame = frames[0]
    changed = with_mouth(frame, 255 - frame[MOUTH])
    found = figures([changed], references=[frame])
    assert found.psnr is not None
    assert found.ssim is not None
    assert found.mouth_psnr == pytest.approx(psnr(changed[MOUTH], frame[MOUTH]))
    assert found.psnr > found.mouth_psnr + 5    # type: ignore[operator]
    outside = 255 - frame
    outside[MOUTH] = frame[MOUTH]
    assert figures([outside], references=[frame]).mouth_psnr == 100


def test_a_tint_is_measured_as_the_eye_sees_it(frames: list[np.ndarray]) -> None:
    grey, tinted = np.full((480, 480, 3), 128, np.uint8), np.full((480, 480, 3), (118, 128, 140), np.uint8)
    expected = deltaE_ciede2000(*rgb2lab(np.array([[140, 128, 118], [128, 128, 128]]) / 255))
    assert expected > 5
    assert figures([tinted], references=[grey]).colour == pytest.approx(expected)
    above = grey.copy()
    above[: (BOX[1] + BOX[3]) // 2] = (118, 128, 140)    # eyes and forehead
    assert figures([above], references=[grey]).colour == 0


def test_what_cannot_be_had_is_none(frames: list[np.ndarray]) -> None:
    nothing = figures([])
    assert (nothing.frames, nothing.faces) == (0, 0)
    assert all(getattr(nothing, field.name) is None for field in fields(nothing)[2:])
    alone = figures(frames[:2])
    assert alone.jitter is None
    assert alone.psnr is alone.ssim is alone.mouth_psnr is alone.mouth_ssim is alone.colour is None
    faceless = figures(frames, None, references=frames)
    assert (faceless.frames, faceless.faces) == (FRAMES, 0)
    assert faceless.psnr == 100
    assert faceless.sharpness is faceless.seam is faceless.jitter is None
    assert faceless.mouth_psnr is faceless.mouth_ssim is faceless.colour is None
    flat = figures([np.zeros((480, 480, 3), np.uint8)])
    assert flat.sharpness is None    # nothing to compare the mouth with
    tiny = figures(frames, (100, 100, 131, 140))
    assert tiny.faces == 0


def test_a_face_is_cut_to_the_frame(frames: list[np.ndarray]) -> None:
    height, width = 330, 300
    cut = [frame[:height, :width] for frame in frames]
    over, inside = figures(cut), figures(cut, (BOX[0], BOX[1], width, height))
    assert over == inside


def test_a_reference_of_another_size_is_refused(frames: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        PictureMeter().add(frames[0], None, frames[0][:-2])


def test_frames_may_be_reused_by_the_caller(frames: list[np.ndarray]) -> None:
    meter, buffer = PictureMeter(), np.empty_like(frames[0])
    for frame in frames:
        buffer[:] = frame
        meter.add(buffer, np.array(BOX, float))
    assert meter.figures() == figures(frames)


def test_the_figures_of_the_example_are_of_the_usual_size(frames: list[np.ndarray]) -> None:
    found = figures(frames)
    assert found.sharpness is not None
    assert found.seam is not None
    assert found.jitter is not None
    assert 0.3 < found.sharpness < 3
    assert -3 < found.seam < 1
    assert 0 < found.jitter < 15
