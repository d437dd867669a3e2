"""A picture that people keep: what `wav2lip.sync` does to a face, and that it does nothing to all the rest."""

from __future__ import annotations

import wave
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from answers import assert_one_sentence
from click.testing import CliRunner
from media_samples import BT709, flat_pictures, make_pictures, make_video, mean_difference, run_ffmpeg
from seeded import seeded
from test_compose_parsing import head

import wav2lip
from wav2lip.cli import main
from wav2lip.compose.mask import lower_face_mask
from wav2lip.compose.parsing import LEFT_EYE, NOSE, RIGHT_EYE, SKIN
from wav2lip.compose.place import Place, Region
from wav2lip.media.clip import Colour, Frame
from wav2lip.media.ffmpeg import url
from wav2lip.media.picture import Picture, Pixels, planar
from wav2lip.media.probe import probe
from wav2lip.media.read import read_frames, read_pictures
from wav2lip.media.sound import read_samples
from wav2lip.models.bisenet import BiSeNet
from wav2lip.models.discriminator import Discriminator
from wav2lip.models.rrdbnet import RRDBNet
from wav2lip.pipeline.networks import load_networks
from wav2lip.progress import Progress

pytestmark = pytest.mark.usefixtures("one_thread")

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SIZE = 160                                        # pixels of most frames here, each way
BOX = (36, 136, 51, 116)                          # of the example's face in them: top, bottom, left, right
MOUTH = (slice(96, 126), slice(66, 101))          # and its mouth's rows and columns
OPTIONS = wav2lip.SyncOptions(device="cpu", detector="cascade", offline=True, box=BOX, codec="ffv1")
PQ = Colour("bt2020nc", "bt2020", "smpte2084", "tv")

Make = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Turn the example's face into another kind of file of 160 x 160 pixels with ffmpeg."""
    folder = tmp_path_factory.mktemp("faces")

    def convert(name: str, *options: object, frames: int = 12) -> Path:
        path = folder / name
        if not path.exists():
            scale = ("-vf", f"scale={SIZE}:{SIZE}", "-frames:v", frames, "-an")
            run_ffmpeg("-i", url(EXAMPLES / "face.mp4"), *scale, *options, url(path))
        return path

    return convert


@pytest.fixture(scope="module")
def lossless(make: Make) -> Path:
    return make("lossless.mkv", "-c:v", "ffv1")


