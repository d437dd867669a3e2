"""The server of the page: bound to one address, asking for nothing elsewhere, and gone without a trace."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.extras import require
from wav2lip.ui.gate import LOOPBACK, Gate

if TYPE_CHECKING:
    import gradio as gr

_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1",
    "GRADIO_SHARE": "False", "GRADIO_RUN_HISTORY": "False", "GRADIO_MCP_SERVER": "False",
}
NOT_BY_PROXY = tuple(sorted(name.strip("[]") for name in LOOPBACK))      # as NO_PROXY writes them
_OPENING = ("GRADIO_ALLOWED_PATHS", "GRADIO_NUM_WORKERS", "GRADIO_WATCH_DIRS")


@contextmanager
def own_folder(parent: Path | None) -> Iterator[Path]:
    """Give a new folder for everything that visitors bring, which goes when the block ends, and prepare gradio for it.

    Args:
        parent: where it is made; None for the system's place for such things.

    Raises:
        UsageError: gradio is not installed.
        Wav2LipError: the folder cannot be made.
    """
    try:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="wav2lip-ui-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise Wav2LipError(f"No folder can be made in {parent or tempfile.gettempdir()}: {error.strerror}.") from error
    with folder:
        root = Path(folder.name).resolve()
        # All of this is read when gradio is imported.
        os.environ |= _QUIET | {"GRADIO_TEMP_DIR": str(root), "GRADIO_EXAMPLES_CACHE": str(root / "none")}
        for name in _OPENING:
            os.environ.pop(name, None)
        require("gradio", "ui")
        yield root


@contextmanager
def serving(
    page: gr.Blocks, host: str, port: int | None, *, largest: int, queue: int, names: Collection[str]
) -> Iterator[str]:
    """Serve a page while the block runs, and give its address.

    Args:
        page: as `build` makes it.
        host, port: where to listen; None for the first free port from 7860 on.
        largest: bytes of an upload.
        queue: how many may wait.
        names: other hosts by which browsers may call a server that listens on this machine alone.

    Raises:
        UsageError: nothing can listen there.
    """
    from gradio import processing_utils
    from gradio.themes import Default
    from starlette.middleware import Middleware

    from wav2lip.ui.markup import STYLE

    # What a visitor's request names by an address is never fetched.
    processing_utils.async_ssrf_protected_download = _refuse    # type: ignore[assignment]
    processing_utils.ssrf_protected_download = _refuse
    known = None if not is_loopback(host) else {*LOOPBACK, host.lower(), *(name.lower() for name in names)}
    gate = Middleware(Gate, names=known, largest=largest)
    sans, mono = ("system-ui", "sans-serif"), ("ui-monospace", "monospace")
    page.queue(max_size=queue, api_open=False, default_concurrency_limit=None)
    # Gradio asks the page whether it is there: not by way of a proxy.
    for variable in ("NO_PROXY", "no_proxy"):
        os.environ[variable] = ",".join(filter(None, [os.environ.get(variable), *NOT_BY_PROXY, host]))
    try:
        _, address, _ = page.launch(
            server_name=host, server_port=port, max_file_size=largest, prevent_thread_lock=True, quiet=True,
            share=False, inbrowser=False, ssr_mode=False, pwa=False, mcp_server=False, enable_monitoring=False,
            show_error=False, footer_links=[], allowed_paths=[], css=STYLE,
            theme=Default(primary_hue="blue", neutral_hue="gray", font=sans, font_mono=mono),
            app_kwargs={"middleware": [gate], "docs_url": None, "redoc_url": None, "openapi_url": None},
        )
    except OSError as error:
        where = f"{host}:{port}" if port else host
        raise UsageError(f"Nothing can listen on {where}: it is taken, or not this machine's; see --port.") from error
    try:
        yield address
    finally:
        page.close(verbose=False)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host."""
    return host in ("localhost", "::1") or host.startswith("127.")


def _refuse(*_: Any, **__: Any) -> str:
    raise UsageError("Files are uploaded; nothing is fetched from elsewhere.")
