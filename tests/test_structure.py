"""The rooms of the house import one way, and the front door opens at once."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "wav2lip"
ROOMS = {
    "media": set(),
    "speech": set(),
    "models": set(),
    "faces": {"media", "models"},
    "compose": {"media", "models"},
    "cast": {"media", "speech", "models", "faces", "evaluation"},
    "provenance": {"media", "models"},
    "pipeline": {"media", "speech", "models", "faces", "compose", "evaluation", "cast", "provenance"},
    "evaluation": {"media", "speech", "models", "faces"},
    "training": {"media", "speech", "models", "faces", "compose", "evaluation"},
    "protocols": {"media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast"},
    "benchmark": {"media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast", "training"},
    "batch": {"media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast", "provenance"},
    "preview": {"media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast", "provenance"},
    "ui": {"media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast", "batch", "provenance"},
    "doctor": {"media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast", "provenance"},
    "cli": {
        "media", "speech", "models", "faces", "compose", "pipeline", "evaluation", "cast", "training", "protocols",
        "benchmark", "batch", "preview", "provenance", "ui", "doctor",
    },
}
COMMON = {"ending", "errors", "extras", "paths", "progress", "__version__"}
HEAVY = {"torch", "cv2", "librosa", "numpy", "scipy", "skimage", "av", "face_alignment", "tqdm", "ffmpeg"}


def imported_rooms(path: Path) -> set[str]:
    """Return the parts of the package that a file imports, wherever in the file it does so."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "wav2lip":
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("wav2lip.")}
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_the_drawing_allows(room: str) -> None:
    for path in (PACKAGE / room).rglob("*.py"):
        foreign = imported_rooms(path) - {room} - COMMON
        assert foreign <= ROOMS[room], f"{path.relative_to(PACKAGE)} imports {sorted(foreign - ROOMS[room])}"


def test_every_folder_of_the_package_is_a_room_of_the_drawing() -> None:
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ROOMS)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "import wav2lip\n"
        "from wav2lip.cli import main\n"
        "for command in ('sync', 'faces', 'doctor'):\n"
        "    assert CliRunner().invoke(main, [command, '--help']).exit_code == 0\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_every_benchmark_finds_what_it_measures() -> None:
    folder = PACKAGE.parent / "benchmarks"
    names = [path.stem for path in sorted(folder.glob("*.py"))]
    code = f"import importlib, sys; sys.path.insert(0, {str(folder)!r}); [importlib.import_module(n) for n in {names}]"
    done = subprocess.run([sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
