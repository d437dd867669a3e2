"""Work through a benchmark's pairs, and go on where an earlier run was interrupted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.media.write import PART_PATTERN
from wav2lip.models.device import choose_device
from wav2lip.models.store import demo_checkpoint, locate, sha256_of
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.progress import Progress
from wav2lip.protocols.generate import Generated, Skipped, generate, prescribed
from wav2lip.protocols.lists import Pair
from wav2lip.protocols.protocol import Protocol

JOURNAL = "journal.jsonl"


def generate_all(
    pairs: Sequence[Pair], protocol: Protocol, folder: Path, options: SyncOptions | None = None,
    progress: Progress | None = None,
) -> Iterator[Generated | Skipped]:
    """Generate the video of every pair as `folder`/<number>.mp4, and yield what became of each, in their order.

    Videos that are done are kept, and pairs that were left out before stay so: an interrupted run is gone on with.
    `folder`/journal.jsonl says in its first line by what the videos are made, and in each further one what became of
    a pair, and why it was left out. Only one process may work on a folder.

    Args:
        pairs: as `read_pairs` gives them.
        protocol: the benchmark.
        folder: where the videos go; made if need be.
        options: what the protocol leaves open.
        progress: is told of the networks; None for silence.

    Raises:
        UsageError: the folder holds inputs, or videos of another protocol, list, generator or detector.
        WeightsError: weights that are missing, broken or of another network.
        Wav2LipError: the folder cannot be written to, or anything else that failed.
    """
    options = prescribed(protocol, options or SyncOptions())
    _prepare(folder, pairs)
    networks = load_networks(options, choose_device(options.device), progress or Progress())
    journal = Journal(folder / JOURNAL, _makers(protocol, options, networks))
    for pair in pairs:
        video = folder / f"{pair.number}.mp4"
        known = journal.find(pair)
        if known and known.reason is not None:
            yield Skipped(pair, known.reason)
        elif known and video.exists():
            yield Generated(pair, video)
        else:
            outcome = generate(pair, protocol, video, options, networks=networks)
            if not known:
                journal.add(Entry(pair, outcome.reason if isinstance(outcome, Skipped) else None))
            yield outcome


class Entry(NamedTuple):
    """What became of a pair: why it was left out, None for a video."""

    pair: Pair
    reason: str | None


class Journal:
    """A file of JSON lines: by what a folder's videos are made, then what became of the pairs.

    Args:
        path: the file; made if need be.
        makers: what all videos of the folder must have in common.

    Raises:
        UsageError: the file tells of other makers.
        Wav2LipError: it cannot be read or written.
    """

    def __init__(self, path: Path, makers: dict[str, str]):
        self._path = path
        try:
            earlier, *rest = self._lines() or [makers]
            changed = [what for what in makers if earlier[what] != makers[what]]
            self._entries = {
                line["number"]: Entry(Pair(line["number"], Path(line["face"]), Path(line["audio"])), line["reason"])
                for line in rest
            }
        except (ValueError, KeyError, TypeError) as error:
            raise Wav2LipError(f"{path} is damaged; remove it, and its pairs are tried again.") from error
        if changed:
            raise UsageError(
                f"The videos in {path.parent} were made with another {changed[0]}; choose another folder, or remove it."
            )
        if not path.exists() or not path.stat().st_size:
            self._append(makers)

    def find(self, pair: Pair) -> Entry | None:
        """Return what became of a pair before.

        Raises:
            UsageError: its number was that of another pair.
        """
        entry = self._entries.get(pair.number)
        if entry and entry.pair != pair:
            raise UsageError(
                f"{self._path.parent} holds the videos of another list: its number {pair.number} shows "
                f"{entry.pair.face}, not {pair.face}, or says another sound. Choose another folder."
            )
        return entry

    def add(self, entry: Entry) -> None:
        """Write down what became of a pair."""
        pair = entry.pair
        line = {"number": pair.number, "face": str(pair.face), "audio": str(pair.audio), "reason": entry.reason}
        self._append(line)

    def _lines(self) -> list[dict[str, Any]]:
        """Return what is written, and cut off a last line that was interrupted."""
        try:
            if not self._path.exists():
                return []
            with open(self._path, "r+b") as file:
                content = file.read()
                whole = content[: content.rfind(b"\n") + 1]
                file.truncate(len(whole))
            return [json.loads(line) for line in whole.splitlines()]
        except OSError as error:
            raise Wav2LipError(f"{self._path} cannot be read and written: {error.strerror}.") from error

    def _append(self, line: dict[str, Any]) -> None:
        try:
            with open(self._path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Wav2LipError(f"{self._path} cannot be written: {error.strerror}.") from error


def _makers(protocol: Protocol, options: SyncOptions, networks: Networks) -> dict[str, str]:
    return {
        "protocol": protocol.name,
        "generator": sha256_of(locate(options.checkpoint) if options.checkpoint else demo_checkpoint()),
        "detector": networks.detector.fingerprint if networks.detector else f"box {options.box}",
    }


def _prepare(folder: Path, pairs: Sequence[Pair]) -> None:
    """Make the folder, and remove what a killed run left in it."""
    inputs = {path.parent for pair in pairs for path in (pair.face, pair.audio)}
    if folder.resolve() in {path.resolve() for path in inputs}:
        raise UsageError(f"The folder {folder} holds recordings of the benchmark; choose another for the videos.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(PART_PATTERN):
            part.unlink()
    except OSError as error:
        raise Wav2LipError(f"The folder {folder} cannot be made or written to: {error.strerror}.") from error
