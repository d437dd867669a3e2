"""Defaults from files and variables: what counts, who wins, and what a stranger's file cannot do."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from wav2lip.cli import main
from wav2lip.cli.config_files import place_of_own
from wav2lip.cli.parameters import Parsed
from wav2lip.cli.settings import commands, keys, variables
from wav2lip.pipeline import sync as journey
from wav2lip.pipeline.options import SyncOptions

NEEDED = ["sync", "--face", "a.mp4", "--audio", "a.wav"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which the user works, in a folder below, with a configuration of their own elsewhere."""
    monkeypatch.delenv("WAV2LIP_NO_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "wav2lip").mkdir(parents=True)
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    return folder


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line up to the call of the API and return the options and the output that the API was given."""

    def run(*words: str) -> tuple[SyncOptions, Path | None]:
        seen: list[Any] = []

        def stop(face: Path, audio: Path, output: Path | None, options: SyncOptions, progress: object) -> None:
            seen.extend([options, output])
            raise KeyboardInterrupt

        monkeypatch.setattr(journey, "sync", stop)
        result = invoke(*(words or NEEDED))
        assert result.exit_code == 130, result.output
        return seen[0], seen[1]

    return run


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def own(text: str) -> None:
    place_of_own().write_text(text)


def refused(*parts: str, words: list[str] = NEEDED) -> None:
    result = invoke(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    for part in parts:
        assert part in line


def test_a_file_sets_every_kind_of_option(project: Path, parsed: Any) -> None:
    (project / "wav2lip.toml").write_text(
        '[sync]\ncrf = 18\npads = [0, 20, 0, -3]\nfps = 29.97\nno_smooth = true\nmax-yaw = 40.5\nkeep-audio = false\n'
        'range = ["1s-2s", "3s-"]\ncheckpoint = "weights/x.pth"\nperson = "largest"\nreference = "closed"\n'
        'output = "out/r.mp4"\n'
    )
    options, output = parsed()
    assert (options.crf, options.pads, options.fps, options.smooth) == (18, (0, 20, 0, -3), Fraction("29.97"), False)
    assert (options.max_yaw, options.keep_audio) == (40.5, False)
    assert (options.person, options.reference) == ("largest", "closed")
    assert [span.start for span in options.ranges] == [1, 3]
    assert options.checkpoint == project / "weights" / "x.pth"
    assert output == project / "out" / "r.mp4"


def test_a_required_option_can_stand_in_a_file(project: Path, parsed: Any) -> None:
    (project / "wav2lip.toml").write_text('[sync]\nface = "a.mp4"\naudio = "a.wav"\n')
    assert parsed("sync")[0] == SyncOptions(offline=True)


def test_command_line_variable_nearest_file_own_file_in_this_order(
    project: Path, parsed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    own('[sync]\ncrf = 1\npreset = "fast"\ncodec = "hevc"\n')
    (project / "wav2lip.toml").write_text('[sync]\ncrf = 2\npreset = "slow"\nblend = "hard"\n')
    monkeypatch.setenv("WAV2LIP_SYNC_CRF", "3")
    monkeypatch.setenv("WAV2LIP_SYNC_RANGE", "1s-2s 3s-")
    options, _ = parsed()
    assert (options.crf, options.preset, options.codec, options.blend) == (3, "slow", "hevc", "hard")
    assert len(options.ranges) == 2
    assert parsed(*NEEDED, "--crf", "4", "--preset", "medium")[0].crf == 4
    assert parsed("--no-config", *NEEDED)[0].preset is None
    (project / "below" / "wav2lip.toml").write_text("")
    assert parsed()[0].preset == "fast"


def test_pyproject_has_a_table_for_it(project: Path, parsed: Any) -> None:
    (project / "pyproject.toml").write_text("[tool.wav2lip.sync]\ncrf = 7\n")
    (project / "below" / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    assert parsed()[0].crf == 7
    (project / "below" / "pyproject.toml").write_text("this is not toml")    # and none of our business
    assert parsed()[0].crf == 7


def test_a_variable_names_the_only_file(project: Path, parsed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own("[sync]\ncrf = 1\n")
    (project / "wav2lip.toml").write_text("[sync]\ncrf = 2\n")
    named = project.parent / "this.toml"
    named.write_text('[sync]\nblend = "hard"\noutput = "/elsewhere/a.mp4"\n')
    monkeypatch.setenv("WAV2LIP_CONFIG", str(named))
    options, output = parsed()
    assert (options.crf, options.blend, output) == (None, "hard", Path("/elsewhere/a.mp4"))
    named.unlink()
    refused("this.toml", "does not exist")


def test_nothing_is_looked_for_above_a_repository_or_where_there_is_none(
    project: Path, parsed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.parent / "wav2lip.toml").write_text("[sync]\ncrf = 5\n")
    assert parsed()[0].crf is None
    nowhere = project.parent / "nowhere"
    nowhere.mkdir()
    monkeypatch.chdir(nowhere)
    assert parsed()[0].crf is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[sync]\ncfr = 3\n", ["[sync] cfr", "did you mean crf?"]),
        ("[snyc]\ncrf = 3\n", ["no such command", "did you mean sync?"]),
        ("[train.gan]\nwidht = 3\n", ["[train.gan] widht", "did you mean width?"]),
        ("sync = 3\n", ["sync is a command"]),
        ('[sync]\ncrf = "good"\n', ["[sync] crf", "not a valid integer"]),
        ("[sync]\ncrf = 18.5\n", ["[sync] crf", "not a valid integer"]),
        ("[sync]\ncrf = true\n", ["[sync] crf", "True"]),
        ("[sync]\npads = [1, 2]\n", ["[sync] pads", "four whole numbers"]),
        ('[sync]\nblend = "loud"\n', ["[sync] blend", "'soft', 'hard', 'poisson'"]),
        ("[sync]\nno_smooth = 7\n", ["[sync] no_smooth"]),
        ("[sync]\nrange = [true]\n", ["[sync] range"]),
        ("[sync]\nrange = 1979-05-27\n", ["[sync] range"]),
        ("[sync\n", ["is not TOML", "line 1"]),
        ("a = " + "[" * 5000, ["is not TOML"]),
    ],
)
def test_what_makes_no_sense_is_one_sentence_with_file_and_key(project: Path, text: str, parts: list[str]) -> None:
    (project / "wav2lip.toml").write_text(text)
    refused(str(project / "wav2lip.toml"), *parts)
    assert invoke("sync", "--help").exit_code == 0
    assert invoke("--no-config", "sync").stderr.splitlines()[-1] == "Error: Missing option '--face'."


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAV2LIP_SYNC_CRF", "good")
    refused("WAV2LIP_SYNC_CRF", "not a valid integer")


@pytest.mark.parametrize(
    "line",
    [
        '[sync]\noutput = "../../a.mp4"', '[sync]\noutput = "/etc/a.mp4"', '[sync]\ncheckpoint = "~/x.pth"',
        '[sync]\noutput = "link/a.mp4"', '[sync]\nvoice = ["A=/etc/passwd"]', '[batch]\noutput = "s3://bucket/out"',
        '[batch]\nray = "there:6379"', '[batch]\nfaces = "s3://bucket/*.mp4"', "[clean]\nyes = true",
        '[preview]\ntry = ["reference=/etc/passwd,same"]', '[sync]\nlimit = ["size=1T"]', '[models.get]\nfrom = ["http://there/x"]',
    ],
)
def test_a_file_that_lies_about_in_a_folder_stays_within_it(project: Path, line: str) -> None:
    (project / "link").symlink_to("/etc")
    command = line[1:].partition("]")[0].split(".")
    words = [*command, *({"sync": NEEDED[1:], "preview": NEEDED[1:], "models": ["demo"]}.get(command[0], []))]
    (project / "wav2lip.toml").write_text(line)
    refused(str(project / "wav2lip.toml"), str(place_of_own()), words=words)
    (project / "wav2lip.toml").unlink()
    own(line)
    assert invoke("config").exit_code == 0


def test_names_of_weights_are_no_paths(project: Path, parsed: Any) -> None:
    (project / "wav2lip.toml").write_text('[sync]\ncheckpoint = "wav2lip-gan"\n')
    assert parsed()[0].checkpoint == Path("wav2lip-gan")


def test_columns_win_over_files(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "wav2lip.toml").write_text('[batch]\ncrf = 9\nblend = "hard"\n')
    seen: list[SyncOptions] = []

    def stop(jobs: Path, results: Path, known: Any, text: str | None) -> list[Any]:
        seen.append(known.options({"crf": "3"}, Path()))
        raise KeyboardInterrupt

    monkeypatch.setattr("wav2lip.batch.read.read_jobs", stop)
    assert invoke("batch", "jobs.csv").exit_code == 130
    assert (seen[0].crf, seen[0].blend) == (3, "hard")


def test_config_shows_what_is_in_force_and_from_where(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own('[sync]\ncrf = 1\npreset = "fast"\n')
    (project / "wav2lip.toml").write_text("[sync]\ncrf = 2\n")
    monkeypatch.setenv("WAV2LIP_FACES_DEVICE", "cpu")
    monkeypatch.setenv("WAV2LIP_SYNC_CFR", "3")
    told = json.loads(invoke("config", "--json").output)
    said = {(row["command"], row["key"]): (row["value"], row["from"]) for row in told["values"]}
    assert said[("sync", "crf")] == (2, str(project / "wav2lip.toml"))
    assert said[("sync", "preset")] == ("fast", str(place_of_own()))
    assert said[("faces", "device")] == ("cpu", "WAV2LIP_FACES_DEVICE")
    assert said[("sync", "offline")] == ("1", "WAV2LIP_OFFLINE")
    assert told["unknown_variables"] == ["WAV2LIP_SYNC_CFR"]
    words = invoke("config", "sync").output
    assert any(line.startswith("sync.crf ") and " = 2 " in line for line in words.splitlines())
    assert any(line.startswith("sync.blend ") and line.endswith("default") for line in words.splitlines())
    assert "faces." not in words
    assert "no command nonsense" in invoke("config", "nonsense").stderr


def test_no_option_takes_the_name_of_a_variable_that_means_something_else() -> None:
    taken = {"WAV2LIP_CACHE", "WAV2LIP_CONFIG", "WAV2LIP_FFMPEG", "WAV2LIP_LIMITS", "WAV2LIP_OFFLINE"}
    assert not taken & set(variables(main))


def test_every_text_option_that_reaches_out_is_known_to_be_harmless_or_the_users_own() -> None:
    harmless = {
        "device", "codec", "preset", "pix-fmt", "reference", "note", "visible-label",
    }
    harmless |= {"times", "side-by-side", "person", "at", "range", "audio-start", "max-upload"}    # texts that are read
    own_only = {"ray", "faces", "audios", "limit", "from", "c2pa-ta", "host", "name", "try"}
    by_path = {"voice"}
    for words, command in commands(main):
        for key, (option, _) in keys(command).items():
            if isinstance(option.type, click.types.StringParamType | click.Tuple | Parsed):
                assert key in harmless | own_only | by_path, f"{' '.join(words)} --{key}: may a stranger's file set it?"


class Stopped(Exception):
    """Ends a command where its options are known."""


def prepared(monkeypatch: pytest.MonkeyPatch, module: str, *words: str) -> dict[str, Any]:
    """Return the options with which a training would begin."""
    seen: dict[str, Any] = {}

    def stop(given: dict[str, Any], *rest: Any, **more: Any) -> None:
        seen.update(given)
        raise Stopped

    monkeypatch.setattr(sys.modules[module], "prepare_generator", stop)
    assert isinstance(invoke(*words, "--data", "d", "-o", "run").exception, Stopped)
    return seen


def test_distill_has_a_width_of_its_own_and_takes_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wav2lip.models.load.load_generator", lambda path: None)
    words = ["wav2lip.cli.distill", "distill", "--teacher", "t.pth"]
    assert prepared(monkeypatch, *words)["width"] == 1 / 4
    (project / "wav2lip.toml").write_text('[distill]\nwidth = "1/2"\nsteps = 7\n')
    monkeypatch.setenv("WAV2LIP_DISTILL_RATE", "0.5")
    given = prepared(monkeypatch, *words)
    assert (given["width"], given["steps"], given["rate"]) == (1 / 2, 7, 0.5)


def test_the_expert_that_ships_is_no_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "wav2lip.toml").write_text('[train.generator]\nexpert = "shipped"\n')
    assert prepared(monkeypatch, "wav2lip.cli.train", "train", "generator")["expert"] == Path("shipped")
    (project / "wav2lip.toml").write_text('[train.generator]\nexpert = "mine.safetensors"\n')
    expert = prepared(monkeypatch, "wav2lip.cli.train", "train", "generator")["expert"]
    assert expert == project / "mine.safetensors"
