"""`wav2lip models`: which weights there are, getting them, and what a file of weights is."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import WEIGHTS, words
from wav2lip.cli.run import one_line, reporting
from wav2lip.errors import UsageError, WeightsError
from wav2lip.models.known import KNOWN, KnownFile
from wav2lip.models.store import is_here, place_of

if TYPE_CHECKING:
    from wav2lip.models.facts import Facts

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class _ListByDefault(click.Group):
    """A group that lists when nothing else is asked for."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asked = args and (not args[0].startswith("-") or args[0] in ctx.help_option_names)
        if not asked and not ctx.resilient_parsing:    # a shell that completes the line wants what there is
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListByDefault)
def models() -> None:
    """Weights: list, get, verify, look into, convert.

    The names that `list` prints can stand for the files wherever the other commands take weights: --checkpoint
    wav2lip-gan.
    """


@models.command("list")
@JSON
@reporting("nothing was changed")
def list_known(as_json: bool) -> None:
    """List the weights that the program knows: what for, terms, where from, and whether they are here."""
    entries = [_entry(known) for known in KNOWN.values()]
    if as_json:
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(_in_words(entry) for entry in entries))


@models.command(context_settings={"max_content_width": 110})
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=words(*KNOWN))
@click.option(
    "--from", "sources", multiple=True, metavar="FILE|ADDRESS",
    help="A file that you have, or a mirror to try first; whatever it is, its SHA-256 is checked.",
)
@click.option("--offline", is_flag=True, help="Never reach for the network; so does WAV2LIP_OFFLINE=1.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors, and the paths.")
@reporting("what has come is kept, and the same command goes on from there")
def get(names: tuple[str, ...], sources: tuple[str, ...], offline: bool, quiet: bool) -> None:
    """Download weights into the cache folder, once, and print where they are.

    A connection that breaks is taken up again where it broke, also by the next call. A file appears whole, with the
    right SHA-256, or not at all.
    """
    from wav2lip.models.download import adopt, fetch_known

    for name in names:
        _check_name(name)
    if sources and len(names) > 1:
        raise UsageError("--from is one file's; get the others by a command of their own.")
    mirrors = [source for source in sources if source.startswith(("http://", "https://"))]
    files = [Path(os.path.expanduser(source)) for source in sources if source not in mirrors]
    if len(files) > 1:
        raise UsageError("--from takes one file; several addresses can be named.")
    say = functools.partial(click.echo, err=True)
    for name in names:
        known = KNOWN[name]
        if (known.urls or sources) and not (quiet or is_here(known)):
            say(f"Terms of {known.file}: {known.terms}")
        path = adopt(name, files[0]) if files else fetch_known(
            name, mirrors=mirrors, check=True, offline=offline or None, say=None if quiet else say
        )
        click.echo(path)


@models.command()
@click.argument("paths", metavar="PATH...", type=WEIGHTS, nargs=-1, required=True)
@reporting("nothing was changed")
def verify(paths: tuple[Path, ...]) -> None:
    """Say of each file whether it is known by its SHA-256, loads, and holds only good numbers.

    The exit code is 4 where one is bad.
    """
    from wav2lip.models.verify import verify as look

    bad = 0
    for path in paths:
        verdict = look(path, _detectors())
        click.echo(one_line(f"{path}: {'ok' if verdict.good else 'BAD'}: {verdict.text}"))
        bad += not verdict.good
    if bad:
        raise WeightsError(f"{bad} of {len(paths)} files cannot be used.")


@models.command()
@click.argument("path", type=WEIGHTS)
@JSON
@reporting("nothing was changed")
def info(path: Path, as_json: bool) -> None:
    """Say what a weights file is: network, width, parameters, how far trained, with a discriminator or not."""
    from wav2lip.models.facts import facts_of

    facts = facts_of(path)
    if as_json:
        click.echo(json.dumps(facts.to_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(one_line(f"{name:<11} {value}") for name, value in _lines(facts)))


@models.command(context_settings={"max_content_width": 110})
@click.argument("source", metavar="IN", type=WEIGHTS)
@click.argument("output", metavar="OUT", type=WEIGHTS)
@click.option("--half", is_flag=True, help="Store the large tensors in 16 bits: half the file, almost the same output.")
@reporting("nothing was written")
def convert(source: Path, output: Path, half: bool) -> None:
    """Write the weights in IN to OUT.safetensors: without the optimizer, and saying what they are."""
    from wav2lip.models.convert import convert as run

    run(source, output, half=half)
    click.echo(output)


def _check_name(name: str) -> None:
    if name in KNOWN:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, KNOWN, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise UsageError(f"There are no weights called {name}.{meant} The names are: {', '.join(KNOWN)}.")


def _entry(known: KnownFile) -> dict[str, Any]:
    """Return what is told of a published file, as JSON can hold it."""
    here = is_here(known)
    return {
        "name": known.name, "file": known.file, "what": known.what, "use": known.use, "bytes": known.size,
        "exact": known.exact, "sha256": known.sha256, "terms": known.terms, "source": known.source,
        "urls": list(known.urls), "present": here, "path": str(place_of(known)) if here else None,
    }


def _in_words(entry: dict[str, Any]) -> str:
    about = "" if entry["exact"] else "about "
    here = f"here: {entry['path']}" if entry["path"] else f"not here: wav2lip models get {entry['name']}"
    return "\n".join([
        f"{entry['name']}: {entry['what']}",
        f"    {entry['use']}",
        f"    {entry['file']}, {about}{entry['bytes'] / 1e6:.1f} MB; {here}",
        f"    terms: {entry['terms']}",
        f"    from: {entry['source']}",
        f"    SHA-256: {entry['sha256'] or 'unknown'}",
    ])


def _lines(facts: Facts) -> list[tuple[str, str]]:
    """Return what is told of a file, line by line."""
    untold = "cannot be told"
    known = f"{KNOWN[facts.known].file}, as published" if facts.known else "none of the published files"
    lines = [
        ("file", f"{facts.path}, {facts.size / 1e6:.1f} MB, {facts.format}"),
        ("SHA-256", f"{facts.sha256}: {known}"),
        ("network", facts.what),
        ("parameters", f"{facts.parameters:,}"),
        ("numbers", ", ".join(f"{count:,} of {kind}" for kind, count in facts.numbers.items()) or "none"),
        ("steps", untold if facts.steps is None else f"{facts.steps:,}"),
        ("optimizer", "inside (a training can go on)" if facts.optimizer else "not inside"),
        ("origin", facts.origin or untold),
        ("terms", facts.terms or untold),
    ]
    if facts.width is not None:
        lines.insert(3, ("width", "full" if facts.width == 1 else f"{facts.width:g} of the full one"))
    if facts.network == "generator":
        lines.insert(-2, ("GAN", {True: "yes", False: "no", None: untold}[facts.gan]))
    return lines


def _detectors() -> dict[str, Callable[[Path], object]]:
    """Return how the face detectors are loaded."""

    def loader(name: str) -> Callable[[Path], object]:
        def load(path: Path) -> object:
            from wav2lip.faces.detector import make_detector

            return make_detector(
                name, weights=path, device="cpu", compat=False, offline=True, say=lambda text: None
            )

        return load

    return {name: loader(name) for name in ("s3fd", "yunet", "retinaface", "blazeface")}
