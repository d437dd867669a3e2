"""What is seen of people's mouths through a clip, and how well each fits the sound: a few numbers a frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np

from wav2lip.evaluation.judges import ExpertJudge
from wav2lip.evaluation.offsets import BATCH
from wav2lip.evaluation.runs import Heard
from wav2lip.evaluation.tables import REACH, SHIFTS, around
from wav2lip.faces.track import FaceTrack
from wav2lip.media.clip import Clip
from wav2lip.media.prefetch import frames_waiting, prefetch
from wav2lip.media.read import nearest_frame, read_at_rate
from wav2lip.media.sound import samples_from_first_frame
from wav2lip.models.generator import MOUTH
from wav2lip.models.syncnet import FPS, WINDOW_FRAMES
from wav2lip.progress import Progress
from wav2lip.speech.activity import energy_activity
from wav2lip.speech.mel import COLUMNS_PER_SECOND, SCALE, mel_blocks

# Rows and columns of a face of 96 x 96.
GAP = (slice(66, 92), slice(36, 60))       # between the lips, and how far the lower one goes down: darker where open
STILL = (slice(16, 52), slice(16, 80))     # moves with the head, but does not speak
FACE = (slice(16, 90), slice(16, 80))      # how bright the face is
BLUR = 1.5                                 # pixels (sigma), against the grain and the trembling of boxes

VOICE = slice(3, 60)                       # mel bands: 0.2 to 3.5 kHz
HEARD_AROUND = 2                           # columns: a frame is as loud as the 62 ms around it
_ROOT = np.log(10) / 40 / SCALE            # so that exp(_ROOT * mel) goes with the square root of the amplitude


@dataclass(frozen=True)
class Mouths:
    """What is seen and heard of a clip, at 25 frames a second; NaN where a person is not seen.

    Attributes:
        fit: float16 (people, n, 31): cosine, as the expert embeds them, of the lips around each frame and the speech
            from -15 .. 15 frames later. All NaN without sound.
        motion: float32 (people, n): how much more the mouth changes than the upper face, in levels of 255.
        gap: float32 (people, n): how dark the middle of the mouth is, as a share of the face's brightness; negative.
        shot: int (n,), counted from 0.
        loud: float32 (n,): how loud it is, as the square root of the amplitude in any unit; None without sound.
        spoken: bool (n,): whether there is speech.
    """

    fit: np.ndarray
    motion: np.ndarray
    gap: np.ndarray
    shot: np.ndarray
    loud: np.ndarray | None
    spoken: np.ndarray

    def __len__(self) -> int:
        return len(self.shot)


def watch_mouths(clip: Clip, tracks: Sequence[FaceTrack], judge: ExpertJudge, progress: Progress) -> Mouths:
    """Look at people's mouths, and listen; about 80 bytes a person and frame stay, whatever the frames' size.

    Args:
        clip: its frames are read once, its sound three times.
        tracks: a person each, of all its frames, unpadded.
        judge: embeds lips and speech.
        progress: is told how far it is.

    Raises:
        MediaError: the clip cannot be read.
    """
    frames = _frames_at_25(clip, len(tracks[0]))
    watching = _Watching(tracks, frames, judge, clip)
    with (
        progress.stage("Looking who talks", len(frames)) as advance,
        closing(prefetch(read_at_rate(clip, FPS, len(frames)), frames_waiting(3 * clip.width * clip.height))) as read,
    ):
        for frame in read:
            watching.add(frame)
            advance(1)
    watching.finish()
    loud, spoken = _listen(clip, len(frames))
    return Mouths(watching.fit, watching.motion, watching.gap, tracks[0].shot[frames], loud, spoken)


def _frames_at_25(clip: Clip, frames: int) -> np.ndarray:
    """Return which of a clip's frames are those at 25 a second."""
    numbers: list[int] = []
    while (number := nearest_frame(len(numbers), FPS, clip.fps)) < frames:
        numbers.append(number)
    return np.array(numbers, int)


