"""Lists, tracks, options and names of files that are hostile, and names that only look so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from hostile_case import BARE, BOX, HEARD, SYNC, TINY, Case, Make, nothing, syncing, writing
from hostile_media import HLS, fifo, linked, png, sparse, wav
from hostile_weights import saved

FACES = ("faces", "-q", "--detector", "cascade", "--device", "cpu", "--no-sheet")
EDITING = (*BARE, *TINY, "--detector", "cascade", "--edl")
NOBODY = 5
LONG = 255  # bytes, the most that a name may have

# What a name may be; each stands for a video, a sound and a result at once.
NAMES: dict[str, bytes] = {
    "spaces": b" two  spaces ",
    "quotes": b'it\'s "quoted" `here`',
    "a newline": b"two\nlines",
    "tabs": b"a\tb\rc",
    "a dash": b"-o",
    "two dashes": b"--help",
    "unicode": "gesicht_ü_脸_😀".encode(),
    "right to left": "\u202egnp.\u2067x".encode(),
    "no unicode": b"\xff\xfe\x80",
    "escapes": b"\x1b[2J\x07",
    "numbers": b"%03d",
    "format": b"%s%n{0}${HOME}",
    "colons": b"concat:a|b",
    "a protocol": b"http:x",
    "globs": b"*?[a]",
    "backslashes": b"a\\b\\'",
    "shell": b"$(touch pwned);&|",
    "dots": b"..x..",
    "at": b"@list",
    "hash": b"#1",
    "commas": b"a,b=c;d",
    "brackets": b"[0:v]{x}<y>",
}


def lists(suffix: str, contents: Mapping[str, tuple[bytes, int]]) -> list[Case]:
    """Return cases of an edit list that says something."""
    return [
        Case(f"edit list {suffix}: {name}", (*EDITING, f"bad{suffix}"), code, writing(f"bad{suffix}", content))
        for name, (content, code) in contents.items()
    ]


def text_cases() -> list[Case]:
    """Return edit lists, tracks and lists of files."""
    head = b"start,end,audio\n"
    cases = lists(
        ".csv",
        {
            "empty": (b"", 2),
            "no columns": (b"0,1,speech.wav\n", 2),
            "zero bytes": (head + b"0,\0,speech.wav\n", 2),
            "not text": (head + b"\xff\xfe\n", 3),
            "open quote": (head + b'0,1,"speech.wav\n', 2),
            "endless number": (head + b"0," + b"9" * 10**5 + b",speech.wav\n", 2),
            "backwards": (head + b"1,0,speech.wav\n", 2),
            "not a time": (head + b"0,NaN,speech.wav\n", 2),
            "large exponent": (head + b"0,1e999999999,speech.wav\n", 2),
            "no recording": (head + b"0,0.1,gone.wav\n", 3),
            "device": (head + b"0,0.1,/dev/zero\n", 3),
            "outside": (head + b"0,0.1,../../../../etc/passwd\n", 3),
            "after the end": (head + b"900,901,speech.wav\n", 2),
            "overlapping": (head + b"0,0.2,speech.wav\n0.1,0.2,speech.wav\n", 2),
            "many columns": (head + b"," * 10**6 + b"x", 2),
            "itself": (head + b"0,0.1,bad.csv\n", 3),
        },
    )
    cases += lists(
        ".json",
        {
            "nothing": (b"null", 2),
            "deep": (b"[" * 10**5, 2),
            "no numbers": (b'[{"start": NaN, "audio": "speech.wav"}]', 2),
            "huge numbers": (b'[{"start": ' + b"9" * 5000 + b', "audio": "speech.wav"}]', 2),
            "exponent": (b'[{"start": 1e999999999, "audio": "speech.wav"}]', 2),
            "a list": (b"[[]]", 2),
            "half a character": (b'[{"start": 0, "audio": "\\ud800.wav"}]', 2),
            "cut": (b'[{"start": 0', 2),
            "zero in a name": (b'[{"start": 0, "end": 0.1, "audio": "a\\u0000.wav"}]', 2),
        },
    )
    cases += lists(
        ".srt",
        {
            "no times": (b"1\nA: speech.wav\n", 2),
            "no text": (b"1\n00:00:00,000 --> 00:00:00,100\n", 2),
            "one arrow": (b"1\n --> \nA\n", 2),
            "styles": (b"1\n00:00:00,000 --> 00:00:00,100\n<b>{\\an8}A: speech.wav\n", 2),
        },
    )
    cases += [
        Case(f"edit list: {name}", (*EDITING, file), code, make)
        for name, file, code, make in (
            ("pipe", "bad.csv", 3, fifo("bad.csv")),
            ("folder", "bad.csv", 3, lambda folder: (folder / "bad.csv").mkdir()),
            ("missing", "bad.csv", 3, nothing),
            ("unknown ending", "bad.txt", 2, writing("bad.txt", head)),
            ("device", "/dev/zero", 2, nothing),
            ("terabytes", "bad.csv", 3, sparse("bad.csv")),
            ("in circles", "bad.srt", 3, linked("bad.srt", "bad.srt")),
        )
    ]
    box = [4.0, 4.0, 40.0, 40.0]
    person = {"label": "A", "boxes": [box] * 6}
    tracks: dict[str, tuple[object, int]] = {
        "empty": (b"", 2),
        "another thing": ({"a": 1}, 2),
        "no boxes": ([], 2),
        "deep": (b"[" * 10**5, 2),
        "not text": (b"\xff\xfe", 3),
        "no numbers": ([[float("nan")] * 4] * 6, 2),
        "infinite": ([[0, 0, 1e999, 9]] * 6, 2),
        "huge": ([[0, 0, 10**300, 10**300]] * 6, 2),
        "outside": ([[900, 900, 950, 950]] * 6, 2),
        "inside out": ([[40, 40, 4, 4]] * 6, 2),
        "three numbers": ([[1, 2, 3]] * 6, 2),
        "text": (["a"] * 6, 2),
        "more frames": ([box] * 900, 2),
        "two of a name": ({"people": [person, person]}, 2),
        "another size": ({"people": [person], "size": [10**9, 10**9]}, 2),
        "fps": ({"people": [person], "fps": "1e999999999"}, 2),
        "no fps": ({"people": [person], "fps": "25/0"}, 2),
        "frames": ({"people": [person], "frames": 1e300}, 2),
        "shots": ({"people": [person], "shots": [0, -1]}, 2),
        "a label": ({"people": [person | {"label": "\0" * 999}]}, 2),
        "nobody": ([None] * 6, 5),
    }
    for name, (content, code) in tracks.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        words = (*HEARD, *TINY, "--track", "bad.json")
        cases.append(Case(f"tracks: {name}", words, code, writing("bad.json", data)))
    inputs: dict[str, tuple[bytes, int]] = {
        "empty": (b"\n\n", 2),
        "not text": (b"\xff\xfe", 2),
        "itself": (b"bad.txt\n", 3),
        "device": (b"/dev/zero\n", 3),
        "zero bytes": (b"a\0b.mp4\n", 2),
        "long line": (b"a" * 10**6, 3),
    }
    cases += [
        Case(
            f"list of videos: {name}",
            ("evaluate", "-q", "--device", "cpu", "bad.txt"),
            code,
            writing("bad.txt", content),
        )
        for name, (content, code) in inputs.items()
    ]
    cases.append(
        Case("list of videos: pipe", ("evaluate", "-q", "--device", "cpu", "bad.txt"), (2, 3), fifo("bad.txt"))
    )
    return cases


def long_name_cases() -> list[Case]:
    """Return names of inputs that are longer than names can be."""
    name = "a" * 300
    commands: dict[str, tuple[tuple[str, ...], int]] = {
        "sound": ((*SYNC, "--face", "face.mp4", "-o", "out.mp4", "--audio", f"{name}.wav"), 3),
        "weights": ((*HEARD, *BOX, "--checkpoint", f"{name}.pth"), 4),
        "detector": ((*HEARD, "--detector", "yunet", "--detector-weights", f"{name}.onnx"), 4),
        "enhancer": ((*SYNC_BOTH, "--enhance", f"{name}.pth"), 4),
        "parser": ((*SYNC_BOTH, "--parsing", f"{name}.pth"), 4),
        "reference": ((*SYNC_BOTH, "--reference", f"{name}.png"), 3),
        "mix": ((*SYNC_BOTH, "--mix", f"{name}.wav"), 3),
        "voice": ((*BARE, *TINY, "--voice", f"A={name}.wav"), 3),
        "edit list": ((*EDITING, f"{name}.csv"), 3),
        "tracks": ((*HEARD, "--track", f"{name}.json"), 3),
        "people": ((*FACES, f"{name}.mp4"), 3),
        "sheet": (("faces", "-q", "face.mp4", "--sheet", f"{name}.png"), 1),
        "score": (("evaluate", "-q", f"{name}.mp4"), 3),
        "reference of a score": (("evaluate", "-q", "face.mp4", "--reference", f"{name}.mp4"), 3),
        "list": (("evaluate", "-q", f"{name}.txt"), 3),
        "alignment": (("align", "-q", f"{name}.mp4"), 1),
        "comparison": (("compare", "-q", "face.mp4", f"{name}.mp4", "-o", "out.mp4"), 3),
        "folder": (("preprocess", "-q", f"{name}", "out"), 2),
        "verification": (("models", "verify", f"{name}.pth"), 4),
        "facts": (("models", "info", f"{name}.pth"), 4),
    }
    return [Case(f"too long a name: {what}", words, code) for what, (words, code) in commands.items()]


def option_cases() -> list[Case]:
    """Return options that ask for something impossible, or for very much."""
    digits = "9" * 5000
    cases = [
        syncing(f"option: {' '.join(words)[:40]}", 2, nothing, *words)
        for words in (
            ("--fps", "1e999999999"),
            ("--fps", "0"),
            ("--fps", "-25"),
            ("--fps", "25/0"),
            ("--fps", "nan"),
            ("--fps", digits),
            ("--box", "1", "2", "3", digits),
            ("--box", "0 0 0 0 0"),
            ("--box", "10 5 10 5"),
            ("--box", "-5 -4 -5 -4"),
            ("--pads", digits),
            ("--crop", "0 1 0"),
            ("--crop", "40 10 40 10"),
            ("--resize-factor", "0"),
            ("--resize-factor", "-1"),
            ("--resize-factor", "1000000"),
            ("--resize-factor", digits),
            ("--limit", "pixels=1e9"),
            ("--limit", "pixels"),
            ("--limit", f"pixels={digits}"),
            ("--crf", "1" + "0" * 50),
            ("--crf", "-9"),
            ("--codec", "../h264"),
            ("--preset", "-i"),
            ("--preset", "/etc/passwd"),
            ("--pix-fmt", "nonsense"),
            ("--pix-fmt", "-y"),
            ("--range", "5s-3s"),
            ("--range", "1e9999s-"),
            ("--audio-start", "-1"),
            ("--at", "0s:1,1e99"),
            ("--max-yaw", "nan"),
            ("--max-yaw", "inf"),
            ("--min-score", "nan"),
            ("--enhance-strength", "nan"),
            ("--device", "cuda:99999999999999"),
            ("--device", "x"),
            ("--wav2lip-batch-size", "0"),
            ("--wav2lip-batch-size", digits),
            ("--face-det-batch-size", "-1"),
        )
    ]
    cases += [
        Case("option: WAV2LIP_LIMITS", SYNC_BOTH, 2, environment={"WAV2LIP_LIMITS": "pixels=x"}),
        Case("option: a limit that is too low", (*SYNC_BOTH, "--limit", "pixels=100"), 3, says="--limit pixels="),
        Case("option: no ffmpeg", SYNC_BOTH, 1, environment={"WAV2LIP_FFMPEG": "/dev/null"}),
        Case("option: an ffmpeg that is a folder", SYNC_BOTH, 1, environment={"WAV2LIP_FFMPEG": "/tmp"}),
        syncing("output: the video", 2, nothing, output="face.mp4"),
        syncing("output: the sound", 2, nothing, output="speech.wav"),
        syncing("output: a link to the video", 2, linked("link.mp4", "face.mp4"), output="link.mp4"),
        syncing("output: the same by another way", 2, nothing, output="./face.mp4"),
        syncing("output: a folder", 2, lambda folder: (folder / "f.mp4").mkdir(), output="f.mp4"),
        syncing("output: below a file", (1, 2), nothing, output="face.mp4/out.mp4"),
        syncing("output: no ending", 2, nothing, output="out"),
        syncing("output: unknown ending", 2, nothing, output="out.exe"),
        syncing("output: nothing", 2, nothing, output=""),
        syncing("output: too long", 1, nothing, output="a" * 252 + ".mp4"),
        syncing("output: in circles", 0, linked("c.mp4", "c.mp4"), output="c.mp4"),
        syncing("output: device", (1, 2), nothing, output="/dev/full"),
        syncing("output: list", (1, 2), nothing, output="out%03d.m3u8"),
    ]
    return cases


SYNC_BOTH = (*SYNC, "--face", "face.mp4", "--audio", "speech.wav", "-o", "out.mp4")


def name_cases() -> list[Case]:
    """Return good files with names that are none of anybody's business."""
    cases = [named(name, stem) for name, stem in NAMES.items()]
    cases += [named("255 bytes", b"n" * (LONG - 4)), named("255 bytes of unicode", ("é" * 125).encode())]
    for what, suffix in (("picture", b".png"), ("sound", b".wav")):
        for name in ("a newline", "numbers", "no unicode"):
            cases.append(named(f"{name}, {what}", NAMES[name], suffix))
    hostile = b"a\nError: b \x1b[31m\xff"
    cases.append(
        Case("name: bad, in an error", (*SYNC, "--face", hostile, "--audio", "speech.wav", "-o", "out.mp4"), 3)
    )
    cases.append(
        Case(
            "name: of lines, and no video",
            (*SYNC, "--face", hostile, "--audio", "speech.wav", "-o", "out.mp4"),
            3,
            lambda folder: Path(os.fsdecode(os.fsencode(folder) + b"/" + hostile)).write_bytes(b"x") and None,
        )
    )
    return cases


