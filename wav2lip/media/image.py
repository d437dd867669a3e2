"""Still images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wav2lip.media.clip import Frame


def read_image(path: Path) -> Frame | None:
    """Return a still image, uint8 (height, width, 3) BGR, upright as its EXIF tag says, without its transparency.

    None if OpenCV cannot decode it. The file is read here, not by OpenCV, which on Windows knows no Unicode names.
    """
    import cv2

    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)   # damage is reported by the caller
    try:
        return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    except (cv2.error, OSError):
        return None
    finally:
        cv2.utils.logging.setLogLevel(level)
