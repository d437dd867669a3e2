"""The command line: the original's spellings, one-sentence errors, exit codes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from answers import assert_one_sentence
from click.testing import CliRunner, Result

from wav2lip.cli import main
from wav2lip.pipeline import sync as journey
from wav2lip.pipeline.options import SyncOptions

NEEDED = ["sync", "--face", "a.mp4", "--audio", "a.wav"]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line up to the call of the API and return what the API was given."""

    def run(*words: str) -> tuple[Path | None, SyncOptions]:
        seen: list[Any] = []

        def stop(face: Path, audio: Path, output: Path | None, options: SyncOptions, progress: object) -> None:
            seen.extend([output, options])
            raise KeyboardInterrupt

        monkeypatch.setattr(journey, "sync", stop)
        result = CliRunner().invoke(main, [*NEEDED, *words])
        assert result.exit_code == 130, result.output
        return seen[0], seen[1]

    return run


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_a_command_line_of_the_original_program_works_unchanged(parsed: Any) -> None:
    words = (
        "--checkpoint_path c.pth --outfile results/r.mp4 --static True --fps 29.97 --pads 0 20 0 -3 "
        "--face_det_batch_size 4 --wav2lip_batch_size 64 --resize_factor 2 --crop 0 -1 10 200 "
        "--box 10 90 20 80 --rotate --nosmooth"
    )
    output, options = parsed(*words.split())
    assert output == Path("results/r.mp4")
    assert options == SyncOptions(
        checkpoint=Path("c.pth"),
        static=True,
        fps=Fraction("29.97"),
        pads=(0, 20, 0, -3),
        face_det_batch_size=4,
        wav2lip_batch_size=64,
        resize_factor=2,
        crop=(0, -1, 10, 200),
        box=(10, 90, 20, 80),
        rotate=True,
        smooth=False,
        offline=True,
    )


def test_a_command_line_of_wav2lip_hq_works_unchanged(parsed: Any) -> None:
    networks = "--checkpoint_path c.pth --segmentation_path checkpoints/face_segmentation.pth --sr_path esrgan.pth"
    output, options = parsed(*networks.split(), "--outfile", "r.mp4")
    assert output == Path("r.mp4")
    assert options == SyncOptions(
        checkpoint=Path("c.pth"),
        parsing=Path("checkpoints/face_segmentation.pth"),
        enhance=Path("esrgan.pth"),
        offline=True,
    )
    assert parsed(*networks.split(), "--no_sr")[1] == SyncOptions(
        checkpoint=Path("c.pth"), parsing=Path("checkpoints/face_segmentation.pth"), offline=True
    )
    assert parsed(*networks.split(), "--no_segmentation", "--no_sr")[1] == SyncOptions(
        checkpoint=Path("c.pth"), offline=True
    )


def test_every_choice_about_the_picture_reaches_the_api(parsed: Any) -> None:
    words = (
        "--blend poisson --mask parsing --no-color-match --grain --enhance e.pth --enhance-strength 0.4 "
        "--parsing p.pth --silence source --vad silero --reference me.png --codec copy-settings --pix-fmt yuv420p10le"
    )
    assert parsed(*words.split())[1] == SyncOptions(
        blend="poisson",
        mask="parsing",
        color_match=False,
        grain=True,
        enhance=Path("e.pth"),
        enhance_strength=0.4,
        parsing=Path("p.pth"),
        silence="source",
        vad="silero",
        reference=Path("me.png"),
        codec="copy-settings",
        pix_fmt="yuv420p10le",
        offline=True,
    )


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--blend", "hard"], "blend", "hard"),
        (["--mask", "box"], "mask", "box"),
        (["--silence", "model"], "silence", "model"),
        (["--hardware", "off"], "hardware", "off"),
        (["--reference", "same"], "reference", "same"),
        (["--reference", "closed"], "reference", "closed"),
        (["--reference", "./closed"], "reference", Path("closed")),
        (["--mask", "parsing", "--no-segmentation"], "mask", None),
        (["--mask", "box", "--no-segmentation"], "mask", "box"),
        (["--enhance=x.pth", "--enhance_strength=0"], "enhance_strength", 0.0),
    ],
)
def test_a_choice_means_what_it_says(parsed: Any, words: list[str], name: str, value: object) -> None:
    assert getattr(parsed(*words)[1], name) == value


def test_defaults_are_those_of_the_options_class(parsed: Any) -> None:
    assert parsed() == (None, SyncOptions(offline=True))


@pytest.mark.parametrize(
    "words", [["--pads", "1", "2", "3", "4"], ["--pads", "1,2,3,4"], ["--pads=1,2,3,4"], ["--pads", "[1, 2, 3, 4]"]]
)
def test_a_list_can_be_written_in_every_way_that_people_do(parsed: Any, words: list[str]) -> None:
    assert parsed(*words, "--no-smooth")[1].pads == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("words", "static"),
    [
        (["--static"], True),
        (["--static", "True"], True),
        (["--static", "False"], False),
        (["--static", "--rotate"], True),
    ],
)
def test_static_means_what_it_says(parsed: Any, words: list[str], static: bool) -> None:
    assert parsed(*words)[1].static is static


def test_underscores_in_file_names_are_left_alone(parsed: Any) -> None:
    assert parsed("-o", "--my_file.mp4")[0] == Path("--my_file.mp4")


def test_the_rate_stays_exact(parsed: Any) -> None:
    assert parsed("--fps", "24000/1001")[1].fps == Fraction(24000, 1001)


@pytest.mark.parametrize(
    "words",
    [
        ["--pads", "1", "2", "3"],
        ["--pads", "a", "b"],
        ["--pads"],
        ["--fps", "fast"],
        ["--fps", "1/0"],
        ["--fps", "0"],
        ["--extend", "sideways"],
        ["--detector", "eyes"],
        ["--resize_factor", "0"],
        ["--wav2lip-batch-size", "-1"],
        ["--blend", "loud"],
        ["--mask", "nose"],
        ["--mask", "parsing"],
        ["--enhance-strength", "nan"],
        ["--enhance-strength", "2"],
        ["--enhance-strength", "-0.1"],
        ["--silence", "golden"],
        ["--vad", "ears"],
        ["--hardware", "on"],
        ["--enhance"],
        *(["--compat", *words] for words in (
            ["--blend", "hard"], ["--mask", "box"], ["--no-color-match"], ["--grain"], ["--enhance", "e.pth"],
            ["--parsing", "p.pth"], ["--silence", "closed"], ["--reference", "same"],
        )),
        ["--device", "abacus"],
        ["--device", "cuda:99"],
        ["--no-such-option"],
        ["stray"],
    ],
)
def test_wrong_options_are_one_sentence_and_code_2(words: list[str]) -> None:
    result = invoke(*NEEDED, *words)
    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "Traceback" not in result.output


def test_an_unexpected_failure_is_code_1_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("the roof fell in")

    monkeypatch.setattr(journey, "sync", fail)
    result = invoke(*NEEDED)
    assert result.exit_code == 1
    assert "the roof fell in" in result.output
    assert "Traceback" not in result.output


def test_help_names_the_exit_codes() -> None:
    text = invoke("--help").output
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "130"):
        assert f"\n    {code}" in text


@pytest.mark.parametrize("error", [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
])
def test_too_little_memory_is_a_sentence_of_every_command(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr("wav2lip.provenance.inspection.inspect", fail)
    result = invoke("inspect", "a.mp4")
    assert result.exit_code == 1
    assert_one_sentence(result.stdout, result.stderr, "too little memory")