@pytest.fixture(scope="module")
def photograph(make: Make) -> Path:
    return make("photograph.png", frames=1)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Give so many frames of the example's speech, from the middle of a sentence."""
    folder, samples = tmp_path_factory.mktemp("sounds"), speech()

    def words(frames: int) -> Path:
        return write_sound(folder / f"{frames}.wav", samples[16000 : 16000 + 640 * frames])

    return words


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Save a network that stands in for one that users bring.

    "enlarges" gives the face four times as large, "reddens" and "darkens" do something to it too, "sharpens" makes up
    detail without sense; "skin" is a parser that takes all for skin, "parses" one that sees anything anywhere.
    """
    folder = tmp_path_factory.mktemp("weights")
    networks: dict[str, Callable[[], torch.nn.Module]] = {
        "enlarges": enlarging,
        "reddens": lambda: enlarging(red=40 / 255),
        "darkens": lambda: enlarging(gain=0.7),
        "sharpens": lambda: seeded(RRDBNet(8, 1, 4)),
        "skin": skin_everywhere,
        "parses": lambda: seeded(BiSeNet()),
        "discriminator": lambda: Discriminator(8),
    }

    def save(name: str) -> Path:
        path = folder / f"{name}.pth"
        if not path.exists():
            torch.save(networks[name]().state_dict(), path)
        return path

    return save


def enlarging(gain: float = 1.0, red: float = 0.0) -> RRDBNet:
    """Return a super-resolution network that only repeats pixels, but for a gain and an addition to red."""
    network = RRDBNet(8, 1, 4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for layer in (network.conv_first, network.conv_up1, network.conv_up2, network.conv_hr, network.conv_last):
            for channel in range(3):
                layer.weight[channel, channel, 1, 1] = 1
        network.conv_last.weight.mul_(gain)
        assert network.conv_last.bias is not None
        network.conv_last.bias[0] = red
    return network


def skin_everywhere() -> BiSeNet:
    network = BiSeNet()
    weights = network.state_dict()
    for tensor in weights.values():
        tensor.zero_()
    weights["conv_out.conv.bn.bias"].fill_(1)
    weights["conv_out.conv_out.weight"][SKIN] = 1
    return network


def speech() -> np.ndarray:
    return np.concatenate(list(read_samples(EXAMPLES / "speech.wav")))


def write_sound(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return path


def sync(face: Path, audio: Path, output: Path, **options: object) -> list[Frame]:
    """Sync and return the frames of the result."""
    wav2lip.sync(face, audio, output, replace(OPTIONS, **options))
    return list(read_frames(probe(output)))


def shown(picture: Picture, plane: int) -> np.ndarray:
    """Return where the lower face's mask shows anything of a face, bool in the shape of a plane."""
    top, bottom, left, right = BOX
    region = Region.around(Place(left, top, right, bottom), (0, 0, 1, 1), picture)
    assert region is not None
    inside = np.zeros(picture.planes[plane].shape, bool)
    sampled = region.sample(lower_face_mask(), plane)
    inside[region.part(plane)] = sampled > 0
    return inside


def assert_only_the_mouth_changed(before: list[Picture], after: list[Picture]) -> None:
    for source, result in zip(before, after, strict=True):
        assert result.pixels == source.pixels
        for number, (theirs, ours) in enumerate(zip(source.planes, result.planes, strict=True)):
            inside = shown(source, number)
            assert np.array_equal(ours[~inside], theirs[~inside])
            assert (ours[inside] != theirs[inside]).mean() > 0.2


class TestOutsideTheMask:
    @pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "yuv422p10le", "gbrp"])
    def test_every_stored_number_is_the_sources(
        self, make: Make, said: Callable[[int], Path], tmp_path: Path, name: str
    ) -> None:
        face = make(f"{name}.mkv", "-c:v", "ffv1", "-pix_fmt", name)
        sync(face, said(5), tmp_path / "out.mkv")
        source, result = probe(face), probe(tmp_path / "out.mkv")
        assert result.pixel_format == source.pixel_format
        assert planar(result.pixel_format).name == name
        assert_only_the_mouth_changed(list(read_pictures(source, 0, 5)), list(read_pictures(result)))

    @pytest.mark.parametrize("blend", ["hard", "poisson"])
    def test_that_holds_for_every_way_to_blend_a_sharper_face(
        self, lossless: Path, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path, blend: str
    ) -> None:
        sync(lossless, said(4), tmp_path / "out.mkv", blend=blend, grain=True, enhance=weights("sharpens"))
        result = list(read_pictures(probe(tmp_path / "out.mkv")))
        assert_only_the_mouth_changed(list(read_pictures(probe(lossless), 0, 4)), result)

    def test_and_with_a_parser_and_a_sharper_face_in_ten_bits(
        self, make: Make, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path
    ) -> None:
        face = make("yuv420p10le.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le")
        networks = {"parsing": weights("skin"), "enhance": weights("sharpens")}
        sync(face, said(3), tmp_path / "out.mkv", mask="parsing", **networks)
        result = list(read_pictures(probe(tmp_path / "out.mkv")))
        assert_only_the_mouth_changed(list(read_pictures(probe(face), 0, 3)), result)


