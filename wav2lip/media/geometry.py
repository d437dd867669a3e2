"""Making frames smaller, turning and cropping them before anything else looks at them."""

from __future__ import annotations

from dataclasses import dataclass

from wav2lip.errors import UsageError
from wav2lip.media.clip import Frame


@dataclass(frozen=True)
class Geometry:
    """What is done to every frame, in this order: limit, resize, rotate, crop; the original program's options.

    Attributes:
        resize_factor: width and height are divided by it, rounded down.
        rotate: turn 90 degrees clockwise.
        crop: (top, bottom, left, right) in pixels of the resized and turned frame; -1 for bottom or right is its edge.
        shorter_side: frames whose shorter side has more pixels are first shrunk until it has so many; None for any.
    """

    resize_factor: int = 1
    rotate: bool = False
    crop: tuple[int, int, int, int] = (0, -1, 0, -1)
    shorter_side: int | None = None

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) of what `apply` makes of a frame of that size.

        Raises:
            UsageError: nothing would be left, or the crop reaches beyond the frame.
        """
        width, height = self._before_crop(*self._limited(width, height))
        top, bottom, left, right = self._edges(width, height)
        return right - left, bottom - top

    def cut(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """Return (top, bottom, left, right) of what is kept of such frames; None where they are scaled or turned.

        Raises:
            UsageError: as `size`.
        """
        self.size(width, height)
        if self.resize_factor != 1 or self.rotate or self._limited(width, height) != (width, height):
            return None
        return self._edges(width, height)

    def apply(self, frame: Frame) -> Frame:
        """Return the frame made smaller, turned and cropped; the frame itself when there is nothing to do.

        Args:
            frame: of any number type, (height, width) or (height, width, channels).

        Raises:
            UsageError: nothing would be left, or the crop reaches beyond the frame.
        """
        import cv2

        limited = self._limited(frame.shape[1], frame.shape[0])
        if limited != (frame.shape[1], frame.shape[0]):
            frame = cv2.resize(frame, limited)
        width, height = self._before_crop(*limited)
        top, bottom, left, right = self._edges(width, height)
        if self.resize_factor > 1:
            frame = cv2.resize(frame, (height, width) if self.rotate else (width, height))
        if self.rotate:
            frame = cv2.rotate(frame, cv2.ROTATE_90_CLOCKWISE)
        return frame[top:bottom, left:right]

    def _limited(self, width: int, height: int) -> tuple[int, int]:
        limit = self.shorter_side
        if limit is None or min(width, height) <= limit:
            return width, height
        if limit < 1:
            raise UsageError(f"The shorter side is limited to {limit} pixels; it must be 1 or more.")
        return width * limit // min(width, height), height * limit // min(width, height)

    def _before_crop(self, width: int, height: int) -> tuple[int, int]:
        factor = self.resize_factor
        if factor < 1:
            raise UsageError(f"The resize factor is {factor}; it must be 1 or more.")
        if width < factor or height < factor:
            raise UsageError(f"A resize factor of {factor} leaves nothing of a frame of {width}×{height} pixels.")
        width, height = width // factor, height // factor
        return (height, width) if self.rotate else (width, height)

    def _edges(self, width: int, height: int) -> tuple[int, int, int, int]:
        top, bottom, left, right = self.crop
        bottom = height if bottom == -1 else bottom
        right = width if right == -1 else right
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise UsageError(
                f"The crop (rows {top} to {bottom}, columns {left} to {right}) is empty or reaches beyond the frame, "
                f"which is {width}×{height} pixels at that point. The order is top bottom left right."
            )
        return top, bottom, left, right


def fitting(size: tuple[int, int], long_side: int | None) -> tuple[int, int]:
    """Return the width and height of a size whose longer side has at most so many pixels; None for any."""
    scale = 1.0 if long_side is None else min(1.0, long_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def shrink(frame: Frame, size: tuple[int, int]) -> Frame:
    """Return a frame scaled down to a width and height in pixels, every one the mean of those it was; or the frame."""
    import cv2

    return frame if frame.shape[1::-1] == size else cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
