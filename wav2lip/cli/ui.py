"""`wav2lip ui`."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cast.selectors import WORDS as PERSONS
from wav2lip.cli.columns import in_full, job_options
from wav2lip.cli.parameters import OriginalSpellings, Parsed, Weights
from wav2lip.cli.run import importing, reporting
from wav2lip.cli.spelling import default_of, spelled, text_of
from wav2lip.cli.sync import sync, sync_options
from wav2lip.errors import UsageError
from wav2lip.models.known import KNOWN
from wav2lip.models.store import is_here

if TYPE_CHECKING:
    from wav2lip.ui.options import Field

COMMON = (
    "checkpoint", "person", "pads", "ranges", "silence", "blend", "enhance", "codec", "crf", "device",
)
"""Options that the page shows at once; the others are under "More"."""

LEFT_OUT = {
    "voices", "edits",                       # they name files, and a page has only those that are uploaded
    "no_clobber", "no_resume", "offline", "no_sr", "no_segmentation", "dry_run", "log_json",
    "sidecar", "c2pa_cert", "c2pa_key", "c2pa_ta",      # whoever runs the page answers for what comes from it
}
"""Options that make no sense in a page; whoever runs it may give them for everybody."""

SUGGESTED = {
    "person": PERSONS,
    "reference": ("same", "closed"),
    "codec": ("h264", "hevc", "av1", "vp9", "prores", "ffv1", "copy-settings"),
    "preset": ("ultrafast", "veryfast", "fast", "medium", "slow", "veryslow"),
}
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SIZE = re.compile(r"([0-9]{1,12})\s*([kmg]?)b?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return the bytes that a text means: 500MB, 2G, 1000000.

    Raises:
        UsageError: it is no size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise UsageError(f"{text[:60]!r} is not a size, such as 500MB or 2GB.")
    return int(found[1]) * _UNITS[found[2].lower()]


@click.command(cls=OriginalSpellings, context_settings={"max_content_width": 110})
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on: this machine alone.")
@click.option("--port", type=click.IntRange(1, 65535), help="The port.  [default: the first free one from 7860 on]")
@click.option(
    "--name", "names", multiple=True, metavar="HOST",
    help="Another name by which browsers call it, such as that of a proxy on this machine.  [repeatable]",
)
@click.option(
    "--max-upload", type=Parsed("size", parse_size), default="500MB", show_default=True, help="Largest file to take."
)
@click.option(
    "--queue", type=click.IntRange(1), default=8, show_default=True, help="How many may wait while one is at work."
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False),
    help="Where visitors' files are kept while they are there.  [default: the system's temporary folder]",
)
@reporting("everything that was uploaded or made is gone")
def ui(
    host: str, port: int | None, names: tuple[str, ...], max_upload: int, queue: int, folder: Path | None, **given: Any
) -> None:
    """Open a web page on which people upload or record a face and a sound, and get the video.

    It works offline, and for this machine alone unless --host says otherwise. The options of `wav2lip sync` may be
    given: they are what the page begins with, and weights that are named are among those that can be chosen.
    """
    from wav2lip.ui.serve import is_loopback, own_folder, serving

    with own_folder(folder) as root:
        with importing():
            from wav2lip.ui.desk import Desk
            from wav2lip.ui.making import Tongue
            from wav2lip.ui.page import build
            from wav2lip.ui.session import Sessions

        given = in_full(given)
        fields = {field.name: field for field in page_fields(given)}
        common = [fields.pop(name) for name in COMMON if not fields[name].is_file]
        desk = Desk(
            Tongue(sync, spelled, text_of, sync_options), given, common, list(fields.values()), Sessions(root),
            say=lambda text: click.echo(text, err=True),
        )
        with serving(build(desk), host, port, largest=max_upload, queue=queue, names=names) as address:
            if not is_loopback(host):
                click.echo(
                    f"This listens on {host}: whoever reaches this machine can use the page; there is no password and "
                    "no encryption.", err=True,
                )
            click.echo(f"{address}  (Ctrl-C ends it)")
            try:
                threading.Event().wait()
            finally:
                desk.sessions.close()


def page_fields(given: dict[str, Any]) -> list[Field]:
    """Return the options that a page shows, in the order of `wav2lip sync`.

    Args:
        given: what they are for everybody who does not say otherwise.
    """
    from wav2lip.ui.options import Field

    fields = []
    for option in job_options():
        if not isinstance(option, click.Option) or not option.expose_value or option.name in LEFT_OUT:
            continue
        name = option.name or ""
        words = _devices() if name == "device" else SUGGESTED.get(name, ())
        if name == "reference" and given[name] not in (None, *words):
            words = (*words, str(given[name]))
        weights = isinstance(option.type, Weights)
        if weights:
            words = _weights(name, given[name])
        typed = name != "reference" and (not weights or not (words or name == "checkpoint"))
        fields.append(Field(option, given[name], default_of(option, sync), words, typed))
    return fields


def _weights(name: str, value: Path | None) -> tuple[str, ...]:
    """Return the weights that may be chosen for an option: those that were named, and generators that are here."""
    own = [] if value is None else [str(value)]
    here = [known.name for known in KNOWN.values() if not known.ships and known.gan is not None and is_here(known)]
    return tuple(dict.fromkeys([*own, *(here if name == "checkpoint" else [])]))


def _devices() -> tuple[str, ...]:
    import torch

    graphics = tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    return ("auto", "cpu", *graphics, *(("mps",) if torch.backends.mps.is_available() else ()))


ui.params += job_options()