class TestEnhancing:
    def test_a_still_image_stays_itself_however_long_it_talks(
        self, photograph: Path, weights: Callable[[str], Path], tmp_path: Path
    ) -> None:
        # wav2lip-hq painted on the one picture that it had: each frame was made of the last, and so got darker.
        words = speech()[16000 : 16000 + 640 * 20]
        twice = write_sound(tmp_path / "twice.wav", np.concatenate([words, words]))
        frames = sync(photograph, twice, tmp_path / "out.mkv", enhance=weights("darkens"), silence="model")
        assert len(frames) == 40
        (picture,) = read_frames(probe(photograph))
        outside = ~shown(next(read_pictures(probe(photograph))), 0)
        assert all(np.array_equal(frame[outside], picture[outside]) for frame in frames)
        for number in range(2, 14):              # whose sound is the same the second time
            assert mean_difference(frames[number][MOUTH], frames[number + 20][MOUTH]) < 0.1
        assert max(mean_difference(frames[0][MOUTH], frame[MOUTH]) for frame in frames) > 2, "it does not talk"

    def test_in_silence_its_last_frame_is_its_first(
        self, photograph: Path, weights: Callable[[str], Path], tmp_path: Path
    ) -> None:
        silent = write_sound(tmp_path / "silent.wav", np.zeros(640 * 12))
        frames = sync(photograph, silent, tmp_path / "out.mkv", enhance=weights("reddens"))
        assert len(frames) == 12
        assert all(np.array_equal(frame, frames[0]) for frame in frames)

    @pytest.mark.parametrize("match", [True, False], ids=["matched", "unmatched"])
    def test_a_network_that_tints_does_not_tint_the_mouth(
        self, lossless: Path, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path, match: bool
    ) -> None:
        plain = sync(lossless, said(4), tmp_path / "plain.mkv", color_match=match)
        for name in ("reddens", "darkens"):
            tinted = sync(lossless, said(4), tmp_path / f"{name}.mkv", color_match=match, enhance=weights(name))
            for one, other in zip(plain, tinted, strict=True):
                assert np.abs(one[MOUTH].mean(axis=(0, 1)) - other[MOUTH].mean(axis=(0, 1))).max() < 1.5

    def test_how_much_of_it_is_used_can_be_chosen(
        self, lossless: Path, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path
    ) -> None:
        frames = {
            strength: sync(
                lossless, said(2), tmp_path / f"{strength}.mkv", enhance=weights("sharpens"), enhance_strength=strength
            )
            for strength in (0.0, 0.5, 1.0)
        }
        plain = sync(lossless, said(2), tmp_path / "plain.mkv")
        away = [mean_difference(frames[strength][1][MOUTH], plain[1][MOUTH]) for strength in frames]
        assert away[0] < 0.5 < away[1] < away[2]


