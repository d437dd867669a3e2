"""How a face is held, told from its landmarks: leaning to a side, and turned aside."""

from __future__ import annotations

import numpy as np

UPRIGHT = np.radians(6.0)       # a face that leans less is taken as it is: it is what the generator knows
MOST = np.radians(60.0)         # a face is turned back by no more
NOSE = 0.4                      # of the distance of the eyes: how far the nose's tip stands out before eyes and mouth
CALM = 0.2                      # seconds (sigma): over which a lean that pixels tell is averaged
FEWEST = 3                      # of a sight's looks that have to tell how far it leans
FADE = 15.0                     # degrees over which a face that turns aside comes back as it was


def tilt(landmarks: np.ndarray) -> np.ndarray:
    """Return how far faces lean, in radians (n,), clockwise in the picture; NaN where that is not known.

    Args:
        landmarks: (n, 5, 2): x, y of right eye, left eye, nose tip, right and left corner of the mouth, in pixels.
    """
    # Both lines count, each by its length.
    along = (landmarks[:, 1] - landmarks[:, 0]) + (landmarks[:, 4] - landmarks[:, 3])
    return np.asarray(np.arctan2(along[:, 1], along[:, 0]))


def steady(leans: np.ndarray, fps: float) -> np.ndarray:
    """Return how far a face leans in consecutive frames, from what was told of some of them, without its trembling.

    Args:
        leans: radians (n,), NaN where nothing was told.
        fps: frames a second.

    Returns:
        (n,): all NaN where less than a few frames tell.
    """
    told = np.flatnonzero(~np.isnan(leans))
    if len(told) < min(FEWEST, len(leans)):
        return np.full(len(leans), np.nan)
    # A single wild one between two others is out-voted.
    known = leans[told]
    middle = np.median(np.stack([known, np.roll(known, 1), np.roll(known, -1)]), axis=0)
    middle[[0, -1]] = known[[0, -1]]
    line = np.interp(np.arange(len(leans)), told, middle)
    reach = max(1, round(3 * CALM * fps))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (CALM * fps)) ** 2)
    return np.asarray(np.convolve(np.pad(line, reach, mode="edge"), weights / weights.sum(), mode="valid"))


def straightened(tilts: np.ndarray) -> np.ndarray:
    """Return by how much faces are turned when they are cut out, in radians (n,): 0 for those that hardly lean.

    Beyond that it grows steadily with the lean, and reaches it at twice the angle up to which nothing is turned.

    Args:
        tilts: as `tilt` gives them; NaN is taken for upright.
    """
    leans = np.abs(np.nan_to_num(tilts))
    turned = np.clip(2 * (leans - UPRIGHT), 0, leans)
    return np.asarray(np.sign(np.nan_to_num(tilts)) * np.minimum(turned, MOST))


def yaw(landmarks: np.ndarray) -> np.ndarray:
    """Return how far faces are turned aside, in degrees (n,), roughly: 0 to the camera, 90 in profile.

    Positive is to the right in the picture. The nose's tip stands out before the eyes, and moves as they come together.

    Args:
        landmarks: as for `tilt`.
    """
    eyes, leans = (landmarks[:, 0] + landmarks[:, 1]) / 2, tilt(landmarks)
    mouth = (landmarks[:, 3] + landmarks[:, 4]) / 2
    across = np.stack([np.cos(leans), np.sin(leans)], axis=1)
    apart = ((landmarks[:, 1] - landmarks[:, 0]) * across).sum(axis=1)
    # The face's middle goes from between the eyes to the middle of the mouth; the nose is half way down.
    aside = ((landmarks[:, 2] - (eyes + mouth) / 2) * across).sum(axis=1)
    return np.asarray(np.degrees(np.arctan2(aside, NOSE * np.maximum(apart, 0))))


def facing(yaws: np.ndarray, most: float) -> np.ndarray:
    """Return how much of generated faces is shown, (n,) from 0 to 1: less where they turn aside, nothing beyond `most`.

    Args:
        yaws: as `yaw` gives them; where it is not known all is shown.
        most: degrees.
    """
    left = np.clip((most - np.abs(np.nan_to_num(yaws))) / FADE, 0, 1)
    return np.asarray(np.where(np.isnan(yaws), 1.0, left * left * (3 - 2 * left)))
