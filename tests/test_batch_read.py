"""Jobs files, folders and products: what becomes a job, and what is wrong with the rest."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from media_samples import run_ffmpeg

import wav2lip
from wav2lip.batch.files import expand
from wav2lip.batch.job import Job, Outcome
from wav2lip.batch.pairs import read_pairs
from wav2lip.batch.read import read_jobs
from wav2lip.batch.run import check_outputs
from wav2lip.cli import main
from wav2lip.cli.batch import batch
from wav2lip.cli.columns import columns, job_options
from wav2lip.cli.sync import sync

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = wav2lip.SyncOptions(offline=True)


def given(*words: str) -> dict:
    """Return what the command line says of all jobs."""
    names = {option.name for option in job_options()}
    context = batch.make_context("batch", list(words))
    return {name: value for name, value in context.params.items() if name in names}


def read(path: Path, text: str | bytes, *words: str) -> list[Job | Outcome]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_jobs(path, path.parent / "results", columns(given(*words)))


def failures(jobs: list[Job | Outcome]) -> list[str]:
    return [f"{job.where.rpartition(', ')[2]}: {job.error}" for job in jobs if isinstance(job, Outcome)]


@pytest.mark.parametrize(
    "text",
    [
        "face,audio,output,fps\na.mp4,a.wav,x.mp4,29.97\n",
        "\ufeffface;audio;output;fps\r\na.mp4;a.wav;x.mp4;29.97\r\n\r\n",
        "# jobs\n--Face\taudio\toutfile\tfps\n\"a.mp4\"\ta.wav\t x.mp4 \t29.97",
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, text: str) -> None:
    (job,) = read(tmp_path / "jobs.csv", text)
    assert isinstance(job, Job)
    assert job.where.endswith(("line 2", "line 3"))
    face, audio, output = (str(tmp_path / name) for name in ("a.mp4", "a.wav", "results/x.mp4"))
    assert (job.face, job.audio, job.output) == (face, audio, output)
    assert job.options == replace(OPTIONS, fps=Fraction("29.97"))


def test_objects_say_the_same(tmp_path: Path) -> None:
    row = {
        "face": "a, \"b\"\n.mp4", "audio": None, "voice": ["A=a.wav", "B=/b.wav"], "pads": [0, 20, 0, 0],
        "static": True, "no_smooth": True, "keep-audio": False, "fps": 29.97, "range": "1s-2s",
        "checkpoint": "wav2lip-gan", "parsing": "p.pth", "reference": "closed", "offline": False,
    }
    (job,) = read(tmp_path / "jobs.jsonl", json.dumps(row))
    assert isinstance(job, Job)
    assert (job.face, job.audio) == (str(tmp_path / row["face"]), None)
    assert job.output == str(tmp_path / "results" / "a, \"b\"\n_a.mp4")
    voices = (wav2lip.Voice("A", tmp_path / "a.wav"), wav2lip.Voice("B", Path("/b.wav")))
    assert job.options == wav2lip.SyncOptions(
        voices=voices, pads=(0, 20, 0, 0), static=True, smooth=False, keep_audio=False, fps=Fraction("29.97"),
        ranges=(wav2lip.Span(Fraction(1), Fraction(2)),), checkpoint=Path("wav2lip-gan"), parsing=tmp_path / "p.pth",
        reference="closed",
    )


def test_every_option_of_sync_is_a_column_and_an_option_for_all_jobs() -> None:
    about_the_run = {"quiet", "verbose", "as_json", "profiled", "min_score", "dry_run"}
    known = columns(given())
    for option in sync.params:
        if option.name in about_the_run or not option.expose_value:
            continue
        for spelt in (*option.opts, *option.secondary_opts):
            if spelt.startswith("--"):
                known.column(spelt)
                known.column(spelt[2:].replace("-", "_").upper())
    places = {"face", "audio", "output"}
    assert {option.name for option in batch.params} >= {option.name for option in sync.params} - about_the_run - places


def test_rows_win_over_the_command_line(tmp_path: Path) -> None:
    lines = ["face,audio,no-grain,grain,crf,range,range", "a.mp4,a.wav,,no,,1s-2s,3s-4s", "b.mp4,b.wav,,,3,,"]
    words = ("--grain", "--crf", "9", "--pads", "1", "2", "3", "4", "--checkpoint", "w.pth", "--range", "0s-1s")
    with pytest.raises(wav2lip.UsageError, match="line 1: there is no column 'no-grain'"):
        read(tmp_path / "jobs.csv", "\n".join(lines), *words)
    lines[0] = lines[0].replace("no-grain", "preset")
    one, other = (job.options for job in read(tmp_path / "jobs.csv", "\n".join(lines), *words) if isinstance(job, Job))
    everywhere = replace(OPTIONS, pads=(1, 2, 3, 4), checkpoint=Path("w.pth").absolute())
    spans = [wav2lip.Span(Fraction(n), Fraction(n + 1)) for n in (0, 1, 3)]
    assert one == replace(everywhere, grain=False, crf=9, ranges=tuple(spans[1:]))
    assert other == replace(everywhere, grain=True, crf=3, ranges=(spans[0],))


def test_a_row_that_makes_no_sense_is_a_job_that_failed(tmp_path: Path) -> None:
    lines = [
        "face,audio,output,crf,pads,silence,box,person", "a.mp4,a.wav", ",a.wav", "a.mp4,\"a.wav", "a.mp4,a.wav,x,ten",
        "a.mp4,a.wav,,,1 2 3", "a.mp4,a.wav,,,,loud", "a.mp4,a.wav,,,,,1 2 3 4,A", "nix*.mp4,a.wav",
        "a.mp4,a.wav,,,,,,,more", "b.mp4,a.wav",
    ]
    jobs = read(tmp_path / "jobs.csv", "\n".join(lines))
    assert [isinstance(job, Job) for job in jobs] == [True, *[False] * 8, True]
    said = failures(jobs)
    for line, (sentence, words) in enumerate(zip(said, (
        "names no face", "not a row of a table", "crf: 'ten'", "pads: '1 2 3' is not four whole numbers",
        "silence: 'loud' is not one of", "--box and --person contradict", "No file matches", "9 cells for 8 columns",
    ), strict=True), 3):
        assert sentence.startswith(f"line {line}: ")
        assert words in sentence
    assert {job.exit_code for job in jobs if isinstance(job, Outcome)} == {2, 3}
    assert len({job.key for job in jobs}) == len(jobs)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"audio": "a"}', "no face"),
        ('{"face": 5, "x": 1}', "no column"),
        ('{"face": "a", "json": true}', "no column 'json'"),
        ('{"face": true}', "face is not the name"),
        ('{"face": {"a": 1}}', "'face' cannot be"),
        ('{"face": ["a"]}', "'face' cannot be"),
        ('{"face": ""}', "a name of a file is empty"),
        ('{"face": "\\u0000"}', "is no text"),
        ('{"face": "a", "checkpoint": "\\ud800"}', "is no text"),
        ('{"face": "a", "voice": ["A=a", "A=\\u0000"]}', "is no text"),
        ('{"face": "a", "crf": true}', "crf cannot be True"),
        ('{"face": "a", "crf": [1]}', "'crf' cannot be"),
        ('{"face": "a", "crf": 1.5}', "crf: '1.5' is not"),
        ('{"face": "a", "voice": [1, true]}', "'voice' cannot be"),
        ('{"face": "a", "fps": NaN}', "not a frame rate"),
        ('{"face": "a", "enhance_strength": 1e999, "enhance": "e"}', "enhance-strength"),
        ('{"face": "a", "checkpoint": "x", "checkpoint_path": "y"}', "says checkpoint twice"),
    ],
)
def test_an_object_that_makes_no_sense_is_a_job_that_failed(tmp_path: Path, line: str, words: str) -> None:
    bad, good = read(tmp_path / "jobs.jsonl", f'{line}\n{{"face": "a.mp4"}}\n')
    assert isinstance(good, Job)
    assert isinstance(bad, Outcome)
    assert words in (bad.error or "")


def test_what_nobody_has_thought_of_spoils_no_other_row(tmp_path: Path) -> None:
    known = columns(given())

    def options(said: dict, folder: Path) -> wav2lip.SyncOptions:
        return known.options(said, folder) if said else wav2lip.SyncOptions(fps=Fraction(1, int("0")))

    (tmp_path / "jobs.csv").write_text("face,crf\na.mp4,3\nb.mp4,\nc.mp4,3\n")
    jobs = read_jobs(tmp_path / "jobs.csv", tmp_path, replace(known, options=options))
    assert [isinstance(job, Job) for job in jobs] == [True, False, True]
    assert failures(jobs) == ["line 3: ZeroDivisionError: Fraction(1, 0) (this should not happen)"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("jobs.csv", "", "has no jobs"), ("jobs.csv", "face,audio\n", "has no jobs"), ("jobs.jsonl", "\n", "no jobs"),
        ("jobs.csv", "audio\na.wav\n", "face among them"), ("jobs.csv", "face,face\n", "twice"),
        ("jobs.csv", b"face\n\xff\xfe", "UTF-8"), ("jobs.txt", "face", "has to end in .csv"),
        ("jobs.csv", "face,fase\n", "line 1: there is no column 'fase'"),
    ],
)
def test_a_file_that_is_no_list_of_jobs_is_refused(tmp_path: Path, name: str, text: str | bytes, words: str) -> None:
    with pytest.raises(wav2lip.Wav2LipError, match=words):
        read(tmp_path / name, text)
    with pytest.raises(wav2lip.MediaError, match="does not exist"):
        read_jobs(tmp_path / "none.csv", tmp_path, columns(given()))


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with files of many names."""
    folder = tmp_path / "me[dia]"
    for name in ("a.mp4", "b.mkv", "a.wav", "b.wav", "b.mp3", "sub/c.mp4", "sub/c.flac", "sub/d.mp4", "e.txt",
                 "f[1].mp4", ".hidden.mp4", ".hidden.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def product(face: str, audio: str | None, folder: Path, output: str | None = None, to: str = "out") -> list[Job]:
    return list(expand("row", face, audio, output, OPTIONS, folder, folder / to))


def places(jobs: list[Job], folder: Path) -> list[tuple[str, ...]]:
    def short(path: str | None) -> str:
        return str(Path(path or "").relative_to(folder)) if path else "-"

    return [(short(job.face), short(job.audio), short(job.output)) for job in jobs]


def test_globs_mean_every_face_with_every_audio(media: Path) -> None:
    assert places(product("**/*.mp4", "[ab].wav", media), media) == [
        (f"{face}.mp4", f"{audio}.wav", f"out/{face}_{audio}.mp4")
        for face in ("a", "f[1]", "sub/c", "sub/d") for audio in "ab"
    ]
    (job,) = product("f[1].mp4", "a.wav", media)
    assert places([job], media) == [("f[1].mp4", "a.wav", "out/f[1]_a.mp4")]
    assert job.where == "row"
    assert [job.where for job in product("?.mp4", "*.wav", media)] == ["row (a.mp4, a.wav)", "row (a.mp4, b.wav)"]
    assert places(product("s*/c.mp4", None, media, "x.mp4"), media) == [("sub/c.mp4", "-", "out/x.mp4")]
    with pytest.raises(wav2lip.UsageError, match="8 jobs with one output"):
        product("**/*.mp4", "[ab].wav", media, "x.mp4")


def test_a_product_never_takes_its_results_for_faces(media: Path) -> None:
    with pytest.raises(wav2lip.UsageError, match=r"\*.mp4 would find its results"):
        product("*.mp4", "a.wav", media, to=".")
    assert places(product("b*.mkv", "a.wav", media, to="."), media) == [("b.mkv", "a.wav", "b_a.mp4")]
    (media / "out" / "a").mkdir(parents=True)
    (media / "out" / "a" / "a_a.mp4").touch()
    assert ("out/a/a_a.mp4", "a.wav", "out/out/a/a_a_a.mp4") not in places(product("**/*.mp4", "a.wav", media), media)


def test_a_folder_is_of_files_of_the_same_name(media: Path) -> None:
    said: list[str] = []
    progress = wav2lip.Progress()
    progress.say = said.append    # type: ignore[method-assign]
    (media / "out").mkdir()
    (media / "out" / "z.mp4").touch()
    jobs = read_pairs(media, media / "out", OPTIONS, progress)
    assert places(jobs[:1] + jobs[-1:], media) == [
        ("a.mp4", "a.wav", "out/a_a.mp4"), ("sub/c.mp4", "sub/c.flac", "out/sub/c_c.mp4")
    ]
    assert said == ["Without a partner of the same name, and passed over: f[1].mp4, sub/d.mp4."]
    with pytest.raises(wav2lip.UsageError, match=r"both write .*b_b.mp4"):
        check_outputs(jobs)
    with pytest.raises(wav2lip.UsageError, match="no pair"):
        read_pairs(media / "out", media, OPTIONS, progress)


def test_jobs_that_would_spoil_each_other_are_refused_before_anything_runs(tmp_path: Path) -> None:
    for text, words in (
        ("face,audio,output\na.mp4,a.wav,x.mp4\nb.mp4,a.wav,./y/../x.mp4\n", "line 2 and .*line 3 would both write"),
        (f"face,audio,output\na.mp4,a.wav,b.mp4\nb.mp4,a.wav,{tmp_path}/a.mp4\n", "line 3 would write .*a.mp4, which"),
    ):
        (tmp_path / "jobs.csv").write_text(text)
        result = CliRunner().invoke(main, ["batch", str(tmp_path / "jobs.csv"), "-o", str(tmp_path)])
        assert result.exit_code == 2
        assert re.search(words, result.output)
        assert [path.name for path in tmp_path.iterdir()] == ["jobs.csv"]


@pytest.mark.parametrize("name", ["jobs.csv", "jobs.jsonl"])
def test_the_examples_of_the_documentation_are_lists_of_jobs(tmp_path: Path, name: str) -> None:
    page = (ROOT / "docs" / "batch.md").read_text()
    text = page.partition(f"<!-- {name} -->\n```")[2].partition("\n")[2].partition("```")[0]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    jobs = read(tmp_path / name, text)
    assert len(jobs) == len([line for line in text.splitlines() if "examples" in line])
    for job in jobs:
        assert isinstance(job, Job)
        assert Path(job.face).is_file()
    check_outputs([job for job in jobs if isinstance(job, Job)])


def test_a_face_in_many_rows_is_looked_at_once_for_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr("wav2lip.batch.files.picture_format", lambda path: (looked.append(path), ("png", "rgba"))[1])
    for name in ("a.png", "a.wav"):
        (tmp_path / name).touch()
    for number in range(5):
        (one,) = expand(f"row {number}", "a.png", "a.wav", None, OPTIONS, tmp_path, tmp_path / f"out{number}")
        assert one.output.endswith("a_a.mov")
    assert looked == [str(tmp_path / "a.png")]


def test_a_result_is_named_as_its_face_needs_it(tmp_path: Path) -> None:
    see_through = "color=red@0.5:s=64x64:d=0.08,format=yuva444p10le"
    run_ffmpeg("-f", "lavfi", "-i", see_through, "-frames:v", 1, "-pix_fmt", "rgba", tmp_path / "a.png")
    run_ffmpeg("-f", "lavfi", "-i", see_through, "-c:v", "prores_ks", tmp_path / "b.mov")
    run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64:d=0.08", "-c:v", "libx264", tmp_path / "c.mov")
    (tmp_path / "d.png").write_bytes(b"no picture")
    for name in "abcd":
        (tmp_path / f"{name}.wav").touch()

    def named(**changed: Any) -> list[str]:
        options = replace(OPTIONS, **changed)
        paired = read_pairs(tmp_path, tmp_path / "out", options, wav2lip.Progress())
        every = [one for face in "abcd" for one in expand(
            "row", f"{face}.*[gv]", f"{face}.wav", None, options, tmp_path, tmp_path / "out"
        ) if not one.face.endswith(".wav")]
        names = [Path(one.output).name for one in paired]
        assert names == [Path(one.output).name for one in every]
        return names

    assert named() == ["a_a.mov", "b_b.mov", "c_c.mp4", "d_d.mp4"]
    assert named(codec="copy-settings") == ["a_a.mp4", "b_b.mov", "c_c.mp4", "d_d.mp4"]
    assert named(compat=True) == ["a_a.mp4", "b_b.mp4", "c_c.mp4", "d_d.mp4"]
    assert named(codec="vp9")[0] == "a_a.webm"
