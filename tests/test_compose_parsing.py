"""What may be shown of a generated face: mouth, lips and chin, and nothing that the source keeps or hides behind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from seeded import seeded

from wav2lip.compose.parsing import (
    BACKGROUND,
    CLOTH,
    EARRING,
    HAIR,
    LEFT_BROW,
    LEFT_EAR,
    LEFT_EYE,
    LOWER_LIP,
    MOUTH,
    NECK,
    NOSE,
    RIGHT_BROW,
    RIGHT_EAR,
    RIGHT_EYE,
    SKIN,
    UPPER_LIP,
    FaceParser,
    calm_masks,
    speaking_mask,
)
from wav2lip.errors import Wav2LipError
from wav2lip.models.bisenet import BiSeNet

SIZE = 512
NOSE_TIP = 300     # row
LIPS = 365         # row of the line between them
CHIN = 470         # row of the skin's lowest pixel
STEEPEST = 0.12    # of the mask, from a pixel to the next


def head(chin: int = CHIN, opened: int = 0, size: int = SIZE) -> np.ndarray:
    """Labels of a face that fills its crop: hair, neck, cloth, ears, and a mouth that may be open by some pixels."""
    labels = np.full((SIZE, SIZE), BACKGROUND, np.uint8)
    draw(labels, HAIR, 256, 200, 200, 190)
    cv2.rectangle(labels, (176, 400), (336, SIZE), NECK, -1)
    cv2.rectangle(labels, (0, 495), (SIZE, SIZE), CLOTH, -1)
    draw(labels, LEFT_EAR, 86, 270, 18, 45)
    draw(labels, RIGHT_EAR, 426, 270, 18, 45)
    draw(labels, SKIN, 256, 265, 165, 165)
    cv2.ellipse(labels, (256, 265), (165, chin - 265), 0, 0, 180, SKIN, -1)
    draw(labels, LEFT_BROW, 190, 180, 35, 8)
    draw(labels, RIGHT_BROW, 322, 180, 35, 8)
    draw(labels, LEFT_EYE, 190, 210, 25, 12)
    draw(labels, RIGHT_EYE, 322, 210, 25, 12)
    cv2.fillPoly(labels, [np.array([(256, 200), (215, NOSE_TIP), (297, NOSE_TIP)])], NOSE)
    draw(labels, LOWER_LIP, 256, LIPS + opened, 60, 14)
    draw(labels, UPPER_LIP, 256, LIPS - 6, 60, 12)
    if opened:
        draw(labels, MOUTH, 256, LIPS + opened // 2, 45, opened // 2)
    return cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST)


def draw(labels: np.ndarray, label: int, x: int, y: int, wide: int, high: int) -> None:
    cv2.ellipse(labels, (x, y), (wide, high), 0, 0, 360, label, -1)


def with_a_hand() -> np.ndarray:
    """The face with something over the left corner of its mouth, that no label is for."""
    labels = head()
    draw(labels, BACKGROUND, 190, 380, 40, 45)
    return labels


def is_face_mask(mask: np.ndarray, shape: tuple[int, int] = (SIZE, SIZE)) -> bool:
    return mask.shape == shape and mask.dtype == np.float32 and 0 <= mask.min() <= mask.max() <= 1


def test_mouth_lips_and_chin_are_shown_in_full() -> None:
    mask = speaking_mask(head(), head(opened=24))
    assert is_face_mask(mask)
    assert mask[LIPS, 256] == mask[LIPS + 12, 256] == mask[LIPS + 24, 256] == mask[CHIN - 30, 256] == 1
    assert mask[LIPS, 256 - 58] == mask[LIPS, 256 + 58] == 1    # the corners


def test_what_speech_does_not_move_is_the_sources() -> None:
    source = head()
    mask = speaking_mask(source, head(opened=24))
    assert not mask[: NOSE_TIP - 1].any()
    for label in (NOSE, LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, LEFT_EAR, RIGHT_EAR, HAIR, CLOTH):
        assert not mask[source == label].any(), label
    assert not mask[(source == NECK) & (np.arange(SIZE)[:, None] > CHIN)].any()
    assert not mask[source == BACKGROUND].any()


def test_the_sources_nose_is_kept_even_where_the_generated_face_has_its_lips() -> None:
    source, generated = head(), head()
    generated[NOSE_TIP - 60 : NOSE_TIP + 40, 230:280] = UPPER_LIP
    assert not speaking_mask(source, generated)[source == NOSE].any()


def test_a_chin_that_has_moved_down_is_shown_over_neck_cloth_and_background() -> None:
    source, generated = head(), head(chin=CHIN + 35, opened=30)
    mask = speaking_mask(source, generated)
    assert source[CHIN + 8, 256] == NECK
    assert mask[CHIN + 8, 256] == 1
    assert mask[CHIN + 26, 256] > 0     # where the source wears cloth
    beside = (source == BACKGROUND) & (generated == SKIN)
    assert mask[beside].max() > 0.1


def test_a_chin_that_has_moved_up_uncovers_the_neck_behind_the_sources() -> None:
    mask = speaking_mask(head(opened=30, chin=CHIN + 25), head())
    assert mask[CHIN + 1, 256] == 1


def test_a_generated_chin_does_not_reach_further_than_a_jaw_drops() -> None:
    source, generated = np.zeros((2, SIZE, SIZE), np.uint8)
    for labels, chin in ((source, 300), (generated, 450)):
        draw(labels, SKIN, 256, 200, 100, chin - 200)
        draw(labels, NOSE, 256, 180, 20, 30)
        draw(labels, LOWER_LIP, 256, 250, 30, 12)
    mask = speaking_mask(source, generated)
    assert mask[300 + 50, 256] == 1
    assert not mask[300 + 80 :].any()


def test_a_generated_chin_is_not_shown_over_what_hides_the_mouth() -> None:
    source = head()
    source[330:] = CLOTH
    assert not speaking_mask(source, head(opened=24))[source == CLOTH].any()


def test_a_hand_before_the_mouth_is_kept() -> None:
    source = with_a_hand()
    mask = speaking_mask(source, head(opened=24))
    hand = source != head()
    assert hand.sum() > 5000
    assert not mask[hand].any()
    assert mask[LIPS, 290] == 1    # the other side speaks on


def test_hair_before_a_cheek_is_kept_even_where_the_generated_face_has_skin() -> None:
    source = head()
    cv2.line(source, (110, 150), (130, 500), HAIR, 24)
    mask = speaking_mask(source, head())
    assert not mask[source == HAIR].any()
    assert mask[380, 200] == 1


def test_an_earring_is_kept() -> None:
    source = head()
    draw(source, EARRING, 100, 345, 12, 20)
    assert not speaking_mask(source, head())[source == EARRING].any()


def test_specks_of_the_parser_leave_no_trace() -> None:
    random = np.random.default_rng(1)
    clean = speaking_mask(head(), head(opened=24))
    source, generated = head(), head(opened=24)
    for labels in (source, generated):
        for x, y in random.integers(60, SIZE - 60, (30, 2)):
            draw(labels, int(random.choice([BACKGROUND, SKIN, NOSE, HAIR, CLOTH])), int(x), int(y), 3, 3)
    noisy = speaking_mask(source, generated)
    assert np.abs(noisy - clean).mean() < 0.005
    assert noisy[LIPS, 256] == 1
    assert not noisy[:NOSE_TIP].any()


def test_a_face_whose_nose_is_not_seen_is_shown_from_half_way_down() -> None:
    source = head()
    source[source == NOSE] = SKIN
    mask = speaking_mask(source, source)
    assert not mask[: SIZE // 2].any()
    assert mask[SIZE // 2 + 30, 256] == 1


@pytest.mark.parametrize("size", [SIZE, 256, 128])
def test_the_mask_rises_without_a_step_at_any_size(size: int) -> None:
    for source in (head(size=size), cv2.resize(with_a_hand(), (size, size), interpolation=cv2.INTER_NEAREST)):
        mask = speaking_mask(source, head(chin=CHIN + 20, opened=24, size=size))
        assert is_face_mask(mask, (size, size))
        steepest = STEEPEST * SIZE / size
        assert np.abs(np.diff(mask, axis=0)).max() < steepest
        assert np.abs(np.diff(mask, axis=1)).max() < steepest
        assert mask.max() == 1


def test_a_map_that_is_not_square_works_too() -> None:
    source = head()[:, 40:472]
    mask = speaking_mask(source, head(opened=24)[:, 40:472])
    assert is_face_mask(mask, (SIZE, 432))
    assert mask[LIPS, 216] == 1


def test_where_no_face_is_seen_nothing_is_shown() -> None:
    empty = np.zeros((SIZE, SIZE), np.uint8)
    assert not speaking_mask(empty, empty).any()
    assert not speaking_mask(empty, head()).any()
    assert not speaking_mask(np.full_like(empty, CLOTH), head()).any()
    assert speaking_mask(head(), empty)[LIPS, 256] == 1    # the source's own mouth is still to be covered


def test_a_map_of_skin_alone_is_shown_below_half_way_down() -> None:
    skin = np.full((64, 64), SKIN, np.uint8)
    mask = speaking_mask(skin, skin)
    assert not mask[:32].any()
    assert (mask[40:] == 1).all()


# In time


def flat(value: float) -> np.ndarray:
    return np.full((4, 5), value, np.float32)


def calmed(values: list[float], shots: list[int] | None = None) -> list[float]:
    masks = list(calm_masks(zip(map(flat, values), shots or [0] * len(values), strict=True)))
    assert all(mask.dtype == np.float32 and mask.shape == (4, 5) and np.ptp(mask) == 0 for mask in masks)
    return [float(mask[0, 0]) for mask in masks]


def test_there_is_a_calm_mask_for_every_mask() -> None:
    for count in (0, 1, 2, 3, 8):
        np.testing.assert_allclose(calmed([0.5] * count), [0.5] * count, atol=1e-6)


def test_a_mask_never_pops() -> None:
    for values in ([0] * 6 + [1] * 6, [0, 1] * 6, [1, 1, 1, 0, 1, 1, 1], [1, 0, 0, 0, 1], [0, 1, 1]):
        out = calmed([float(value) for value in values])
        assert np.abs(np.diff(out)).max() < 1 / 3 + 1e-6


def test_a_change_is_neither_early_nor_late() -> None:
    out = calmed([0.0] * 6 + [1.0] * 6)
    np.testing.assert_allclose(np.array(out) + out[::-1], 1, atol=1e-6)


def test_a_change_of_mind_for_one_frame_hardly_shows() -> None:
    assert min(calmed([1.0] * 5 + [0.0] + [1.0] * 5)) > 0.6


def test_a_cut_is_not_smoothed_over() -> None:
    assert calmed([0.0] * 4 + [1.0] * 4, [3] * 4 + [4] * 4) == [0.0] * 4 + [1.0] * 4


def test_it_reads_no_more_than_two_masks_ahead() -> None:
    given = []

    def masks():    # type: ignore[no-untyped-def]
        for at in range(20):
            given.append(at)
            yield flat(at), 0

    calm = calm_masks(masks())
    for at in range(10):
        next(calm)
        assert len(given) == at + 3


# The network


class Seer(BiSeNet):
    """A parser that answers by colour: red is class 0, green 1 and blue 2. It remembers what it was shown."""

    def __init__(self, fits: int = 100):
        super().__init__(3)
        self.fits = fits
        self.seen: list[torch.Tensor] = []

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        if len(pictures) > self.fits:
            raise torch.cuda.OutOfMemoryError("too little")
        self.seen.append(pictures)
        return pictures


@pytest.fixture
def seer() -> Seer:
    return Seer()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_the_parser_sees_red_green_and_blue_in_this_order_normalised(seer: Seer, dtype: type) -> None:
    faces = np.zeros((3, 40, 30, 3), dtype)
    for at, channel in enumerate((2, 1, 0)):    # BGR
        faces[at, ..., channel] = 255
    labels = FaceParser(seer).parse(faces)
    assert labels.shape == (3, SIZE, SIZE)
    assert labels.dtype == np.uint8
    assert [np.unique(each).tolist() for each in labels] == [[0], [1], [2]]
    expected = torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    torch.testing.assert_close(seer.seen[0][0, :, 100, 100], expected)


def test_faces_go_through_in_batches_and_in_halves_where_memory_is_short(seer: Seer) -> None:
    seer.fits = 1
    labels = FaceParser(seer, batch=4).parse(np.zeros((5, 8, 8, 3), np.uint8))
    assert len(labels) == 5
    assert [len(pictures) for pictures in seer.seen] == [1] * 5
    seer.fits = 0
    with pytest.raises(Wav2LipError, match="too little memory to parse one face"):
        FaceParser(seer).parse(np.zeros((2, 8, 8, 3), np.uint8))


def test_the_real_network_labels_a_picture_as_its_scores_say() -> None:
    network = seeded(BiSeNet())
    assert isinstance(network, BiSeNet)
    face = np.random.default_rng(3).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    x = torch.from_numpy(face[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    with torch.inference_mode():
        scores = network(x)[0]
    labels = FaceParser(network).parse(face)[0]
    assert len(np.unique(labels)) > 1
    assert (labels == scores.argmax(0).numpy()).mean() > 0.999    # but for ties that rounding decides


def test_no_faces_give_no_labels(seer: Seer) -> None:
    assert FaceParser(seer).parse(np.zeros((0, 8, 8, 3), np.uint8)).shape == (0, SIZE, SIZE)