class _Watching:
    """Takes the frames at 25 a second; holds the faces of about 70 of them."""

    def __init__(self, tracks: Sequence[FaceTrack], frames: np.ndarray, judge: ExpertJudge, clip: Clip):
        people, n = len(tracks), len(frames)
        self.fit = np.full((people, n, SHIFTS), np.nan, np.float16)
        self.motion = np.full((people, n), np.nan, np.float32)
        self.gap = np.full((people, n), np.nan, np.float32)
        self._tracks, self._frames, self._judge = tracks, frames, judge
        self._heard = Heard(judge.speech(samples_from_first_frame(clip))) if clip.sound else None
        self._faces: list[dict[int, np.ndarray]] = [{} for _ in tracks]     # by frame, those of unfinished windows
        self._last: list[tuple[int, np.ndarray] | None] = [None] * people
        self._compared = self._next = 0

    def add(self, frame: np.ndarray) -> None:
        """Take the next frame."""
        at, number = self._next, self._frames[self._next]
        for person, track in enumerate(self._tracks):
            if track.box(number) is None:
                continue
            face = self._judge.cut(frame, track.boxes[number])
            calm = cv2.GaussianBlur(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), (0, 0), BLUR).astype(np.float32)
            self.gap[person, at] = -calm[GAP].mean() / max(1.0, float(np.median(calm[FACE])))
            last = self._last[person]
            if last is not None and last[0] == at - 1 and self._same_shot(at - 1, at):
                change = np.abs(calm - last[1])
                self.motion[person, at] = change[MOUTH].mean() - change[STILL].mean()
            self._last[person] = at, calm
            if self._heard:
                self._faces[person][at] = face
        self._next += 1
        if self._next - self._compared == BATCH + WINDOW_FRAMES - 1:
            self._compare(self._compared + BATCH)

    def finish(self) -> None:
        """Compare what is left; no frame may be added after that."""
        if self._next - self._compared >= WINDOW_FRAMES:
            self._compare(self._next - WINDOW_FRAMES + 1)

    def _compare(self, end: int) -> None:
        """Hold the windows that begin before frame `end` against the speech around them."""
        if self._heard:
            earliest, speech = self._heard.between(max(0, self._compared - REACH), end + REACH)
            for person, faces in enumerate(self._faces):
                for run in self._runs(faces):
                    lips = self._judge.lips(np.stack([faces[at] for at in run]))
                    if len(speech):
                        table = 1 - around(self._judge.distances(lips, speech), run[0] - earliest)
                        middle = run[0] + WINDOW_FRAMES // 2
                        self.fit[person, middle : middle + len(table)] = table
                for at in [at for at in faces if at < end]:
                    del faces[at]
        self._compared = end

    def _runs(self, faces: Iterable[int]) -> list[list[int]]:
        """Return the numbers of frames, ascending, as runs of consecutive ones that hold a window."""
        runs: list[list[int]] = []
        for at in faces:
            if runs and runs[-1][-1] == at - 1 and self._same_shot(at - 1, at):
                runs[-1].append(at)
            else:
                runs.append([at])
        return [run for run in runs if len(run) >= WINDOW_FRAMES]

    def _same_shot(self, before: int, after: int) -> bool:
        shot = self._tracks[0].shot
        return bool(shot[self._frames[before]] == shot[self._frames[after]])


def _listen(clip: Clip, frames: int) -> tuple[np.ndarray | None, np.ndarray]:
    """Return how loud it is in each frame, None without sound, and whether there is speech."""
    if clip.sound is None:
        return None, np.zeros(frames, bool)
    levels = [np.exp(_ROOT * block[VOICE].mean(axis=0)) for block in mel_blocks(samples_from_first_frame(clip))]
    level = np.concatenate(levels) if levels else np.zeros(0, np.float32)
    activity = energy_activity(samples_from_first_frame(clip))
    if not len(level):
        return np.zeros(frames, np.float32), np.zeros(frames, bool)
    columns = np.arange(frames) * int(COLUMNS_PER_SECOND) // int(FPS)
    around_each = columns[:, None] + np.arange(-HEARD_AROUND, HEARD_AROUND + 1)
    loud = np.append(level, level.min())[around_each.clip(0, len(level))].mean(axis=1)
    spoken = np.append(activity, False)[columns.clip(max=len(activity))]
    return loud.astype(np.float32), spoken
