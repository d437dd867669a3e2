"""Look at a video and a recording as `sync` would, without making anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from wav2lip.doctor.disk import look_at_room
from wav2lip.doctor.faces import look_at_faces
from wav2lip.doctor.finding import Finding, note, ok, problem
from wav2lip.doctor.forecast import Forecast, foresee
from wav2lip.doctor.people import cast_of, known_cast
from wav2lip.doctor.sample import Sample
from wav2lip.doctor.sampling import sample
from wav2lip.doctor.scouting import LittleScout
from wav2lip.doctor.sound import look_at_length, look_at_recording, look_at_speech
from wav2lip.doctor.trial import attempt, work_of
from wav2lip.doctor.video import look_at_own_sound, look_at_result, look_at_video
from wav2lip.errors import NoFaceError, UsageError, Wav2LipError
from wav2lip.media.encoding import Encoding
from wav2lip.models.device import choose_device
from wav2lip.models.known import KNOWN
from wav2lip.models.store import is_here, offline
from wav2lip.pipeline.clock import Clock
from wav2lip.pipeline.hearing import Heard, hear
from wav2lip.pipeline.job import signing_of
from wav2lip.pipeline.networks import Networks, load_networks
from wav2lip.pipeline.options import SyncOptions
from wav2lip.pipeline.output import default_output, encoding_of, prepare_output
from wav2lip.pipeline.prepare import open_source, prepare
from wav2lip.pipeline.script import Script
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.watch import Watch
from wav2lip.pipeline.who import Cast, frames_at_a_time, frames_to_know
from wav2lip.progress import Progress

Made = TypeVar("Made")


class UnsureError(Exception):
    """Samples show too little."""


@dataclass
class Examination:
    """What becomes known of a video and a recording, step by step; what fails is a finding, and the rest goes on.

    Attributes:
        face, audio, output: as for `wav2lip.sync`; None for those that are not named.
        options, progress: of the run.
        findings: so far, those about the machine too.
        load_seconds: of what was done that a run does too before it looks for faces.
    """

    face: Path | None
    audio: Path | None
    output: Path | None
    options: SyncOptions
    progress: Progress
    findings: list[Finding] = field(default_factory=list)
    load_seconds: float = 0.0

    def run(self, start_seconds: float) -> Forecast | None:
        """Look at everything that is named.

        Args:
            start_seconds: until the program runs.

        Returns:
            What the run would take; None where it would not run, or too little is named.
        """
        device = self._try("device", lambda: choose_device(self.options.device))
        if device is None:
            return None
        networks = self._networks(device)
        gpu = self.options.gpu(device)
        source = None
        if self.face is not None:
            face = self.face
            source = self._try("video", lambda: self._timed(
                lambda: open_source(face, self.options, gpu, self.progress)
            ))
        encoding, output = encoding_of(self.options, gpu), self.output
        if source is not None:
            self._all("video", look_at_video(source, self.options))
            self._all("video", look_at_own_sound(source, self.options))
            output = self._output(source)
            self._all("result", look_at_result(source, output, encoding, self.options))
            self._try("result", lambda: signing_of(self.options, output))
            self._all("result", _writable(output, [self.face, self.audio, *self.options.files], encoding, self.options))
        heard = self._hear(source)
        if source is None or networks is None:
            return None
        cast, found = self._cast(source, heard and heard[0], networks)
        if cast is None:
            return None
        self._all("faces", look_at_faces(cast, found, source, self.options))
        if heard is None or output is None or any(finding.level == "problem" for finding in self.findings):
            return None
        return self._foresee(source, output, encoding, device, networks, heard, cast, found, start_seconds)

    def _networks(self, device: str) -> Networks | None:
        """Load what the run would use; where the generator is no good, what finds faces all the same."""
        options = self.options
        if would_download(options):
            options = replace(options, detector="cascade")
            self.findings.append(note(
                "faces", "detector", "Sync would download the face detector S3FD first. Here the built-in cascade "
                "looks in its place: what is said of faces, and how long it takes to find them, is the cascade's.",
                "`wav2lip models get s3fd` downloads it now; --detector cascade does without.",
            ))
        networks = self._try("checkpoint", lambda: self._timed(lambda: load_networks(options, device, Progress())))
        if networks is not None:
            self.findings.append(ok("checkpoint", "checkpoint", f"The generator: {networks.description}."))
            return networks
        spare = replace(options, checkpoint=None, engine="torch", precision="auto", enhance=None, parsing=None,
                        mask=None, enhance_strength=1.0)
        try:
            return load_networks(spare, device, Progress())
        except Wav2LipError:
            return None

    def _output(self, source: Source) -> Path:
        named = self.options.recording(self.audio)
        kept = None if self.options.compat else source
        assert self.face is not None
        return self.output or default_output(self.face, named, self.options.codec, kept)

    def _hear(self, source: Source | None) -> tuple[Script, list[Heard]] | None:
        """Look at what is to be said; return it as far as there is a video that it is said in."""
        recordings = [self.audio, *(voice.path for voice in self.options.voices)]
        for recording in recordings:
            if recording is not None:
                self._all("sound", look_at_recording(recording, self.options))
        if source is None or not (any(recordings) or self.options.edits):
            return None
        heard = self._try("sound", lambda: self._timed(lambda: hear(self.audio, source, self.options, self.progress)))
        if heard is None:
            return None
        script, streams = heard
        self._all("sound", look_at_speech(streams, self.options))
        self._all("length", look_at_length(source, script, self.options))
        return heard

    def _cast(self, source: Source, script: Script | None, networks: Networks) -> tuple[Cast | None, Sample | None]:
        """Return who is in the source, and the samples that tell; None for these where it is known."""
        frames = source.frames if script is None else frames_to_know(script, source, self.options)

        def find() -> tuple[Cast, Sample | None]:
            known = known_cast(source, frames, self.options, networks)
            if known is not None:
                return known, None
            assert networks.detector is not None, "else it would be known"
            batch = frames_at_a_time(self.options, networks.device)
            found = sample(source, frames, self.options, networks.detector, batch, self.progress)
            return cast_of(found, source, self.options, networks.detector), found

        return self._try("faces", find) or (None, None)

    def _foresee(
        self, source: Source, output: Path, encoding: Encoding, device: str, networks: Networks,
        heard: tuple[Script, list[Heard]], cast: Cast, found: Sample | None, start_seconds: float,
    ) -> Forecast | None:
        """Return what the run would take, from a little of it."""
        shots = found.shots if found else 1 + int(cast.track(None, Progress(), device).shot.max(initial=0))
        scout = LittleScout(heard, cast, shots)

        def measure() -> Forecast:
            try:
                prepared = prepare(
                    source, self.audio, output, self.options, encoding, device, Progress(), Clock(), Watch(),
                    lambda: networks, scout,
                )
            except (UsageError, NoFaceError) as error:    # about people, of whom samples may show too few
                if found is None:
                    raise
                raise UnsureError(str(error)) from error
            work, faces = work_of(prepared)
            trial, passing = attempt(prepared, faces, self.progress)
            return foresee(
                work, trial, passing, start=start_seconds, load=self.load_seconds,
                faces=None if found is None else found.seconds, closed_mouth=scout.seconds,
            )

        try:
            forecast = self._try("forecast", measure)
        except UnsureError as doubt:
            text = f"What it takes cannot be foreseen from samples: {doubt}"
            self.findings.append(note("forecast", "forecast", text))
            return None
        if forecast is not None:
            self._all("disk", look_at_room(output, forecast.size))
        return forecast

    def _timed(self, step: Callable[[], Made]) -> Made:
        start = time.perf_counter()
        try:
            return step()
        finally:
            self.load_seconds += time.perf_counter() - start

    def _try(self, topic: str, step: Callable[[], Made]) -> Made | None:
        """Return what a step gives; None, with a finding that says why, where it fails."""
        try:
            return step()
        except Wav2LipError as error:
            # What is wrong with the machine is met again and again.
            if not any(bad.level == "problem" and str(error).startswith(bad.text) for bad in self.findings):
                self.findings.append(problem(topic, topic, str(error)))
            return None

    def _all(self, topic: str, findings: Iterator[Finding]) -> None:
        """Take findings, up to a failure that is one itself."""
        self._try(topic, lambda: self.findings.extend(findings))


def would_download(options: SyncOptions) -> bool:
    """Return whether a run would first try to get the weights of its face detector."""
    wanted = options.needs_detector and options.detector in ("auto", "s3fd") and options.detector_weights is None
    return wanted and not (options.offline or offline() or is_here(KNOWN["s3fd"]))


def _writable(
    output: Path, inputs: list[Path | None], encoding: Encoding, options: SyncOptions
) -> Iterator[Finding]:
    """Say whether the result can be written, without making its folder."""
    prepare_output(output, inputs, encoding, options.clobber, sidecar=options.sidecar, make=False)
    if output.exists():
        yield note("result", "exists", f"{output} is there already and will be replaced.", "--no-clobber keeps it.")
