"""Everything a user can choose about a lip-sync, with its default and its check."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args

from wav2lip.cast.selectors import At, Voice, parse_person
from wav2lip.cast.times import Span
from wav2lip.compose.choices import Blend, Mask, check_label
from wav2lip.errors import UsageError
from wav2lip.faces.choices import MAX_YAW
from wav2lip.models.choices import EngineName, Precision
from wav2lip.paths import take_paths

Hardware = Literal["auto", "off"]
Silence = Literal["closed", "source", "model"]
VoiceActivity = Literal["energy", "silero"]
Extend = Literal["bounce", "loop", "freeze", "stretch", "cut"]
DetectorName = Literal["auto", "s3fd", "cascade", "yunet", "retinaface", "blazeface"]
Who = str | At | None
"""A label, a word such as "largest", a point in the video, or None for the person who is synced by default."""

NO_BOX = (-1, -1, -1, -1)
FULL_FRAME = (0, -1, 0, -1)
WEIGHTS = ("checkpoint", "detector_weights", "enhance", "parsing")
"""Options that name the weights of networks."""
OF_THE_RUN = ("clobber", "offline", "resume", "score", "sidecar", "c2pa_cert", "c2pa_key", "c2pa_ta")
"""Options that say nothing of the picture and the sound of a result."""


@dataclass(frozen=True)
class SyncOptions:
    """Options of `wav2lip.sync`; the command line has one of the same name for each but the last three.

    With `compat`, `engine`, `precision` and those of the picture (`blend` to `reference`) stay as they are by default,
    and none of them counts; nor do those of whom and when, and the label (`person` to `visible_label`).

    Attributes:
        checkpoint: generator weights; None for the one that ships with the package.
        static: use the first frame only, as if it were a still image.
        fps: frame rate of the result when the face is a still image.
        pads: pixels added to the detected face: top, bottom, left, right.
        face_det_batch_size: frames detected at a time; None for what suits the device.
        wav2lip_batch_size: faces generated at a time; None for what suits the device.
        resize_factor: divide the frame's width and height by this before anything else.
        crop: the part of the frame that is kept: top, bottom, left, right; -1 for the full extent.
        box: the face as top, bottom, left, right, instead of detection.
        rotate: turn frames by 90 degrees clockwise.
        smooth: calm the face box over time.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        engine: what runs the generator: "torch", or on a CPU "openvino" (extra `openvino`), which may be faster there.
        precision: the numbers that the generator computes with: "fp32", "bf16", "fp16"; "auto" is fp16 on CUDA, bf16 on
            CPUs with AMX, else fp32.
        detector: which face detector; "auto" is S3FD when its weights can be had, else the cascade.
        detector_weights: weights file of the detector.
        compat: reproduce the frames of the original program, defects included.
        codec: video codec of the result; None for what suits the file's ending.
        crf: its quality, smaller is better; None for the codec's default here.
        preset: its speed; None likewise.
        extend: what happens when the sound is longer than the video; None for "bounce", or "loop" with `compat`.
        offline: never reach for the network.
        clobber: replace an existing result.
        resume: go on with what an earlier run of the same job has left; otherwise start over.
        score: measure how well lips and speech fit together in the result.
        blend: "soft" through a mask with soft edges and in the colours around it; "hard" as the generator made it, with
            an edge; "poisson" by seamless cloning.
        mask: what of the face is replaced: the "lower" face, the whole "box", or what the `parsing` network says;
            None for that network's word where there is one, else the lower face.
        color_match: give the generated face the colours of its surroundings (soft blending).
        grain: give it as much grain as its source has.
        enhance: weights of a network that makes the generated face larger and sharper.
        enhance_strength: how much of its work is used, 0 to 1.
        parsing: weights of a network (BiSeNet) that says which part of a face is what.
        silence: what the mouth does while nobody speaks: "closed" closes it, "source" shows the source as it is,
            "model" leaves it to the generator; None for "closed", or "model" with `compat`.
        vad: how pauses are found: by "energy", or by the "silero" network (extra `vad`).
        reference: the face whose appearance is copied: "same" for the frame's own, "closed" for one of its shot with
            the mouth closed, or a picture or video of the person; None for "same".
        pix_fmt: pixel format of the result, in ffmpeg's words; None for what suits source and codec.
        hardware: "auto" lets the NVIDIA GPU that the networks run on decode and encode too, where it can; "off" leaves
            that to the CPU, as do other devices and `compat`.
        person: who is synced: a label of `wav2lip faces` ("A", "B", ...), the "largest" face, the one nearest to the
            "center", or whoever is "talking" in the video's own sound; None for the one on screen longest.
        at: who is synced, as a point that is within the face at a time.
        ranges: when; elsewhere the frames pass through, and the result lasts as long as the video. None for always.
        audio_start: seconds of the video at which the recordings begin.
        keep_audio: the video's own sound is heard where nobody is synced, and the result lasts as long as the video;
            None for whether `ranges`, `edits` or `audio_start` are given.
        voices: people and what each of them says, instead of one recording; whoever has none is left alone.
        mix: the sound of the result, instead of what the recordings make together.
        edits: a list of who says what when (.csv, .json or .srt), instead of the options.
        track: a file that says where the faces are (`wav2lip faces -o`), instead of looking for them.
        tilt: cut tilted faces out along their own axis, where that is known.
        max_yaw: degrees; faces turned further aside are shown as they are, where that is known.
        visible_label: words that are drawn into every frame, at the bottom left; None for none.
        sidecar: write a record beside the result of what it was made from, and how: `<result>.wav2lip.json`.
        c2pa_cert: certificates (PEM), the signer's first, to sign the result with as Content Credentials (extra
            `c2pa`); None leaves it unsigned.
        c2pa_key: the private key (PEM) of the first of them.
        c2pa_ta: URL of an authority that stamps the signature with the time; None for no time stamp.
        shorter_side: shrink frames whose shorter side has more pixels to so many, before anything else; None for any.
        strict: refuse a video with a frame that shows no face, or shorter than the sound while `extend` is None.
        tail: with `compat`, end with the original's frame of the last window; its evaluation scripts have none.
    """

    checkpoint: Path | None = None
    static: bool = False
    fps: Fraction = Fraction(25)
    pads: tuple[int, int, int, int] = (0, 10, 0, 0)
    face_det_batch_size: int | None = None
    wav2lip_batch_size: int | None = None
    resize_factor: int = 1
    crop: tuple[int, int, int, int] = FULL_FRAME
    box: tuple[int, int, int, int] = NO_BOX
    rotate: bool = False
    smooth: bool = True
    device: str = "auto"
    engine: EngineName = "torch"
    precision: Precision = "auto"
    detector: DetectorName = "auto"
    detector_weights: Path | None = None
    compat: bool = False
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    extend: Extend | None = None
    offline: bool = False
    clobber: bool = True
    resume: bool = True
    score: bool = False
    blend: Blend = "soft"
    mask: Mask | None = None
    color_match: bool = True
    grain: bool = False
    enhance: Path | None = None
    enhance_strength: float = 1.0
    parsing: Path | None = None
    silence: Silence | None = None
    vad: VoiceActivity = "energy"
    reference: Literal["same", "closed"] | Path | None = None
    pix_fmt: str | None = None
    hardware: Hardware = "auto"
    person: str | None = None
    at: At | None = None
    ranges: tuple[Span, ...] = ()
    audio_start: Fraction = Fraction(0)
    keep_audio: bool | None = None
    voices: tuple[Voice, ...] = ()
    mix: Path | None = None
    edits: Path | None = None
    track: Path | None = None
    tilt: bool = True
    max_yaw: float = MAX_YAW
    visible_label: str | None = None
    sidecar: bool = True
    c2pa_cert: Path | None = None
    c2pa_key: Path | None = None
    c2pa_ta: str | None = None
    shorter_side: int | None = None
    strict: bool = False
    tail: bool = True

    def __post_init__(self) -> None:
        take_paths(self, *_FILES)
        for name in ("face_det_batch_size", "wav2lip_batch_size", "resize_factor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}; it must be 1 or more.")
        if not 0 < self.fps <= 1000:
            raise UsageError(f"fps is {float(self.fps):g}; it must be above 0 and at most 1000.")
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in get_args(known):
                raise UsageError(f"{name} is {value!r}; choose {', '.join(get_args(known))}.")
        if isinstance(self.reference, str) and self.reference not in ("same", "closed"):
            object.__setattr__(self, "reference", Path(self.reference))
        if not 0 <= self.enhance_strength <= 1:
            raise UsageError(f"enhance_strength is {self.enhance_strength:g}; it must be from 0 to 1.")
        if self.mask == "parsing" and self.parsing is None:
            raise UsageError("The mask parsing needs a face-parsing network; name its weights with --parsing.")
        if self.mask not in (None, "parsing") and self.parsing is not None:
            raise UsageError(f"The mask {self.mask} has no use for a face-parsing network; leave out one of the two.")
        if self.enhance_strength != 1 and self.enhance is None:
            raise UsageError("There is nothing to enhance with; name a network's weights with --enhance.")
        self._check_cast()
        self._check_provenance()
        if self.compat:
            changed = [name for name in _OURS if getattr(self, name) != getattr(type(self), name)]
            if changed:
                raise UsageError(f"--compat reproduces the original's picture; leave out {option_of(changed[0])}.")

    def _check_cast(self) -> None:
        """Refuse contradictions about whom and when."""
        for one, others in _EITHER.items():
            if getattr(self, one) in (None, (), NO_BOX):
                continue
            for other in others:
                if getattr(self, other) not in (None, (), NO_BOX):
                    raise UsageError(f"{option_of(one)} and {option_of(other)} contradict each other; leave out one.")
        if self.person is not None:
            object.__setattr__(self, "person", parse_person(self.person))
        people = [voice.person for voice in self.voices]
        twice = next((person for person in people if people.count(person) > 1), None)
        if twice:
            raise UsageError(f"There are two voices for {twice} at a time; --edl can give them one after the other.")
        if self.audio_start < 0:
            raise UsageError("audio_start is below 0; a recording cannot begin before the video.")
        if self.mix and self.keep_audio:
            raise UsageError("--mix is all that is heard; leave out --keep-audio.")
        if not 0 <= self.max_yaw <= 90:
            raise UsageError(f"max_yaw is {self.max_yaw:g}; it must be from 0 to 90 degrees.")

    def _check_provenance(self) -> None:
        """Refuse a label that is none, and half of what a signature needs."""
        if self.visible_label is not None:
            check_label(self.visible_label)
        if (self.c2pa_cert is None) != (self.c2pa_key is None):
            missing = "c2pa_key" if self.c2pa_key is None else "c2pa_cert"
            raise UsageError(f"A signature needs a certificate and its key; name the other with {option_of(missing)}.")
        if self.c2pa_ta is not None and self.c2pa_cert is None:
            raise UsageError("--c2pa-ta stamps a signature, and there is none; add --c2pa-cert and --c2pa-key.")

    @property
    def who(self) -> Who:
        """Who says the recording, where there is one."""
        return self.at or self.person

    @property
    def one_recording(self) -> bool:
        """Whether there is one recording that is said from its beginning to its end."""
        return not (self.whole or self.voices)

    def recording(self, audio: Path | None) -> Path:
        """Return the file after which a result is named: the recording, or what names or is in its place."""
        return audio or self.edits or (self.voices[0].path if self.voices else Path("silence"))

    @property
    def whole(self) -> bool:
        """Whether the result lasts as long as the video, and not as long as what is said."""
        return bool(self.ranges or self.edits or self.audio_start or self.keep_audio)

    @property
    def keeps_sound(self) -> bool:
        """Whether the video's own sound is heard where nobody is synced."""
        return self.whole and self.keep_audio is not False and self.mix is None

    @property
    def needs_detector(self) -> bool:
        """Whether faces are looked for, be it in a picture that is copied."""
        return not self.has_box and (self.track is None or isinstance(self.reference, Path))

    @property
    def detector_asked(self) -> DetectorName:
        """Which detector is asked for; the original has S3FD only."""
        return "s3fd" if self.compat and self.detector == "auto" else self.detector

    @property
    def has_box(self) -> bool:
        """Whether a fixed face box is given; the original looks at the first number only."""
        return self.box[0] != -1

    def gpu(self, device: str) -> int | None:
        """Return the number of the GPU that may decode and encode when the networks run on a device, None for none."""
        kind, _, number = device.partition(":")
        return int(number or 0) if kind == "cuda" and self.hardware == "auto" and not self.compat else None

    @property
    def files(self) -> list[Path]:
        """The files that are read beside face and audio."""
        reference = self.reference if isinstance(self.reference, Path) else None
        voices = [voice.path for voice in self.voices]
        weights = (self.checkpoint, self.detector_weights, self.enhance, self.parsing)
        named = (*weights, reference, self.mix, self.edits, self.track, self.c2pa_cert, self.c2pa_key, *voices)
        return [Path(path) for path in named if path is not None]

    @property
    def in_silence(self) -> Silence:
        """What the mouth does while nobody speaks."""
        return self.silence or ("model" if self.compat else "closed")

    @property
    def extension(self) -> Extend:
        """How a video that is too short is extended."""
        return self.extend or ("loop" if self.compat else "bounce")


_CHOICES = {
    "extend": Extend, "detector": DetectorName, "blend": Blend, "mask": Mask, "silence": Silence, "vad": VoiceActivity,
    "hardware": Hardware, "engine": EngineName, "precision": Precision,
}
_FILES = (*WEIGHTS, "mix", "edits", "track", "c2pa_cert", "c2pa_key")
_OURS = (
    "blend", "mask", "color_match", "grain", "enhance", "parsing", "silence", "vad", "reference", "engine",
    "precision", "person", "at", "ranges", "audio_start", "keep_audio", "voices", "mix", "edits", "track", "tilt",
    "max_yaw", "visible_label",
)
_EITHER = {
    "box": ("person", "at", "voices", "edits", "track"),
    "person": ("at", "voices", "edits"),
    "at": ("voices", "edits"),
    "ranges": ("edits",),
    "voices": ("edits",),
}
_SPELT = {
    "color_match": "--no-color-match", "ranges": "--range", "voices": "--voice", "edits": "--edl", "tilt": "--no-tilt",
}


def option_of(name: str) -> str:
    """Return how the command line spells the option of an attribute that is not as it is by default."""
    return _SPELT.get(name, "--" + name.replace("_", "-"))
