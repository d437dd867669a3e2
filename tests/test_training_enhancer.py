"""An enhancer learns one person's sharp faces from what the generator makes of them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from media_samples import make_video, moving_frames, run_ffmpeg
from training_clips import babble

import wav2lip.training.pairs as making
from wav2lip.cli import main
from wav2lip.models.checkpoint import read_checkpoint
from wav2lip.models.load import load_rrdbnet, save_network
from wav2lip.models.rrdbnet import RRDBNet
from wav2lip.progress import Progress
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.engine import make_accelerator
from wav2lip.training.enhancer import (
    NO_BETTER,
    EnhancerOptions,
    EnhancerTrainee,
    Pieces,
    bands,
    cubic,
    enhancement,
    large_weights,
    new_enhancer,
    picture,
)
from wav2lip.training.heads import draw_talking
from wav2lip.training.log import read_log
from wav2lip.training.pairs import Making, Pairs, find_pairs, make_pairs
from wav2lip.training.runs import read_saved

pytestmark = pytest.mark.usefixtures("one_thread")

FPS, SECONDS = 8, 3
HELD = range(2 * FPS, 3 * FPS)                  # the last second
MOST = 20
TINY = ["--features", "8", "--blocks", "1", "--growth", "4"]


def head_video(path: Path, size: int, seconds: float = SECONDS) -> Path:
    """Film a drawn head that speaks; its face is 0.42 of `size` wide."""
    samples = babble(3, seconds)
    sound = path.with_suffix(".wav")
    run_ffmpeg("-f", "f32le", "-ar", 16_000, "-ac", 1, "-i", "pipe:0", sound, given=samples.tobytes())
    frames = draw_talking(3, speech_to_articulation(samples, FPS), FPS, size)
    return make_video(path, frames, FPS, ["-c:v", "libx264", "-qp", 10, "-preset", "veryfast", "-c:a", "flac"], sound)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return head_video(tmp_path_factory.mktemp("video") / "me.mkv", 460)


@pytest.fixture(scope="module")
def how(video: Path) -> Making:
    return Making((video,), detector="cascade", most=MOST, pads=making.Pads(0, 10, 0, 0))


@pytest.fixture(scope="module")
def pairs(how: Making, tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    return make_pairs(tmp_path_factory.mktemp("run") / "pairs", how, Progress())


@pytest.fixture
def run(pairs: Pairs, tmp_path: Path) -> Path:
    """The folder of a run whose pairs have been made."""
    return with_pairs(tmp_path / "run", pairs)


def with_pairs(run: Path, pairs: Pairs) -> Path:
    shutil.copytree(pairs.folder, run / "pairs")
    return run


def train(video: Path, run: Path, *more: str) -> Result:
    words = [
        "train", "enhancer", "--video", str(video), "-o", str(run), "--detector", "cascade", "--pairs", str(MOST),
        "--batch", "2", "--evaluation-faces", "1", "--workers", "0", "--device", "cpu", "--precision", "fp32", *more,
    ]
    return CliRunner().invoke(main, words)


def frame_numbers(pairs: Pairs) -> np.ndarray:
    return np.load(pairs.folder / making.PLAN)["frames"][:, 1]


def same(one: Path, other: Path) -> bool:
    weights, others = (load_rrdbnet(path).state_dict() for path in (one, other))
    return weights.keys() == others.keys() and all(torch.equal(weights[name], others[name]) for name in weights)


# The pairs


def test_a_pair_is_the_same_face_as_the_generator_makes_it_and_as_the_video_shows_it(pairs: Pairs) -> None:
    for number in (0, int(pairs.held[-1])):
        small, large = pairs.small(number), pairs.large(number)
        assert small.shape == (96, 96, 3)
        assert large.shape == (384, 384, 3)
        shown = cv2.resize(large, (96, 96), interpolation=cv2.INTER_AREA).astype(int)
        assert np.abs(shown - small)[:40].mean() < 12
        assert np.abs(shown - small)[:40].mean() < 0.5 * np.abs(shown[:, ::-1] - small)[:40].mean()


def test_whole_seconds_are_held_out_and_those_beside_them_are_not_trained_on(pairs: Pairs) -> None:
    numbers = frame_numbers(pairs)
    assert set(numbers[pairs.held]) <= set(HELD)
    assert len(pairs.held) == MOST // 10
    assert numbers[pairs.train].max() == HELD[0] - FPS // 2
    assert len(pairs.train) == HELD[0] - FPS // 2 + 1


def test_the_reference_is_the_face_most_alike_from_one_to_three_seconds_away() -> None:
    def face(level: int) -> np.ndarray:
        return np.full((96, 96, 3), level, np.uint8)

    track = np.zeros((200, 5), np.int32)
    track[180:, 4] = 1                          # another shot
    seen = [(90, face(100)), (100, face(100)), (130, face(90)), (150, face(104)), (170, face(80)), (180, face(100))]
    chosen = making._reference(100, face(100), seen, track, Fraction(25))
    assert chosen[0, 0, 0] == 104
    alone = making._reference(100, face(100), seen[:2], track, Fraction(25))
    assert alone is seen[0][1]


def test_making_pairs_goes_on_where_it_was_interrupted(
    how: Making, pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "look_at_clip", None)    # the plan tells where they are
    monkeypatch.setattr(making, "SHARD", 8)
    shutil.copy(pairs.folder / making.PLAN, tmp_path)
    assert find_pairs(tmp_path, how) is None
    whole = np.load(pairs.folder / "pairs_0000.npy")
    first, second = tmp_path / "pairs_0000.npy", tmp_path / "pairs_0001.npy"
    np.save(first, whole[:8])
    (tmp_path / ".half.part").write_bytes(b"half")
    made_before = first.stat().st_mtime_ns
    make_pairs(tmp_path, how, Progress())
    assert first.stat().st_mtime_ns == made_before
    assert np.abs(np.load(second).astype(int) - whole[8:]).max() <= 1    # rounded in batches of another size
    assert not list(tmp_path.glob(".*"))
    assert find_pairs(tmp_path, how) is not None


# The training


def test_a_new_network_begins_as_plain_enlargement(pairs: Pairs) -> None:
    torch.manual_seed(0)
    network = new_enhancer(8, 2, 4)
    assert network.sizes == (8, 2, 4)
    small = picture(pairs.small(0))[None]
    with torch.inference_mode():
        difference = (network(small) - cubic(small))[..., 8:-8, 8:-8].abs()    # at the edges it sees the black beyond
    assert difference.mean() < 0.02


def test_a_tint_costs_its_full_size(pairs: Pairs) -> None:
    large = picture(pairs.large(0))[None]
    tinted = large + torch.tensor([0.1, 0.0, 0.0])[:, None, None]
    total, found = enhancement(tinted, large, large_weights(2.0), EnhancerOptions(steps=1))
    assert float(total) == pytest.approx(0.1 / 3, abs=2e-3)
    assert float(found["detail"]) == pytest.approx(0, abs=1e-6)


def test_pieces_are_the_same_ones_at_every_step_and_show_the_same_place(pairs: Pairs) -> None:
    batch = Pieces(pairs, EnhancerOptions(steps=1, batch_size=8, crop=48)).batch(3)
    again = Pieces(pairs, EnhancerOptions(steps=1, batch_size=8, crop=48)).batch(3)
    assert torch.equal(batch.small, again.small)
    assert torch.equal(batch.large, again.large)
    assert batch.small.shape == (8, 3, 48, 48)
    assert batch.large.shape == (8, 3, 192, 192)
    shown = torch.nn.functional.avg_pool2d(batch.large, 4)
    assert (shown - batch.small).abs().mean() < 0.5 * (shown.flip(-1) - batch.small).abs().mean()


def test_what_a_generator_does_wrong_is_taken_back_on_seconds_not_seen(pairs: Pairs, tmp_path: Path) -> None:
    """Made here with one that gives exact faces in half the size, and too little red."""
    numbers = [*pairs.train, *pairs.held]
    rows = []
    for number in numbers:
        half = cv2.resize(pairs.large(number), (48, 48), interpolation=cv2.INTER_AREA)
        poor = np.rint(cv2.resize(half, (96, 96)) * [1, 1, 0.8]).astype(np.uint8)
        rows.append(np.concatenate([poor.ravel(), pairs.large(number).ravel()]))
    np.save(tmp_path / "pairs_0000.npy", np.stack(rows))
    held = np.arange(len(pairs.train), len(numbers))
    trainee = made(replace(pairs, folder=tmp_path, train=np.arange(len(pairs.train)), held=held), steps=60)
    errors = [float(trainee.learn(trainee.batches(step, 0), step)["l1"]) for step in range(60)]
    assert sum(errors[-10:]) < 0.6 * sum(errors[:10])
    found = trainee.evaluate().figures
    assert found["eval_l1"] < 0.5 * found["eval_cubic_l1"]
    assert found["eval_tint"] < 0.25 * found["eval_cubic_tint"]
    assert found["eval_loss"] < 0.7 * found["eval_cubic_loss"]


def test_a_run_learns_and_leaves_log_curves_pictures_and_weights(video: Path, run: Path, pairs: Pairs) -> None:
    more = ["--evaluate-every", "60", "--rate", "0.001", "--note", "licence", "mine"]
    result = train(video, run, "--steps", "180", *TINY, *more)
    assert result.exit_code == 0, result.stderr
    files = [run / "enhancer.safetensors", run / "enhancer_last.safetensors"]
    assert result.stdout.split() == [str(file) for file in files]
    early, _, late = (row for row in read_log(run / "log.jsonl") if "eval_loss" in row)
    assert (early["step"], late["step"]) == (60, 180)
    assert late["eval_loss"] < early["eval_loss"]
    assert late["eval_cubic_loss"] == early["eval_cubic_loss"]
    assert (run / "log.csv").read_text().startswith("step,seconds,l1,detail,texture")
    strip = cv2.imread(str(run / "samples_step000000180" / "0_0.jpg"))
    assert strip.shape == (len(pairs.held) * 384, 3 * 384, 3)
    assert cv2.imread(str(run / "curves.png")).std() > 10
    assert all(load_rrdbnet(file).sizes == (8, 1, 4) for file in files)
    metadata = read_checkpoint(files[0]).metadata
    assert metadata["data"].startswith("the user's own video: me.mkv")
    assert metadata["base weights"].startswith("none")
    assert (metadata["licence"], metadata["steps"]) == ("mine", "180")


def test_going_on_gives_what_no_interruption_gives(video: Path, run: Path, tmp_path: Path) -> None:
    options = ["--steps", "3", "--evaluate-every", "2", "--save-every", "1", "--keep", "0", *TINY]
    assert train(video, run, *options).exit_code == 0
    killed = tmp_path / "killed"
    shutil.copytree(run, killed)
    for file in (*killed.glob("*step*3*"), *killed.glob("*.safetensors")):
        file.unlink() if file.is_file() else shutil.rmtree(file)
    again = train(video, killed, *options)
    assert "Going on from step 2" in again.stderr
    assert same(run / "enhancer.safetensors", killed / "enhancer.safetensors")
    assert same(run / "enhancer_last.safetensors", killed / "enhancer_last.safetensors")


def test_the_best_weights_are_kept_also_by_a_checkpoint(pairs: Pairs, tmp_path: Path) -> None:
    trainee = made(pairs)
    best = trainee.parts[0].network.conv_first.weight.detach().clone()    # before the first step also the mean
    trainee.heed({"eval_loss": 0.1, "eval_cubic_loss": 1.0})
    for step in range(3):
        trainee.learn(trainee.batches(step, 0), step)
    trainee.heed({"eval_loss": 0.2, "eval_cubic_loss": 1.0})
    again = made(pairs)
    again.restore(trainee.state())
    again.heed({"eval_loss": 0.15, "eval_cubic_loss": 1.0})
    again.export(tmp_path, 7)
    assert torch.allclose(load_rrdbnet(tmp_path / "enhancer.safetensors").conv_first.weight, best, atol=1e-4)
    other = made(replace(pairs, name="of somebody else"))
    other.restore(trainee.state())
    assert other.state()["weights"] == {}


def test_it_is_told_once_that_plain_enlargement_is_as_good(pairs: Pairs) -> None:
    words: list[str] = []
    trainee = made(pairs, words)
    worse = {"eval_loss": 1.0, "eval_cubic_loss": 0.9}
    trainee.heed(worse)
    assert words == []                          # it has hardly begun
    for step in (10, 11):
        trainee.learn(trainee.batches(0, 0), step)
        trainee.heed(worse)
    assert words == [NO_BETTER]


def made(pairs: Pairs, words: list[str] | None = None, steps: int = 11) -> EnhancerTrainee:
    torch.manual_seed(0)
    options = EnhancerOptions(steps=steps, batch_size=2, rate=2e-3, evaluation_faces=2)
    trainee = EnhancerTrainee(new_enhancer(6, 1, 3), pairs, options, say=[].append if words is None else words.append)
    trainee.start(make_accelerator("cpu", "fp32"))
    return trainee


def test_training_goes_on_from_weights_of_any_size(video: Path, run: Path, tmp_path: Path) -> None:
    start = tmp_path / "RealESRGAN_x4plus.pth"
    torch.save({"params_ema": RRDBNet(6, 1, 3).state_dict()}, start)
    result = train(video, run, "--steps", "1", "--from", str(start), "--rate", "1e-9")
    assert result.exit_code == 0, result.stderr
    assert same_up_to_16_bit(run / "enhancer.safetensors", start)
    assert read_checkpoint(run / "enhancer.safetensors").metadata["base weights"] == "RealESRGAN_x4plus.pth"
    assert read_saved(run / "checkpoint_step000000001.pth", "rrdbnet").step == 1
    for more in (["--from", str(start)], []):    # without --from it is the run's own checkpoint that has a size
        other = train(video, run if not more else tmp_path / "new", "--steps", "2", *more, "--blocks", "2")
        assert other.exit_code == 2
        assert "6 features, 1 blocks and growth 3" in other.stderr


def same_up_to_16_bit(one: Path, other: Path) -> bool:
    weights, others = (load_rrdbnet(path).state_dict() for path in (one, other))
    return all(torch.allclose(weights[name], others[name], atol=1e-3) for name in weights)


def test_a_small_face_is_told_and_a_tiny_one_refused(
    video: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "DETAILED", 170)
    assert "little detail" not in train(video, run, "--steps", "1", *TINY).stderr
    monkeypatch.setattr(making, "DETAILED", 300)
    assert "there is little detail to learn" in train(video, run, "--steps", "2", *TINY).stderr
    tiny = train(head_video(tmp_path / "tiny.mkv", 160, 2), tmp_path / "tiny", "--steps", "1", *TINY)
    assert tiny.exit_code == 5
    assert "there is no detail to learn" in tiny.stderr


def test_what_makes_no_sense_is_refused_in_a_sentence(video: Path, run: Path, tmp_path: Path) -> None:
    silent = make_video(tmp_path / "silent.mp4", moving_frames(12), FPS)
    faceless = tmp_path / "faceless.mkv"
    run_ffmpeg("-i", silent, "-i", video.with_suffix(".wav"), "-map", "0:v", "-map", "1:a", "-c:a", "flac", faceless)
    short = head_video(tmp_path / "short.mkv", 300, 1.5)
    still = tmp_path / "still.png"
    cv2.imwrite(str(still), np.zeros((64, 64, 3), np.uint8))
    generator = tmp_path / "generator.safetensors"
    save_network(RRDBNet(4, 1, 2), generator)
    for path, folder, more, code, words in [
        (silent, "a", [], 3, "has no sound to make faces from"),
        (faceless, "b", [], 5, "No face was found"),
        (short, "c", [], 5, "less than two whole seconds"),
        (still, "d", [], 3, "is a picture"),
        (tmp_path / "missing.mp4", "e", [], 3, "cannot be read"),
        (video, "f", ["--audio", str(video), "--audio", str(video)], 2, "one --audio for each --video"),
        (video, "g", ["--checkpoint", str(generator)], 4, "Wav2Lip generator"),
        (video, "h", ["--from", str(video)], 4, "not a weights file"),
        (video, run, ["--pads", "0", "0", "0", "0"], 2, "pairs of other videos, or made with another"),
    ]:
        result = train(path, tmp_path / folder, "--steps", "1", *TINY, *more)
        assert result.exit_code == code, (path, result.output)
        assert words in result.stderr
        assert "Traceback" not in result.stderr
        assert folder == run or not (tmp_path / folder).exists(), "something was left behind"


def test_pieces_of_odd_sizes_have_bands_too() -> None:
    picture = torch.rand(1, 3, 132, 132)
    assert [band.shape[-1] for band in bands(picture)] == [132, 66, 33]