def named(name: str, stem: bytes, suffix: bytes = b".mp4") -> Case:
    """Return a case of good files that have a name."""
    face, audio, output = (
        (b"face.mp4", stem + suffix, b"o" + stem[1:] + b".mp4")
        if suffix == b".wav"
        else (stem + suffix, stem[:-1] + b"s.wav" if len(stem) > 200 else stem + b".wav", b"o" + stem[1:] + b".mp4")
    )

    def make(folder: Path) -> None:
        top = os.fsencode(folder)
        if suffix == b".png":
            Path(os.fsdecode(top + b"/" + face)).write_bytes(PICTURE)
        elif suffix == b".mp4":
            shutil.copy(folder / "face.mp4", os.path.join(top, face))
        shutil.copy(folder / "speech.wav", os.path.join(top, audio))

    words = (*SYNC, "--face", face, "--audio", audio, "-o", output)
    return Case(f"name: {name}", words, 0, make, results=(output,))


def command_cases() -> list[Case]:
    """Return other commands that meet hostile files."""
    bad: dict[str, tuple[Make, int]] = {
        "missing": (nothing, 3),
        "pipe": (fifo("bad.mp4"), 3),
        "text": (writing("bad.mp4", b"hello\n"), 3),
        "hls": (writing("bad.mp4", HLS + b"\xff"), 3),
        "png bomb": (writing("bad.mp4", png(60_000, 60_000)), 3),
        "sound": (writing("bad.mp4", wav()), 3),
        "hole": (sparse("bad.mp4"), 3),
    }
    cases = []
    for name, (make, code) in bad.items():
        for words in (
            (*FACES, "bad.mp4"),
            ("evaluate", "-q", "--device", "cpu", "--detector", "cascade", "bad.mp4"),
            ("align", "-q", "--device", "cpu", "--detector", "cascade", "bad.mp4", "-o", "out.mp4"),
            ("compare", "-q", "--device", "cpu", "--detector", "cascade", "face.mp4", "bad.mp4", "-o", "out.mp4"),
        ):
            cases.append(Case(f"{words[0]}: {name}", words, code, make))
    cases += [
        Case("faces: nobody", (*FACES, "face.mp4"), NOBODY),
        Case("faces: sheet over the video", ("faces", "face.mp4", "-q", "--sheet", "face.mp4"), 2),
        Case("compare: with itself over itself", ("compare", "face.mp4", "face.mp4", "-o", "face.mp4", "-q"), 2),
        Case("inspect: pipe", ("inspect", "bad.mp4"), 3, fifo("bad.mp4")),
        Case("inspect: hole", ("inspect", "bad.mp4"), 3, sparse("bad.mp4")),
        Case("inspect: hls", ("inspect", "bad.mp4"), 0, writing("bad.mp4", HLS + b"\xff")),
        Case("rerun: no record", ("rerun", "bad.json"), 3, writing("bad.json", b'{"kind": "wav2lip result"}')),
        Case("models: verify", ("models", "verify", "bad.pth"), 4, writing("bad.pth", saved({"a\nb": 3}))),
        Case("models: info", ("models", "info", "bad.pth"), 4, writing("bad.pth", b"\x80\2" + bytes(99))),
        Case(
            "export: bad", ("export", "bad.pth", "out.safetensors"), (2, 4), writing("bad.pth", b"\x80\2" + bytes(99))
        ),
    ]
    return cases


PICTURE = png(64, 48, rows=48 * (1 + 64 * 3))
