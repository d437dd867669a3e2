"""Make the example of the README: `face.mp4`, a drawn head that talks, and `speech.wav`, what it shall say instead.

Nothing in them belongs to anybody: the head is drawn by `wav2lip.training.heads`, the voices are espeak-ng's.
Run `python examples/make_example.py` from the project's root; needs espeak-ng and ffmpeg.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from fractions import Fraction
from pathlib import Path

import numpy as np

from wav2lip.media import ffmpeg
from wav2lip.speech.mel import SAMPLE_RATE
from wav2lip.training.articulation import speech_to_articulation
from wav2lip.training.heads import draw_talking
from wav2lip.training.voices import Voice, speak

HERE = Path(__file__).parent
IDENTITY = 317              # none of those that the shipped weights were trained on
FPS = Fraction(25)
SIZE = 480                  # pixels
PAUSE = 0.35                # seconds

FACE_VOICE = Voice("en-us+f2", speed=150, pitch=48)
FACE_SAYS = (
    "Good morning. This is the sound that I was drawn with.",
    "Give me another recording, in any language, and I will say that instead.",
)
SPEECH_VOICE = Voice("en-gb+f3", speed=160, pitch=55)
SPEECH_SAYS = (
    "Hello, and welcome!",
    "These words were put into my mouth a moment ago.",
    "Now try it with your own video.",
)


def say(sentences: tuple[str, ...], voice: Voice) -> np.ndarray:
    """Return sentences with pauses around them, float32 (samples,) at 16 kHz."""
    pause = np.zeros(round(PAUSE * SAMPLE_RATE), np.float32)
    parts = [pause]
    for sentence in sentences:
        parts += [_trim(speak(sentence, voice)), pause]
    samples = np.concatenate(parts)
    return samples * np.float32(0.7 / np.abs(samples).max())


def _trim(samples: np.ndarray) -> np.ndarray:
    """Return speech without the silence that espeak-ng puts around it."""
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    return samples[loud[0] : loud[-1] + 1]


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Write 16-bit mono sound at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def write_video(path: Path, samples: np.ndarray) -> None:
    """Draw the head saying the samples, and encode it with them."""
    articulation = speech_to_articulation(samples, float(FPS))
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "sound.wav"
        write_wav(sound, samples)
        command = [
            ffmpeg.binary(), "-loglevel", "error", "-y",
            "-f", "rawvideo", "-pixel_format", "bgr24", "-video_size", f"{SIZE}x{SIZE}", "-framerate", str(FPS),
            "-i", "-",
            "-i", ffmpeg.url(sound),
            "-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
            "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv",
            "-c:v", "libx264", "-preset", "slow", "-crf", "20", "-c:a", "aac", "-b:a", "64k",
            "-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
            ffmpeg.url(path),
        ]
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE)
        assert encoder.stdin is not None
        for frame in draw_talking(IDENTITY, articulation, float(FPS), SIZE):
            encoder.stdin.write(frame.tobytes())
        encoder.stdin.close()
        if encoder.wait():
            raise SystemExit(f"ffmpeg could not make {path}")


if __name__ == "__main__":
    write_wav(HERE / "speech.wav", say(SPEECH_SAYS, SPEECH_VOICE))
    write_video(HERE / "face.mp4", say(FACE_SAYS, FACE_VOICE))
