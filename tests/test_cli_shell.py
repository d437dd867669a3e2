"""The command line among programs: completion, lines of JSON, colours, versions, pipes that close."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from wav2lip import __version__
from wav2lip.cli import main
from wav2lip.cli.progress import TerminalProgress
from wav2lip.cli.stderr import JsonLines, dressed, log_json
from wav2lip.errors import MediaError
from wav2lip.pipeline import sync as journey
from wav2lip.progress import Progress

NEEDED = ["sync", "--face", "a.mp4", "--audio", "a.wav"]


class Terminal(StringIO):
    """What a person sits at."""

    def isatty(self) -> bool:
        return True


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def events(text: str) -> list[dict[str, object]]:
    """Every line is an object, and time goes on."""
    found = [json.loads(line) for line in text.splitlines()]
    times = [event["time"] for event in found]
    assert times == sorted(times)
    return found


@contextmanager
def stderr(file: StringIO, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", file)
        with dressed():
            yield


def offered(*words: str) -> list[tuple[str, str]]:
    """Return what completes the last of the words: value and kind."""
    *before, begun = words
    completer = BashComplete(main, {}, "wav2lip", "_WAV2LIP_COMPLETE")
    return [(item.value, item.type) for item in completer.get_completions(list(before), begun)]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["syn"], {"sync", "synth"}),
        (["sync", "--blend", ""], {"soft", "hard", "poisson"}),
        (["sync", "--checkpoint", "wav2lip-g"], {"wav2lip-gan", "wav2lip-gan-torchscript"}),
        (["sync", "--detector-weights", "y"], {"yunet"}),
        (["evaluate", "--syncnet", ""], {"syncnet-v2"}),
        (["models", ""], {"list", "get", "info"}),
        (["models", "v"], {"verify"}),
        (["models", "get", "insp"], set()),
        (["models", "get", "inc"], {"inception"}),
        (["models", "info", "wav2lip"], {"wav2lip", "wav2lip-gan"}),
        (["sync", "--person", "l"], {"largest"}),
        (["sync", "--codec", "p"], {"prores"}),
        (["batch", "--codec", "copy"], {"copy-settings"}),
        (["sync", "--device", "cu"], {"cuda"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ],
)
def test_words_complete(words: list[str], some: set[str]) -> None:
    found = {value for value, kind in offered(*words) if kind == "plain"}
    assert some <= found
    assert all(value.startswith(words[-1]) for value in found)


@pytest.mark.parametrize("option", ["--face", "--audio", "-o", "--checkpoint", "--edl"])
def test_names_of_files_complete(option: str) -> None:
    assert ("clip", "file") in offered("sync", option, "clip")


@pytest.fixture
def program(tmp_path: Path) -> dict[str, str]:
    """An environment in which the program is called wav2lip."""
    script = tmp_path / "bin" / "wav2lip"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nfrom wav2lip.cli import main\nmain()\n")
    script.chmod(0o755)
    root = Path(__file__).resolve().parent.parent
    return os.environ | {"PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(root)}


# What a shell does when somebody presses tab.
ASKED = {
    "bash": (
        'eval "$(wav2lip completion bash)"; COMP_WORDS=(wav2lip sync --blend p); COMP_CWORD=3; '
        '_wav2lip_completion wav2lip; echo "${COMPREPLY[@]}"'
    ),
    "zsh": (
        'autoload -U compinit; compinit -u -D; eval "$(wav2lip completion zsh)"; '
        'compadd() { local name=${@[-1]}; print -r -- ${(P)name} }; '
        'words=(wav2lip sync --blend p); CURRENT=4; _wav2lip_completion'
    ),
    "fish": "wav2lip completion fish | source; complete -C 'wav2lip sync --blend p'",
}


@pytest.mark.parametrize("shell", ASKED)
def test_a_real_shell_takes_the_script(shell: str, program: dict[str, str], tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    environment = program | {"HOME": str(tmp_path)}
    said = subprocess.run([shell, "-c", ASKED[shell]], env=environment, capture_output=True, text=True, check=False)
    assert (said.stdout.split(), said.stderr) == (["poisson"], "")


def test_completion_says_where_its_script_goes_unless_a_shell_takes_it_at_once(program: dict[str, str]) -> None:
    result = invoke("completion", "fish")
    assert "complete" in result.stdout
    assert "~/.config/fish/completions/wav2lip.fish" in result.stderr
    assert invoke("completion", "tcsh").exit_code == 2


def test_version_alone_is_a_line() -> None:
    assert invoke("--version").stdout == f"wav2lip, version {__version__}\n"


@pytest.mark.parametrize("words", [["--version", "--json"], ["--json", "--version"]])
def test_versions_as_json_tell_what_an_issue_should(words: list[str]) -> None:
    told = json.loads(invoke(*words).stdout)
    assert told["wav2lip"] == __version__
    assert told["torch"]
    assert told["opencv"]
    assert Path(told["ffmpeg"]["path"]).is_file()
    assert told["ffmpeg"]["version"][0].isdigit() or told["ffmpeg"]["version"].startswith(("n", "N"))
    assert all(isinstance(there, bool) for there in told["extras"].values())
    assert not {"dev", "test"} & set(told["extras"])


def test_versions_are_told_without_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAV2LIP_FFMPEG", "/no/such/ffmpeg")
    assert json.loads(invoke("--version", "--json").stdout)["ffmpeg"] is None


def test_json_alone_is_a_mistake_that_is_explained() -> None:
    result = invoke("--json", "models", "list")
    assert result.exit_code == 2
    assert "behind it" in result.stderr


def work(face: Path, audio: Path, output: Path | None, options: object, progress: Progress) -> None:
    progress.say("Good day.")
    progress.detail("Nobody asked.")
    with progress.stage("Syncing lips", 3000) as advance:
        for _ in range(3000):
            advance(1)
    raise MediaError("a.mp4 is damaged.")


@pytest.mark.parametrize("words", [["--log-json", *NEEDED], [*NEEDED, "--log-json"]])
def test_every_line_of_a_run_is_an_object(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey, "sync", work)
    result = invoke(*words)
    assert (result.exit_code, result.stdout) == (3, "")
    said, begun, *between, error, done = events(result.stderr)
    assert (said["event"], said["text"]) == ("say", "Good day.")
    assert begun | {"time": 0} == {
        "time": 0, "event": "stage", "stage": "Syncing lips", "total": 3000, "unit": "frame"
    }
    assert {event["event"] for event in between} == {"progress"}
    assert between[-1]["done"] == 3000
    assert float(str(done["time"])) - float(str(begun["time"])) >= 0.5 * (len(between) - 1)
    assert (error["event"], error["text"]) == ("error", "a.mp4 is damaged.")
    assert (done["event"], done["exit_code"]) == ("done", 3)


def test_verbose_and_quiet_mean_the_same_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey, "sync", work)
    assert "detail" in {event["event"] for event in events(invoke("--log-json", *NEEDED, "-v").stderr)}
    quiet = events(invoke("--log-json", *NEEDED, "-q").stderr)
    assert [event["event"] for event in quiet] == ["error", "done"]


@pytest.mark.parametrize("words", [["sync", "--nonsense"], ["nonsense"], ["sync"], ["train", "gan"]])
def test_a_wrong_command_line_is_told_as_json_too(words: list[str]) -> None:
    result = invoke(*words, "--log-json") if words[0] != "nonsense" else invoke("--log-json", *words)
    *_, error, done = events(result.stderr)
    assert (error["event"], done["event"], done["exit_code"]) == ("error", "done", 2)


def test_what_others_write_becomes_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Terminal()
    with stderr(file, monkeypatch):
        log_json()
        print("a warning of\na library", file=sys.stderr)
        click.echo("Error: it broke", err=True)
        print("no end of line", end="", file=sys.stderr)
    assert [(event["event"], event.get("text")) for event in events(file.getvalue())] == [
        ("say", "a warning of"), ("say", "a library"), ("error", "it broke"), ("say", "no end of line"), ("done", None),
    ]


def test_a_slow_stage_tells_how_far_it_is_twice_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("wav2lip.cli.progress.time.monotonic", lambda: now)
    file = StringIO()
    monkeypatch.setattr(sys, "stderr", JsonLines(file))
    with TerminalProgress(0).stage("Joining", 100, "B") as advance:
        for _ in range(20):
            now += 0.11
            advance(5)
    told = [event["done"] for event in events(file.getvalue()) if event["event"] == "progress"]
    assert told == [25, 50, 75, 100, 100]


def test_what_nobody_has_foreseen_is_an_object_too(monkeypatch: pytest.MonkeyPatch) -> None:
    file = StringIO()
    def fail() -> None:
        with stderr(file, monkeypatch):
            log_json()
            raise RuntimeError("the roof fell in")

    with pytest.raises(SystemExit):
        fail()
    error, done = events(file.getvalue())
    assert error["text"] == "RuntimeError: the roof fell in"
    assert "in fail" in str(error["traceback"])
    assert done["exit_code"] == 1


RED = "\x1b[1;31mError:\x1b[0m it broke\n"


@pytest.mark.parametrize(
    ("variables", "terminal", "seen"),
    [
        ({}, True, RED), ({}, False, "Error: it broke\n"), ({"NO_COLOR": "1"}, True, "Error: it broke\n"),
        ({"NO_COLOR": ""}, True, RED), ({"FORCE_COLOR": "1"}, False, RED),
        ({"TERM": "dumb"}, True, "Error: it broke\n"),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, "Error: it broke\n"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="its terminals are asked first")
def test_errors_are_red_for_people_who_want_it(
    variables: dict[str, str], terminal: bool, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    file = Terminal() if terminal else StringIO()
    with stderr(file, monkeypatch):
        click.echo("Error: it broke", err=True)
        click.echo("Errors are rare.", err=True)
    assert file.getvalue() == seen + "Errors are rare.\n"


def test_whoever_stops_reading_hears_nothing_more(program: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    said = subprocess.run(
        ["wav2lip", "models", "list"], env=program, stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (said.returncode, said.stderr) == (141, "")
