"""`wav2lip clean`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wav2lip.cli.parameters import Number
from wav2lip.cli.run import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wav2lip.pipeline.leftovers import Leftover

DAYS = 30.0
MEGA = 1e6


@click.command(context_settings={"max_content_width": 110})
@click.argument("folders", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--older-than", type=Number(0), default=DAYS, show_default=True, metavar="DAYS",
    help="Of the cache, what nobody has asked for in so many days.",
)
@click.option("--no-cache", is_flag=True, help="Leave the cache alone.")
@click.option("--dry-run", is_flag=True, help="Only show what there is.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; removes nothing without --yes.")
@reporting("what is not removed yet stays")
def clean(
    folders: tuple[Path, ...], older_than: float, no_cache: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove what killed runs have left in FOLDERS (this one by default) and below, and old entries of the cache.

    Shows first what it is and how large. Results, weights, and what belongs to a run at work are never touched.
    """
    from wav2lip.pipeline.leftovers import left_in, left_in_cache

    there = {os.path.abspath(one.path): one for folder in folders or (Path(),) for one in left_in(folder)}
    found = list(there.values())        # once, where a folder lies in another
    if not no_cache:
        found += left_in_cache(older_than)
    removing = bool(found) and not dry_run
    if as_json:
        click.echo(json.dumps({"found": [_entry(one) for one in found], "removed": removing and yes}, indent=2))
        removing = removing and yes
    else:
        click.echo(_in_words(found))
        removing = removing and (yes or click.confirm("Remove all of this?", err=True))
    if removing:
        for leftover in found:
            leftover.remove()


def _entry(leftover: Leftover) -> dict[str, Any]:
    return {"path": str(leftover.path), "what": leftover.what, "bytes": leftover.size}


def _in_words(found: Sequence[Leftover]) -> str:
    if not found:
        return "Nothing is left over."
    lines = [f"{one.size / MEGA:10.1f} MB  {one.path}  ({one.what})" for one in found]
    return "\n".join([*lines, f"{sum(one.size for one in found) / MEGA:10.1f} MB  in all"])
