"""The program itself: its version, what it is made of, and whether that can be imported here."""

from __future__ import annotations

import importlib
import platform
import re
import time
from collections.abc import Iterator

from wav2lip import __version__
from wav2lip.doctor.finding import Finding, ok, problem
from wav2lip.extras import packages_of_extras, version_of
from wav2lip.models.quick_import import import_torch

AGAIN = "in a copy of the project: pip install --force-reinstall ."     # not by name, which is others' on PyPI
EVERYTHING = "wav2lip.pipeline.sync"      # what `sync` imports, all of it
_SHARED_LIBRARY = re.compile(r"lib\w+\.so")
_LIBRARIES = (
    "OpenCV needs libraries of the system that are missing: apt install libgl1 libglib2.0-0 (Debian, Ubuntu), "
    "dnf install mesa-libGL glib2 (Fedora); or exchange it for the build that needs none: "
    "pip uninstall opencv-python, then pip install opencv-python-headless."
)


def look_at_program() -> tuple[list[Finding], float]:
    """Import what `sync` imports.

    Returns:
        What was found, and the seconds that importing took: what `sync` takes before it begins.
    """
    found = [ok("program", "version", f"wav2lip {__version__}, Python {platform.python_version()}, "
                                      f"{platform.system()} {platform.machine()}.")]
    start = time.perf_counter()
    for module, finding in (("cv2", "opencv"), ("torch", "torch"), (EVERYTHING, "packages")):
        broken = _import(module, finding)
        if broken is not None:
            return [*found, broken], time.perf_counter() - start
    seconds = time.perf_counter() - start
    apart = _strangers()
    if apart is not None:
        return [*found, apart], seconds
    versions = {"torch": "PyTorch", "opencv-python": "OpenCV", "opencv-python-headless": "OpenCV", "av": "PyAV"}
    known = ", ".join(f"{called} {version_of(name)}" for name, called in versions.items() if version_of(name))
    return [*found, ok("program", "packages", f"All packages can be imported ({known}).")], seconds


def look_at_extras() -> Iterator[Finding]:
    """Say which optional parts are installed."""
    here: list[str] = []
    missing: list[str] = []
    for extra, packages in packages_of_extras().items():
        (here if all(map(version_of, packages)) else missing).append(extra)
    if here or missing:
        wanted = ", ".join(f'{extra} (pip install "wav2lip[{extra}]")' for extra in missing)
        yield ok("program", "extras", f"Extras here: {', '.join(here) or 'none'}; not here: {wanted or 'none'}.")


def _strangers() -> Finding | None:
    """Return what is wrong where PyTorch and NumPy do not know each other: each can be imported all the same."""
    import torch

    try:
        torch.zeros(1).numpy()
    except RuntimeError as error:
        text = f"PyTorch {version_of('torch')} does not work with NumPy {version_of('numpy')}: {error}."
        return problem("program", "numpy", text, 'Install one that it was built for: pip install "numpy<2".')
    return None


def _import(module: str, finding: str) -> Finding | None:
    """Import a module; return what is wrong where that fails."""
    try:
        if module == "torch":
            import_torch()
        importlib.import_module(module)
    except Exception as error:    # a package that is damaged or does not fit raises anything
        text = f"{module} cannot be imported: {error or type(error).__name__}.".replace("..", ".")
        if module == "cv2" and _SHARED_LIBRARY.search(str(error)):
            return problem("program", finding, text, _LIBRARIES)
        missing = getattr(error, "name", None) or module
        return problem("program", finding, text, f"Install the package again, which brings "
                                                 f"{missing.partition('.')[0]}, {AGAIN}")
    return None
