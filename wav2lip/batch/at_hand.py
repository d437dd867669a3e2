"""A job of URLs becomes a job of paths: inputs are fetched before it, and its result is delivered after it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from wav2lip.batch.job import Job
from wav2lip.batch.remote import deliver, exists, fetch, path_of, remove, url_of
from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.pipeline.options import WEIGHTS
from wav2lip.provenance.sidecar import SUFFIX as SIDECAR
from wav2lip.provenance.sidecar import retell

OWN = ("face", "audio", "output")
VOICE = "voice"    # with its number: what somebody says
SUFFIX = 16    # characters: what is longer says nothing of what a file is


class Errands:
    """Fetches and delivers for one job after the other; weights that it has fetched are kept until it is closed."""

    def __init__(self) -> None:
        self._weights: dict[str, Path] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def close(self) -> None:
        """Remove what was kept."""
        self._weights = {}
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @contextmanager
    def at_hand(self, job: Job) -> Iterator[Job]:
        """Give a job of which every file has a path.

        When the block ends without an error, the result is where its URL says, whole, and the record beside it too;
        that and errors of the block speak of URLs, not of these paths. Nothing is copied for a job that names no URL.

        Raises:
            MediaError: an input that is not there.
            UsageError: fsspec, or what it needs for this kind of URL, is not installed; or the output is an input, or
                there already and not to be replaced.
            Wav2LipError: anything else that failed on the way.
        """
        urls = {name: url for name, value in _files(job).items() if (url := url_of(value)) is not None}
        if not urls:
            yield _with_paths(job, {})
            return
        target = urls.get("output")
        if target is not None:
            _check(target, urls, job.options.clobber)
        with tempfile.TemporaryDirectory(prefix="wav2lip-") as folder:
            paths = {}
            for name, url in urls.items():
                paths[name] = self._weight(url) if name in WEIGHTS else Path(folder, name + _suffix(url))
                if name != "output" and name not in WEIGHTS:
                    fetch(url, paths[name])
            there = {str(path): urls[name] for name, path in paths.items()}
            try:
                yield _with_paths(job, paths)
            except Wav2LipError as error:
                raise type(error)(_with_urls(str(error), there)) from error
            made = Path(paths.get("output") or path_of(job.output))
            record = retell(made, there) if job.options.sidecar else None
            if target is not None:
                deliver(made, target)
                if record is not None:
                    deliver(record, target + SIDECAR)
                elif not job.options.sidecar and exists(target + SIDECAR):
                    remove(target + SIDECAR)    # of the result that was there

    def _weight(self, url: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="wav2lip-weights-")
        if url not in self._weights:
            path = Path(self._folder.name, f"{len(self._weights)}{_suffix(url)}")
            fetch(url, path)
            self._weights[url] = path
        return self._weights[url]


def has_urls(job: Job) -> bool:
    """Tell whether a file of the job is elsewhere."""
    return any(url_of(value) is not None for value in _files(job).values())


def absolute(job: Job) -> Job:
    """Return the job with absolute paths, for a worker in another folder. URLs and names of known models stay."""
    named = {name: Path(path_of(str(value))) for name, value in _files(job).items() if url_of(value) is None}
    paths = {
        name: path.absolute() for name, path in named.items()
        if name in OWN or name.startswith(VOICE) or path.exists()
    }
    return _with_paths(job, paths)


def _files(job: Job) -> dict[str, str | Path]:
    """Return the files of a job by what they are to it."""
    own = {name: getattr(job, name) for name in OWN}
    options = {field.name: getattr(job.options, field.name) for field in fields(job.options)}
    voices = {f"{VOICE}{number}": voice.path for number, voice in enumerate(job.options.voices)}
    return voices | {name: value for name, value in own.items() if value is not None} | {
        name: value for name, value in options.items() if isinstance(value, Path)
    }


def _with_paths(job: Job, paths: dict[str, Path]) -> Job:
    own = {name: path_of(value) for name in OWN if (value := getattr(job, name)) is not None}
    own |= {name: str(path) for name, path in paths.items() if name in OWN}
    spoken = enumerate(job.options.voices)
    voices = tuple(replace(voice, path=paths.get(f"{VOICE}{number}", voice.path)) for number, voice in spoken)
    options = {name: path for name, path in paths.items() if name not in OWN and not name.startswith(VOICE)}
    return replace(job, options=replace(job.options, voices=voices, **options), **own)    # type: ignore[arg-type]


def _check(target: str, urls: dict[str, str], clobber: bool) -> None:
    if any(url == target for name, url in urls.items() if name != "output"):
        raise UsageError(f"The output {target} is also an input; choose another name with -o.")
    if not clobber and exists(target):
        raise UsageError(f"{target} exists already and --no-clobber is on; choose another name with -o.")


def _suffix(url: str) -> str:
    """Return the ending of a URL's file, which says what it is."""
    # Web servers are asked for more than a path.
    suffix = PurePosixPath(urlsplit(url).path if url.startswith("http") else url).suffix
    return suffix if len(suffix) <= SUFFIX else ""


def _with_urls(words: str, there: dict[str, str]) -> str:
    for path, url in there.items():
        words = words.replace(path, url)
    return words
