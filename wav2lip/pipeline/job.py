"""One result, made part by part: what is there after a crash is not made again, and the bytes are the same."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count, groupby
from pathlib import Path

from wav2lip.errors import MediaError, Wav2LipError
from wav2lip.media.alone import alone, lock_of
from wav2lip.media.join import join
from wav2lip.models.device import choose_device
from wav2lip.pipeline.clock import Clock
from wav2lip.pipeline.fingerprint import fingerprint
from wav2lip.pipeline.folder import WorkFolder, cleaning, others_in_words
from wav2lip.pipeline.networks import Networks, networks_ahead
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output, encoding_of, prepare_output
from wav2lip.pipeline.prepare import Prepared, frames_with_faces, open_source, prepare
from wav2lip.pipeline.record import ingredients_of, write_record
from wav2lip.pipeline.render import render
from wav2lip.pipeline.report import SyncReport
from wav2lip.pipeline.segments import split
from wav2lip.pipeline.soundtrack import compressing, sound_file, sound_to_join
from wav2lip.pipeline.watch import Watch
from wav2lip.progress import Progress
from wav2lip.provenance.sidecar import File, remove_sidecar
from wav2lip.provenance.signing import Signing, open_signing
from wav2lip.provenance.tags import TAGS


@dataclass
class Job:
    """A result that is prepared, and whose parts are made one by one, in any order and by anybody.

    Attributes:
        prepared: all that its frames are made from.
        folder: where its parts are.
        signing: what it is signed with when it is finished; None leaves it unsigned.
    """

    prepared: Prepared
    folder: WorkFolder
    progress: Progress
    watch: Watch
    clock: Clock
    shared: bool = False
    signing: Signing | None = None
    _done: bool = field(default=False, init=False)

    @property
    def segments(self) -> tuple[range, ...]:
        """The frames of each part."""
        return self.folder.segments

    def missing(self) -> list[int]:
        """Return the numbers of the parts that are not there yet."""
        return self.folder.missing()

    def sound(self) -> Path:
        """Return the file with the sound of the result, put together if need be."""
        return sound_file(self.prepared.script, self.prepared.source, self.folder.sound, self.progress)

    def render(self, numbers: Iterable[int]) -> None:
        """Make parts, given by their numbers in ascending order.

        Raises:
            MediaError: the video cannot be read on.
            Wav2LipError: a part cannot be written, or too little memory.
        """
        numbers = list(numbers)
        total = sum(len(self.segments[number]) for number in numbers)
        before = 0 if self.shared else self.prepared.frames - total    # of a job of one's own, what is there is done
        with (
            self.clock.measure("render"),
            self.progress.stage("Syncing lips", before + total) as advance,
            nullcontext() if self.shared else compressing(*self._sound(), lambda: advance(0)),
        ):
            advance(before)
            for run in following(numbers):
                segments = [self.segments[number] for number in run]
                render(self.prepared, segments, [self.folder.part(number) for number in run], self.watch, advance)

    def finish(self) -> SyncReport:
        """Join the parts, which are all there, sign the result, give it its name, and remove the folder.

        Raises:
            MediaError, Wav2LipError: the sound cannot be read, or the result or its record cannot be written, or an
                older record beside it not be removed.
        """
        prepared, parts, unsigned = self.prepared, self.folder.parts(), None
        joined = self.folder.unsigned if self.signing else prepared.output
        with self._held(), self.clock.measure("join"), self.watch.stage("join"):
            given = self._sound()
            size = sum(part.stat().st_size for part in parts)
            with self.progress.stage("Joining", size, "B") as advance:
                sound, limit = sound_to_join(*given, lambda: advance(0))
                join(
                    parts, joined, codec=prepared.decided.codec,
                    frames=[len(segment) for segment in self.segments], fps=prepared.source.fps, sound=sound,
                    duration_limit=limit, progress=advance, tags=TAGS, called=prepared.output,
                )
            if self.signing:
                unsigned = File.of("output", joined) if prepared.options.sidecar else None
                self.signing.sign(joined, prepared.output, ingredients_of(prepared))
            if prepared.options.sidecar:
                write_record(prepared, unsigned)
            else:
                remove_sidecar(prepared.output)
            self._done = True
            self.folder.remove()
        return report_of(prepared, self.clock)

    def _sound(self) -> tuple[Path, Path, Path, float | None]:
        """Return what `sound_to_join` is given."""
        return self.sound(), self.folder.compressed, self.prepared.output, self.prepared.sound_limit

    def _held(self) -> AbstractContextManager[None]:
        return holding(self.prepared.output) if self.shared else nullcontext()    # else it is held already

    def leave(self, error: BaseException | None) -> str | None:
        """Tidy up after a run that did not come to its end; return how it goes on, None where it does not."""
        if self._done or self.shared:
            return None
        # What is wrong with an input that is still there stays wrong.
        if isinstance(error, MediaError) and all(path.exists() for path in self.prepared.inputs):
            self.folder.remove()
            return None
        if not self.prepared.options.resume:      # the same command would start over
            self.folder.remove()
            return None
        frames = self.folder.tidy()
        return f"the same command goes on after {frames} of {self.prepared.frames} frames" if frames else None


@contextmanager
def open_job(
    face: str | os.PathLike[str],
    audio: str | os.PathLike[str] | None,
    output: str | os.PathLike[str] | None,
    options: SyncOptions,
    progress: Progress,
    networks: Networks | None = None,
    watch: Watch | None = None,
    *,
    shared: bool = False,
) -> Generator[Job]:
    """Prepare a result, and hold it against other runs while the block runs.

    Args:
        face, audio, output, options, progress, networks, watch: as for `wav2lip.sync`.
        shared: others make parts of the same result at the same time; then it is held only while it is finished, and
            what there is of it stays, whatever happens.

    Raises:
        UsageError, MediaError, WeightsError, NoFaceError, Wav2LipError: as `wav2lip.sync`.
    """
    clock, watch = Clock(), watch or Watch()
    face, audio = Path(face), None if audio is None else Path(audio)
    device = choose_device(options.device)
    gpu = options.gpu(device)
    with networks_ahead(options, device, progress, networks) as load:
        with clock.measure("load"), watch.stage("load"):
            source = watch.source(open_source(face, options, gpu, progress))
            if output is None:
                shown = None if options.compat else source
                output = default_output(face, options.recording(audio), options.codec, shown)
            output = Path(output)
            encoding = encoding_of(options, gpu)
            prepare_output(output, (face, audio, *options.files), encoding, options.clobber, sidecar=options.sidecar)
            signing = signing_of(options, output)
        with nullcontext() if shared else holding(output):
            prepared = prepare(source, audio, output, options, encoding, device, progress, clock, watch, load)
            job = Job(prepared, work_folder(prepared), progress, watch, clock, shared, signing)
            if not options.resume and not shared:
                job.folder.remove()
            others = job.folder.others()
            if others:
                progress.say(others_in_words(others, output))
            job.folder.make(shared=shared)
            try:
                yield job
            except BaseException as error:
                hint = job.leave(error)
                if hint and isinstance(error, Wav2LipError | SystemExit):
                    progress.say(f"{hint[0].upper()}{hint[1:]}; {cleaning(output)} removes what is there.")
                if hint and isinstance(error, KeyboardInterrupt) and not error.args:
                    raise KeyboardInterrupt(hint) from None
                raise


def signing_of(options: SyncOptions, output: Path) -> Signing | None:
    """Return what signs a result, once it is sure that it can; None where nothing is to.

    Raises:
        UsageError: as `open_signing`.
    """
    if options.c2pa_cert is None or options.c2pa_key is None:
        return None
    return open_signing(options.c2pa_cert, options.c2pa_key, options.c2pa_ta, output)


def holding(output: Path) -> AbstractContextManager[None]:
    """Hold an output against other runs.

    Raises:
        UsageError: another run is writing it.
    """
    return alone(lock_of(output), f"Another run is writing {output}; wait for it, or choose another name with -o.")


def work_folder(prepared: Prepared) -> WorkFolder:
    """Return the folder for a prepared result."""
    source, decided = prepared.source, prepared.decided
    word = fingerprint(
        prepared.inputs, prepared.options, prepared.tracks,
        (source.settings, prepared.networks.description, prepared.networks.device.partition(":")[0], decided,
         prepared.output.name, prepared.numbers.tobytes(), prepared.script.pieces, prepared.script.kept,
         prepared.label.content if prepared.label else ""),
    )
    return WorkFolder.of(prepared.output, word, split(prepared.frames, source.fps))


def following(numbers: Iterable[int]) -> Iterator[list[int]]:
    """Yield the runs of numbers that follow each other."""
    for _, run in groupby(zip(count(), numbers), key=lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]


def report_of(prepared: Prepared, clock: Clock) -> SyncReport:
    """Return what can be told of a finished result, but for its score."""
    source, cast = prepared.source, prepared.cast
    width, height = source.size
    return SyncReport(
        output=prepared.output,
        frames=prepared.frames,
        fps=source.fps,
        width=width,
        height=height,
        duration=float(Fraction(prepared.frames) / source.fps),
        faces=frames_with_faces(prepared.shown),
        source_frames=len(prepared.tracks[0]),
        source_faces=frames_with_faces(prepared.tracks),
        people=cast.labels,
        synced=tuple(dict.fromkeys(cast.person(line.who) for line in prepared.script.lines)),
        detector=cast.found_by,
        generator=prepared.networks.description,
        device=prepared.networks.device,
        encoder=prepared.decided.encoder,
        extended=prepared.options.extension if prepared.extended else None,
        seconds=clock.seconds,
    )
