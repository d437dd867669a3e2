"""`wav2lip inspect`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.run import one_line, reporting
from wav2lip.errors import Wav2LipError

if TYPE_CHECKING:
    from wav2lip.provenance.credentials import Credentials
    from wav2lip.provenance.inspection import Inspection

MOST_RANGES = 5          # of frames that are told one by one


@click.command("inspect", context_settings={"max_content_width": 110})
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--trust", type=click.Path(path_type=Path), metavar="PEM",
    help="Certificates that are trusted to vouch for signers; without it only signatures and hashes are checked.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of words.")
@reporting("nothing was changed")
def inspect_command(file: Path, trust: Path | None, as_json: bool) -> None:
    """Show what FILE says of where it comes from, and check that it holds.

    Its container's tags, the record beside it, and Content Credentials (extra c2pa). Ends with exit code 1 where a
    signature or a hash does not hold, and with 0 where all does, or nothing is said.
    """
    from wav2lip.provenance.inspection import inspect

    found = inspect(file, trust)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(map(one_line, in_words(found))))    # what a file says of itself may look like our words
    for problem in found.problems:
        click.echo(f"Error: {one_line(problem)}", err=True)
    if found.problems:
        sys.exit(Wav2LipError.exit_code)


def in_words(found: Inspection) -> Iterator[str]:
    """Yield the lines that tell what a file says of itself."""
    said = [f"  {name}: {value}" for name, value in sorted(found.tags.items())]
    yield "tags: " + ("that a part of the picture was generated" if found.generated else "nothing of its making")
    yield from said
    if found.sidecar is None:
        yield "record: none beside it"
    elif found.record is None:
        yield f"record: {found.sidecar.name}, which cannot be read"
    else:
        yield f"record: {found.sidecar.name}, " + ("of this very file" if found.fits else "not of this file")
        yield from _record(found.record)
    if found.unseen is not None:
        yield f"Content Credentials: not looked for. {found.unseen}"
    elif found.credentials is None:
        yield "Content Credentials: none"
    else:
        yield from _credentials(found.credentials)


def _record(record: dict[str, Any]) -> Iterator[str]:
    yield f"  {record.get('statement')}"
    for file in (*record["inputs"], *record["weights"]):
        yield f"  {file['role']}: {file.get('name', file['given'])} (SHA-256 {file['sha256']})"
    for spoken in record["generated"]:
        ranges = [f"{start}–{end - 1}" for start, end in spoken["frames"]]
        more = len(ranges) - MOST_RANGES
        words = ", ".join(ranges[:MOST_RANGES]) + (f", and {more} times more" if more > 0 else "")
        yield f"  generated mouth of {spoken['person']}: " + (f"frames {words}" if ranges else "in no frame")
    if record["options"]:
        yield "  options: " + ", ".join(f"{name} {_short(value)}" for name, value in record["options"].items())


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _credentials(found: Credentials) -> Iterator[str]:
    states = {
        "trusted": "valid, and the signer is trusted", "invalid": "INVALID",
        "valid": "valid; whether the signer is to be trusted was not asked (--trust)",
    }
    untrusted = found.state == "valid" and found.failures
    yield "Content Credentials: " + ("valid, but the signer is not trusted" if untrusted else states[found.state])
    if found.signer or found.issuer:
        stamped = f", {found.time}" if found.time else ", without a time stamp"
        yield f"  signed by {found.signer or 'somebody'} ({found.issuer}), {found.algorithm}{stamped}"
    if found.tool:
        yield f"  made with {found.tool}"
    for action in found.actions:
        what = [word for word in (action.description, action.source_type) if word]
        yield f"  {action.name.removeprefix('c2pa.')}" + (f": {' '.join(what)}" if what else "")
    for part in found.parts:
        about = [word for word in (part.description, "with credentials of its own" if part.signed else None) if word]
        yield f"  {part.relationship}: {part.title}" + (f" ({', '.join(about)})" if about else "")
