"""A device composes as OpenCV does: the same numbers up to rounding, and not one changed outside of the mask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from media_samples import run_ffmpeg
from seeded import seeded
from test_compose_blend import smooth_picture

from wav2lip.compose import on_device
from wav2lip.compose.compositor import Compositor, Finish
from wav2lip.compose.mask import NOSE
from wav2lip.compose.on_device import DeviceCompositor, can_do
from wav2lip.compose.parsing import FaceParser
from wav2lip.compose.patch import Cut, Patch
from wav2lip.compose.place import Place
from wav2lip.errors import Wav2LipError
from wav2lip.media.clip import Colour
from wav2lip.media.ffmpeg import url
from wav2lip.media.palette import Palette
from wav2lip.media.picture import BGR, Picture, Pixels, planar
from wav2lip.media.probe import probe
from wav2lip.media.read import read_pictures
from wav2lip.models.engine import TorchEngine
from wav2lip.models.enhancer import Enhancer
from wav2lip.models.generator import Generator
from wav2lip.models.memory import enough, in_halves
from wav2lip.pipeline import prepare
from wav2lip.pipeline.lips import FIRST, Lips, Moment, sync_lips
from wav2lip.pipeline.manner import Manner
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress

pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "face.mp4"
INSIDE = Place(40.3, 20.6, 130.8, 140.1)
PLACES = [
    INSIDE,
    Place(5, 3, 195, 160),                        # whole numbers, odd for the chroma
    Place(-20.2, 30.4, 70.7, 150.2),              # over the left edge
    Place(130.6, 70.3, 230.1, 200.9),             # over the right one and the bottom
    Place(20.1, -60.7, 160.2, 120.9),             # over the top
    Place(60.5, 50.25, 95.1, 98.7),               # smaller than what the generator sees
    Place(300, 300, 400, 400),                    # nowhere
]
LANDMARKS = np.array([[0.3, 0.36], [0.75, 0.3], [0.55, NOSE], [0.4, 0.75], [0.75, 0.68]])
OPACITIES = [1, 0.5, 1, 0.5, 1, 0.5, 1]
PQ, HLG = (Colour("bt2020nc", "bt2020", transfer, "tv") for transfer in ("smpte2084", "arib-std-b67"))
SDR, FULL = Colour("bt709", "bt709", "bt709", "tv"), Colour("bt709", "bt709", "bt709", "pc")
KINDS = [
    (Pixels(8, 1, 1), SDR), (Pixels(10, 1, 0), SDR), (BGR, FULL), (Pixels(8), SDR), (Pixels(10, 1, 1, alpha=True), SDR),
    (Pixels(16, rgb=True), FULL), (Pixels(10, 1, 1), PQ), (Pixels(10, 1, 1), HLG),
]
OTHERS = [Finish("hard"), Finish(mask="box"), Finish("hard", "box"), Finish(match=False)]
CASES = [(*kind, Finish()) for kind in KINDS] + [(*kind, finish) for kind in KINDS[:3] for finish in OTHERS]


def generated(cut: Cut, at: int) -> np.ndarray:
    """Return a face that is brighter than its source and has other features."""
    noise = np.random.default_rng(at).standard_normal((96, 96, 3)).astype(np.float32)
    return (cut.face + 8 + 40 * cv2.GaussianBlur(noise, (0, 0), 1.5)).clip(0, 255).astype(np.float32)


def patches(pictures: list[Picture], cuts: list[Cut], faces: list[np.ndarray]) -> list[Patch]:
    """Return patches at all places, every other face of which has landmarks."""
    return [
        Patch(picture, place, cut.source, face, opacity, landmarks=LANDMARKS if at % 2 else None)
        for at, (picture, place, cut, face, opacity)
        in enumerate(zip(pictures, PLACES, cuts, faces, OPACITIES, strict=True))
    ]


def assert_alike(made: Picture, wanted: Picture, source: Picture) -> None:
    """Check that planes are within a level of 8 bits, nearly all are equal, and the same numbers are left alone."""
    level = 2.0 ** (source.pixels.depth - 8)
    for ours, theirs, before in zip(made.planes, wanted.planes, source.planes, strict=True):
        changed = theirs != before
        difference = np.abs(ours.astype(int) - theirs) / level
        assert difference.max() <= 1
        assert difference.sum() <= 0.02 * changed.sum()


@pytest.mark.parametrize(("pixels", "colour", "finish"), CASES, ids=[
    f"{pixels.name}-{colour.transfer}-{finish.blend}-{finish.mask}-{finish.match}" for pixels, colour, finish in CASES
])
def test_a_batch_is_put_back_as_by_opencv(pixels: Pixels, colour: Colour, finish: Finish) -> None:
    pictures = [smooth_picture(pixels, grain=0.004 * (1 + at % 3)) for at in range(len(PLACES))]
    before = [picture.copy() for picture in pictures]
    palette = Palette(colour, pixels, *pictures[0].size)
    usual, device = Compositor(palette, finish), DeviceCompositor(palette, finish, "cpu")
    wanted, cuts = usual.cut_out(pictures, PLACES), device.cut_out(pictures, PLACES)
    for one, other in zip(cuts, wanted, strict=True):
        assert one.face.dtype == np.uint8
        assert np.abs(one.face.astype(int) - other.face).max() <= 2      # a level of the chroma is up to two of blue
        assert np.abs(one.face.astype(int) - other.face).mean() < 0.02
    faces = [generated(cut, at) for at, cut in enumerate(wanted)]
    results = usual.put_back(patches(pictures, wanted, faces))
    made = list(device.put_back(patches(pictures, cuts, faces)))
    for at, (result, expected) in enumerate(zip(made, results, strict=True)):
        assert_alike(result, expected, pictures[at])
        for plane, source in zip(pictures[at].planes, before[at].planes, strict=True):
            assert np.array_equal(plane, source), "the source frame was painted on"
        changed = [(plane != source).any() for plane, source in zip(result.planes, before[at].planes, strict=True)]
        assert changed[:3] == [PLACES[at].x1 < 300] * 3
        assert not any(changed[3:]), "the transparency was painted on"


@pytest.mark.parametrize("pixels", [BGR, Pixels(10, 1, 1)], ids=lambda pixels: pixels.name)
def test_a_batch_of_any_sizes_is_put_back_as_by_opencv(pixels: Pixels) -> None:
    places = [Place(-20.3, 10.1, 379.8, 330.4), Place(88.2, 60.4, 120.9, 99.3), Place(100.5, 40.5, 300.9, 290.25)]
    pictures = [smooth_picture(pixels, 401, 363, grain=0.01)] * 3
    palette = Palette(FULL if pixels.rgb else SDR, pixels, 401, 363)
    usual, device = Compositor(palette), DeviceCompositor(palette, Finish(), "cpu")
    wanted, cuts = usual.cut_out(pictures, places), device.cut_out(pictures, places)
    faces = [generated(cut, at) for at, cut in enumerate(wanted)]
    one, other = (
        compositor.put_back([
            Patch(picture, place, cut.source, face)
            for picture, place, cut, face in zip(pictures, places, some, faces, strict=True)
        ])
        for compositor, some in ((device, cuts), (usual, wanted))
    )
    for made, expected in zip(one, other, strict=True):
        assert_alike(made, expected, pictures[0])


def test_what_the_mask_does_not_show_stays_bit_for_bit() -> None:
    rng, pixels = np.random.default_rng(0), Pixels(16, rgb=True)
    planes = (rng.integers(0, 2**16, shape).astype(pixels.dtype) for shape in pixels.shapes(201, 163))
    picture = Picture(tuple(planes), pixels)
    compositor = DeviceCompositor(Palette(FULL, pixels, 201, 163), Finish(match=False), "cpu")
    (cut,) = compositor.cut_out([picture], [INSIDE])
    (out,) = compositor.put_back([Patch(picture, INSIDE, cut.source, np.full((96, 96, 3), 99, np.float32))])
    for plane, source in zip(out.planes, picture.planes, strict=True):
        assert (plane[100:130, 60:110] != source[100:130, 60:110]).mean() > 0.9
        plane[70:141, 40:131] = source[70:141, 40:131]
        assert np.array_equal(plane, source)


@pytest.mark.parametrize("colour", [SDR, PQ], ids=["sdr", "pq"])
def test_all_that_is_computed_with_is_on_the_device(monkeypatch: pytest.MonkeyPatch, colour: Colour) -> None:
    # The device "meta" computes nothing but refuses tensors of others.
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: torch.zeros(tensor.shape, dtype=tensor.dtype))
    pictures = [smooth_picture(Pixels(10, 1, 1))] * len(PLACES)
    compositor = DeviceCompositor(Palette(colour, Pixels(10, 1, 1), 201, 163), Finish(), "meta")
    cuts = compositor.cut_out(pictures, PLACES)
    faces = [generated(cut, at) for at, cut in enumerate(cuts)]
    assert len(list(compositor.put_back(patches(pictures, cuts, faces)))) == len(PLACES)


def test_black_and_white_film_stays_so_in_a_batch_with_colour() -> None:
    grey, colourful = smooth_picture(Pixels(8, 1, 1)), smooth_picture(Pixels(8, 1, 1))
    for chroma in grey.planes[1:]:
        chroma[:] = 128
    compositor = DeviceCompositor(Palette(SDR, Pixels(8, 1, 1), 201, 163), Finish(match=False), "cpu")
    face = np.full((96, 96, 3), (200, 60, 30), np.float32)
    first, second = compositor.cut_out([grey, colourful], [INSIDE, INSIDE])
    one, other = compositor.put_back([
        Patch(grey, INSIDE, first.source, face), Patch(colourful, INSIDE, second.source, face)
    ])
    assert all((plane == 128).all() for plane in one.planes[1:])
    assert np.ptp(other.planes[1].astype(int)) > 40


@pytest.fixture(scope="module", params=["yuv420p", "yuv422p10le", "gbrp"])
def frames(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Picture]:
    """Seven frames of a face, 160 x 160, as ffmpeg reads them."""
    path = tmp_path_factory.mktemp("device") / "face.mkv"
    scaled = ("-vf", "scale=160:160", "-frames:v", 7, "-an", "-c:v", "ffv1", "-pix_fmt", request.param)
    run_ffmpeg("-i", url(EXAMPLE), *scaled, url(path))
    return list(read_pictures(probe(path), 0, 7, pixels=planar(request.param)))


class TestTheWholeWay:
    """Through a small generator and back into the frames."""

    @staticmethod
    def moments(frames: list[Picture]) -> Iterator[Moment]:
        for number, frame in enumerate(frames):
            place = None if number == 4 else Place(51.2 + number, 36.7, 116.4 + 1.3 * number, 136.9)
            presence = (1.0, 0.3, 0.0)[number % 3]
            yield Moment(frame, place, np.full((80, 16), 0.1 * number - 4, np.float32), presence, number)

    def test_faces_that_stay_on_the_device_come_out_as_those_that_do_not(self, frames: list[Picture]) -> None:
        generator = seeded(Generator(4))
        assert isinstance(generator, Generator)
        lips, manner = Lips(TorchEngine(generator, "cpu")), Manner("source")
        palette = Palette(FULL if frames[0].pixels.rgb else SDR, frames[0].pixels, 160, 160)
        usual, device = Compositor(palette), DeviceCompositor(palette, Finish(), "cpu")
        results = sync_lips(self.moments(frames), lips, usual, manner, 3, 1)
        made = list(sync_lips(self.moments(frames), lips, device, manner, 3, 1))
        for number, (one, other) in enumerate(zip(made, results, strict=True)):
            assert_alike(one, other, frames[number])
            assert (one is frames[number]) == (number in (2, 4, 5))

    def test_no_frame_waits_for_the_next_batch(self, frames: list[Picture]) -> None:
        shown = threading.Event()

        def watched() -> Iterator[Moment]:
            for moment in self.moments(frames):
                assert moment.number < FIRST or shown.wait(30), "the first ones are not shown before the next come"
                yield moment._replace(place=INSIDE, presence=1.0)

        palette = Palette(SDR, frames[0].pixels, 160, 160)
        lips, compositor = Lips(TorchEngine(Generator(4).eval(), "cpu")), DeviceCompositor(palette, Finish(), "cpu")
        count = 0
        for count, _ in enumerate(sync_lips(watched(), lips, compositor, Manner(), 3, lips.at_once), 1):
            if count == FIRST:
                shown.set()
        assert count == 7


def test_it_is_chosen_on_cuda_for_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "DeviceCompositor", lambda palette, finish, device: (finish.blend, device))
    source = prepare.open_source(EXAMPLE, SyncOptions(), None, Progress())
    lips = Lips(TorchEngine(Generator(4), "cpu"))

    def chosen(device: str, **options: object) -> object:
        return prepare.make_compositor(source, SyncOptions(**options), Networks(lips, "", None, device))  # type: ignore[arg-type]

    assert chosen("cuda:1", blend="hard") == ("hard", "cuda:1")
    assert isinstance(chosen("cpu"), Compositor)
    assert isinstance(chosen("cuda", blend="poisson"), Compositor)
    assert isinstance(chosen("cuda", grain=True), Compositor)
    parser, enhancer = FaceParser.__new__(FaceParser), Enhancer.__new__(Enhancer)
    assert not can_do(Finish(), enhancer, None)
    assert not can_do(Finish(), None, parser)
    assert can_do(Finish(mask="lower"), None, parser)


def test_too_little_memory_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> None:
        raise torch.cuda.OutOfMemoryError("too little")

    monkeypatch.setattr(on_device, "of_planes", never)
    compositor = DeviceCompositor(Palette(SDR, Pixels(8, 1, 1), 201, 163), Finish(), "cpu")
    pictures = [smooth_picture(Pixels(8, 1, 1))] * 6
    with pytest.raises(Wav2LipError, match="memory for 6 faces at a time; use --wav2lip-batch-size 3"):
        compositor.cut_out(pictures, [INSIDE] * 6)
    with pytest.raises(Wav2LipError, match="memory for one face; use --device cpu"), enough("cuda", 1):
        never()


def test_tensors_are_joined_where_memory_is_short() -> None:
    def narrow(rows: np.ndarray) -> torch.Tensor:
        if len(rows) > 2:
            raise torch.cuda.OutOfMemoryError("too little")
        return torch.from_numpy(rows)

    joined = in_halves(narrow, np.arange(5), device="cuda", task="for one face")
    assert torch.equal(joined, torch.arange(5))
