"""Synthetic speech by espeak-ng: any number of voices and sentences, free of anybody's rights."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from dataclasses import dataclass

import numpy as np

from wav2lip.errors import UsageError, Wav2LipError
from wav2lip.speech.mel import SAMPLE_RATE

PROGRAM = "espeak-ng"
LANGUAGES = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029", "de", "fr-fr", "es", "it", "pt-br", "nl", "sv")
VARIANTS = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+f1", "+f2", "+f3", "+f4", "+f5")

_WHO = (
    "my sister", "the baker", "an old friend", "your teacher", "the whole village", "nobody", "a young painter",
    "the man upstairs", "every visitor", "our neighbour", "a famous doctor", "the children", "someone", "the pilot",
)
_DOES = (
    "always leaves", "would never open", "carefully measures", "forgot about", "is looking for", "bought", "moves",
    "has been washing", "wanted to show us", "could not believe", "paid for", "made up", "jumped over", "feeds",
)
_WHAT = (
    "the blue window", "a heavy box of apples", "five wooden boats", "this strange music", "the bottom of the page",
    "a cup of hot coffee", "two large maps", "the museum's back door", "warm summer evenings",
    "a very small problem", "the phone number", "their favourite film", "both of the empty houses", "a good reason",
    "the last bus home",
)
_WHEN = (
    "before breakfast", "on a Monday", "in the middle of the night", "without a word", "as soon as possible",
    "for more than a week", "every February", "while we were away", "if the weather is fine", "again and again",
)


@dataclass(frozen=True)
class Voice:
    """How espeak-ng speaks: a language with a variant, words a minute, and pitch in 0..99."""

    name: str
    speed: int
    pitch: int

    @classmethod
    def draw(cls, random: np.random.Generator) -> Voice:
        """Draw a voice."""
        return cls(
            str(random.choice(LANGUAGES)) + str(random.choice(VARIANTS)),
            int(random.integers(125, 195)),
            int(random.integers(15, 85)),
        )


def make_sentence(random: np.random.Generator) -> str:
    """Return a plain English sentence put together at random."""
    words = [str(random.choice(choices)) for choices in (_WHO, _DOES, _WHAT, _WHEN)]
    return " ".join(words).capitalize() + str(random.choice([".", ".", "?", "!"]))


def speak(text: str, voice: Voice) -> np.ndarray:
    """Return what espeak-ng says.

    Args:
        text: what to say.
        voice: how to say it; languages other than the text's give an accent.

    Returns:
        Mono float32 (samples,) at 16 kHz in [-1, 1].

    Raises:
        UsageError: espeak-ng is not installed.
        Wav2LipError: it failed.
    """
    import soxr

    program = shutil.which(PROGRAM)
    if program is None:
        raise UsageError(
            f"Drawn heads without a recording speak with {PROGRAM}, which is missing. "
            f"Install it (apt install {PROGRAM}), or give a recording."
        )
    command = [program, "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch), "--stdin", "--stdout"]
    run = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    if run.returncode or not run.stdout:
        raise Wav2LipError(f"{PROGRAM} -v {voice.name} failed: {run.stderr.decode(errors='replace').strip()[:200]}")
    with wave.open(io.BytesIO(run.stdout)) as sound:
        rate = sound.getframerate()
        # A stream's header states no true length, so everything behind it is read.
        samples = np.frombuffer(sound.readframes(len(run.stdout) // 2), np.int16)
    speech: np.ndarray = soxr.resample(samples.astype(np.float32) / 32768, rate, SAMPLE_RATE)
    return speech


def talk(random: np.random.Generator, seconds: float) -> np.ndarray:
    """Return a stretch of synthetic speech by one voice, with pauses of complete silence, at any loudness.

    Args:
        random: draws voice, sentences, pauses and loudness.
        seconds: how long.

    Returns:
        Mono float32 (samples,) at 16 kHz in [-1, 1].
    """
    voice = Voice.draw(random)
    length = round(seconds * SAMPLE_RATE)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < length:
        parts.append(np.zeros(round(random.uniform(0.1, 0.7) * SAMPLE_RATE), np.float32))
        parts.append(speak(make_sentence(random), voice))
    speech = np.concatenate(parts)[:length]
    loudness = 10 ** (random.uniform(-14, 2) / 20)
    return np.clip(speech * np.float32(loudness), -1, 1)