def test_eyes_and_nose_are_the_sources_and_the_skin_beside_them_shows_no_step(
    lossless: Path, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path
) -> None:
    """wav2lip-hq pasted skin of another tint up to a hard edge around nose, eyes and brows."""
    labels = head()

    class Parser:
        def parse(self, faces: np.ndarray) -> np.ndarray:
            return np.stack([labels] * len(faces))

    options = replace(OPTIONS, enhance=weights("reddens"), color_match=False)
    networks = replace(load_networks(options, "cpu", Progress()), parser=Parser())
    wav2lip.sync(lossless, said(6), tmp_path / "out.mkv", options, networks=networks)
    top, bottom, left, right = BOX
    # Whole pixels of the face that are nothing but nose or eyes, and the skin that begins beside the nose.
    size = (right - left, bottom - top)
    parts = {
        name: cv2.resize(np.isin(labels, label).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for name, label in {"nose": NOSE, "eyes": (LEFT_EYE, RIGHT_EYE), "skin": SKIN}.items()
    }
    nose, eyes, skin = (part > 0.99 for part in parts.values())
    beside = skin & cv2.dilate((parts["nose"] > 0).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    beside[: size[1] // 2] = False
    lower_nose = nose.copy()
    lower_nose[: size[1] // 2] = False
    assert min(lower_nose.sum(), eyes.sum(), beside.sum()) > 20
    before = list(read_frames(probe(lossless), 0, 6))
    for source, result in zip(before, read_frames(probe(tmp_path / "out.mkv")), strict=True):
        theirs, ours = (frame[top:bottom, left:right].astype(float) for frame in (source, result))
        assert np.array_equal(ours[nose | eyes], theirs[nose | eyes])
        steps = [frame[beside].mean(axis=0) - frame[lower_nose].mean(axis=0) for frame in (ours, theirs)]
        assert np.abs(steps[0] - steps[1]).max() < 1
        assert np.abs(ours - theirs)[60:90, 15:50].mean() > 1, "the mouth did not change"


# Silence

SPEAKING, PAUSE = 16, 30                          # frames before and after the pause, and in it: 1.2 s


@pytest.fixture(scope="module")
def paused(tmp_path_factory: pytest.TempPathFactory, photograph: Path) -> Callable[[str], np.ndarray]:
    """Sync a photograph to words, a pause with the noise of a room, and more words; once for each --silence."""
    folder, samples = tmp_path_factory.mktemp("pause"), speech()
    # The end of a sentence, and the beginning of the next.
    first, second = (samples[start : start + 640 * SPEAKING] for start in (18560, 32640))
    sound = np.concatenate([first, np.zeros(640 * PAUSE), second])
    sound += 0.003 * np.random.default_rng(0).standard_normal(len(sound))
    audio = write_sound(folder / "pause.wav", sound)
    done: dict[str, np.ndarray] = {}

    def play(silence: str) -> np.ndarray:
        if silence not in done:
            done[silence] = np.stack(sync(photograph, audio, folder / f"{silence}.mkv", silence=silence))
        return done[silence]

    return play


def motion(frames: np.ndarray) -> np.ndarray:
    """Return how much the mouth changes from each frame to the next, in levels."""
    return np.asarray(np.abs(np.diff(frames[(slice(None), *MOUTH)].astype(int), axis=0)).mean(axis=(1, 2, 3)))


def test_the_mouth_rests_in_a_pause(paused: Callable[[str], np.ndarray]) -> None:
    # From 0.2 s after the last word, for a mouth closes no faster, to 0.2 s before the next one is heard.
    inside = slice(SPEAKING + 5, SPEAKING + PAUSE - 10)
    closed, model = (motion(paused(silence)) for silence in ("closed", "model"))
    assert model[inside].mean() > 0.05
    assert closed[inside].mean() < 0.25 * model[inside].mean()


def test_in_speech_the_silence_makes_no_difference(paused: Callable[[str], np.ndarray]) -> None:
    speaking = slice(SPEAKING - 4)
    for silence in ("closed", "source"):
        np.testing.assert_array_equal(paused(silence)[speaking], paused("model")[speaking])


def test_in_a_pause_the_source_can_be_shown(photograph: Path, paused: Callable[[str], np.ndarray]) -> None:
    (picture,) = read_frames(probe(photograph))
    middle = paused("source")[SPEAKING + 9 : SPEAKING + PAUSE - 12]
    assert all(np.array_equal(frame, picture) for frame in middle)


@pytest.mark.parametrize("silence", ["closed", "source"])
def test_no_end_of_a_pause_pops(paused: Callable[[str], np.ndarray], silence: str) -> None:
    moved = motion(paused(silence))
    start, end = SPEAKING - 4, SPEAKING + PAUSE
    ends = [moved[start : start + 12], moved[end - 12 : end]]
    spoken = max(moved[:start].max(), moved[end:].max())
    assert max(part.max() for part in ends) <= spoken
    assert moved[SPEAKING : end - 2].max() < 0.2 * spoken    # where nothing is said: at once, it would be 0.4


class TestReference:
    def test_whose_appearance_is_copied_makes_a_difference(
        self, lossless: Path, said: Callable[[int], Path], tmp_path: Path
    ) -> None:
        # Another moment of the same person, and one whose mouth is open.
        other = tmp_path / "other.png"
        run_ffmpeg("-ss", 2, "-i", url(EXAMPLES / "face.mp4"), "-frames:v", 1, url(other))
        named = {"same": "same", "closed": "closed", "other": other}
        frames = {
            name: sync(lossless, said(4), tmp_path / f"{name}.mkv", reference=reference, silence="model", box=(-1,) * 4)
            for name, reference in named.items()
        }
        for one, another in (("same", "closed"), ("same", "other"), ("closed", "other")):
            assert not np.array_equal(frames[one], frames[another]), (one, another)

    def test_a_path_may_be_a_string(
        self, photograph: Path, lossless: Path, said: Callable[[int], Path], tmp_path: Path
    ) -> None:
        frames = {
            kind: sync(lossless, said(2), tmp_path / "out.mkv", reference=kind(photograph), silence="model")
            for kind in (Path, str)
        }
        assert np.array_equal(frames[Path], frames[str])
        with pytest.raises(wav2lip.UsageError, match="also an input"):
            sync(lossless, said(2), photograph, reference=str(photograph), codec=None)


# What is wrong is said in one sentence, and nothing is written


def assert_refused(folder: Path, code: int, *parts: str, words: list[object]) -> None:
    """Run the command line in a folder that must stay as it is."""
    before = sorted(path.name for path in folder.iterdir())
    given = ["sync", "--detector", "cascade", "--device", "cpu", "-o", folder / "out.mp4", *words]
    result = CliRunner().invoke(main, [str(word) for word in given])
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert_one_sentence(result.stdout, result.stderr, *parts)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_wrong_networks_and_pictures_have_their_exit_codes_and_leave_nothing(
    lossless: Path, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path
) -> None:
    grey = make_video(tmp_path / "grey.mkv", [np.full((120, 160, 3), 90, np.uint8)] * 3, options=("-c:v", "ffv1"))
    page = tmp_path / "page.pth"
    page.write_text("<!DOCTYPE html><html>Too many requests</html>")
    deep = flat_pictures(Pixels(10, 1, 1))
    hdr = make_pictures(tmp_path / "hdr.mkv", deep, colour=PQ)
    needed: list[object] = ["--face", lossless, "--audio", said(3)]

    def refused(code: int, *parts: str, words: list[object]) -> None:
        assert_refused(tmp_path, code, *parts, words=[*needed, *words])

    refused(3, "nobody.png", "does not exist", words=["--reference", tmp_path / "nobody.png"])
    refused(3, "page.pth", "text file", words=["--reference", page])
    refused(5, "reference", "grey.mkv", "--detector", words=["--reference", grey])
    refused(4, "nowhere.pth", words=["--enhance", tmp_path / "nowhere.pth"])
    refused(4, "page.pth", "HTML page", words=["--enhance", page])
    refused(4, "discriminator", words=["--enhance", weights("discriminator")])
    refused(4, "BiSeNet", words=["--enhance", weights("skin")])
    refused(4, "nowhere.pth", words=["--parsing", tmp_path / "nowhere.pth"])
    refused(4, "HTML page", words=["--parsing", page])
    refused(4, "RRDBNet", words=["--parsing", weights("sharpens")])
    refused(2, "--parsing", words=["--mask", "parsing"])
    refused(2, "--compat", "--enhance", words=["--compat", "--enhance", weights("sharpens")])
    refused(2, "--compat", "--no-color-match", words=["--compat", "--no-color-match"])
    refused(2, "enhance-strength", words=["--enhance-strength", 2])
    refused(2, "yuv999p", "yuv420p", words=["--pix-fmt", "yuv999p"])
    refused(2, ".mp4", "ffv1", words=["--codec", "copy-settings"])    # of an FFV1 source
    refused(2, "HDR", "--codec hevc", words=["--face", hdr, "--codec", "h264", "--box", 10, 60, 10, 60])


# wav2lip-hq


def test_a_command_line_of_wav2lip_hq_works_unchanged(
    lossless: Path, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path
) -> None:
    hq = ["sync", "--checkpoint_path", EXAMPLES.parent / "checkpoints/demo.safetensors"]
    hq += ["--segmentation_path", weights("parses"), "--sr_path", weights("sharpens")]
    hq += ["--face", lossless, "--audio", said(2), "--outfile", tmp_path / "out.mp4"]
    ours = ["--device", "cpu", "--detector", "cascade"]
    result = CliRunner().invoke(main, [str(word) for word in hq + ours])
    assert result.exit_code == 0, result.output
    assert probe(tmp_path / "out.mp4").frames == 2


def test_networks_that_wav2lip_hq_is_told_not_to_use_are_not_even_looked_for(
    lossless: Path, said: Callable[[int], Path], tmp_path: Path
) -> None:
    nowhere = ["--segmentation_path", tmp_path / "no.pth", "--sr_path", tmp_path / "none.pth"]
    words = ["--face", lossless, "--audio", said(2), "--outfile", tmp_path / "out.mkv", "--codec", "ffv1"]
    box = ["--box", *BOX, "--device", "cpu"]
    given = ["sync", *words, *nowhere, *box, "--no_segmentation", "--no_sr"]
    result = CliRunner().invoke(main, [str(word) for word in given])
    assert result.exit_code == 0, result.output
    plain = sync(lossless, said(2), tmp_path / "plain.mkv")
    assert np.array_equal(plain, list(read_frames(probe(tmp_path / "out.mkv"))))


# The kind of file


def test_a_picture_that_was_cut_out_of_its_background_keeps_its_transparency(
    photograph: Path, said: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (picture,) = read_frames(probe(photograph))
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    cv2.ellipse(alpha, (SIZE // 2, SIZE // 2), (60, 75), 0, 0, 360, 255, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 3)
    clear = tmp_path / "clear.png"
    clear.write_bytes(cv2.imencode(".png", np.dstack([picture, alpha]))[1].tobytes())
    monkeypatch.chdir(tmp_path)
    report = wav2lip.sync(clear, said(6), options=replace(OPTIONS, codec=None))
    assert report.output == Path("clear_6.mov")
    clip = probe(report.output)
    assert (clip.codec, clip.pixel_format[:8]) == ("prores", "yuva444p")
    results = list(read_pictures(clip))
    assert len(results) == 6
    for result in results:
        assert np.array_equal(result.planes[3] >> (result.pixels.depth - 8), alpha)
    assert mean_difference(results[0].planes[0][100:125, 70:95], results[4].planes[0][100:125, 70:95]) > 1


def test_ten_bits_come_out_as_hevc_of_ten_bits_with_their_tags(
    make: Make, said: Callable[[int], Path], tmp_path: Path
) -> None:
    face = make("deep.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le", *tags())
    assert probe(face).colour == BT709
    report = wav2lip.sync(face, said(6), tmp_path / "out.mp4", replace(OPTIONS, codec=None))
    clip = probe(report.output)
    assert (clip.codec, clip.pixel_format, clip.colour) == ("hevc", "yuv420p10le", BT709)
    with av.open(str(report.output)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"
    before, after = (next(read_pictures(probe(path))) for path in (face, report.output))
    assert mean_difference(after.planes[0][:80], before.planes[0][:80]) < 4    # a level of 8 bits


def tags() -> list[object]:
    return ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]


def test_the_settings_of_the_source_can_be_asked_for(make: Make, said: Callable[[int], Path], tmp_path: Path) -> None:
    face = make("settings.mp4", "-c:v", "libx264", "-pix_fmt", "yuv422p", "-b:v", "400k", *tags())
    report = wav2lip.sync(face, said(10), tmp_path / "out.mp4", replace(OPTIONS, codec="copy-settings"))
    source, clip = probe(face), probe(report.output)
    assert (clip.codec, clip.pixel_format, clip.colour) == (source.codec, source.pixel_format, source.colour)
    assert clip.codec == "h264"
    chosen = wav2lip.sync(face, said(2), tmp_path / "444.mp4", replace(OPTIONS, codec=None, pix_fmt="yuv444p"))
    assert probe(chosen.output).pixel_format == "yuv444p"


def test_the_same_command_gives_the_same_bytes(
    make: Make, said: Callable[[int], Path], weights: Callable[[str], Path], tmp_path: Path
) -> None:
    face = make("face.mp4")
    options = replace(OPTIONS, codec=None, grain=True, enhance=weights("sharpens"))
    written = [
        wav2lip.sync(face, said(8), tmp_path / f"{number}.mp4", options).output.read_bytes() for number in range(2)
    ]
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "layout", [("-pix_fmt", "gray"), ("-vf", f"scale={SIZE}:{SIZE},hue=s=0", "-pix_fmt", "yuv420p")]
)
def test_a_black_and_white_film_stays_black_and_white(
    make: Make, said: Callable[[int], Path], tmp_path: Path, layout: tuple[str, ...]
) -> None:
    source = make(f"grey {layout[-1]}.mkv", *layout, "-c:v", "ffv1", frames=6)
    for frame in sync(source, said(6), tmp_path / "out.mkv"):
        assert np.ptp(frame.astype(int), axis=2).max() <= 3


def test_the_grain_of_a_picture_that_stands_still_stands_still(photograph: Path, tmp_path: Path) -> None:
    silent = write_sound(tmp_path / "silent.wav", np.zeros(640 * 6))
    first, *others = sync(photograph, silent, tmp_path / "out.mkv", grain=True)
    assert all(np.array_equal(frame, first) for frame in others)


@pytest.mark.parametrize(("crop", "layout"), [((8, 152, 20, 132), "yuv420p"), ((9, 152, 20, 132), "yuv444p")])
def test_a_crop_along_the_chromas_grid_keeps_every_number(
    lossless: Path, said: Callable[[int], Path], tmp_path: Path, crop: tuple[int, int, int, int], layout: str
) -> None:
    top, bottom, left, right = crop
    box = (BOX[0] - top, BOX[1] - top, BOX[2] - left, BOX[3] - left)
    sync(lossless, said(4), tmp_path / "out.mkv", crop=crop, box=box)
    result = probe(tmp_path / "out.mkv")
    assert (result.pixel_format, result.width, result.height) == (layout, right - left, bottom - top)
    if layout == "yuv420p":
        source = next(iter(read_pictures(probe(lossless))))
        picture = next(iter(read_pictures(result)))
        above = BOX[0] - top
        assert np.array_equal(picture.planes[0][:above], source.planes[0][top : top + above, left:right])
        chroma = source.planes[1][top // 2 : (top + above) // 2, left // 2 : right // 2]
        assert np.array_equal(picture.planes[1][: above // 2], chroma)


def test_a_reference_that_cannot_be_read_is_noticed_before_faces_are_looked_for(
    lossless: Path, said: Callable[[int], Path], tmp_path: Path
) -> None:
    class Stages(Progress):
        seen: tuple[str, ...] = ()

        def stage(self, name: str, total: int):    # type: ignore[no-untyped-def]
            Stages.seen += (name,)
            return super().stage(name, total)

    options = replace(OPTIONS, reference=tmp_path / "nobody.png", box=wav2lip.SyncOptions().box)
    with pytest.raises(wav2lip.MediaError, match="nobody"):
        wav2lip.sync(lossless, said(4), tmp_path / "out.mkv", options, Stages())
    assert Stages.seen == ()
