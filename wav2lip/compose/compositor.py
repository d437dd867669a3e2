"""From frames to the faces that the generator sees, and from the faces that it gives back to frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, tee

import cv2
import numpy as np

from wav2lip.compose.blend import blend
from wav2lip.compose.choices import Blend, Mask
from wav2lip.compose.enhance import enhance_faces
from wav2lip.compose.mask import SIZE, border, box_mask, landmark_mask, mask_top
from wav2lip.compose.parsing import FaceParser, calm_masks, speaking_mask
from wav2lip.compose.patch import Cut, Patch, Tell
from wav2lip.compose.place import Place, sample_face
from wav2lip.compose.tone import GRID, match_colour
from wav2lip.media.palette import Palette
from wav2lip.media.picture import Picture
from wav2lip.models.bisenet import PICTURE_SIZE
from wav2lip.models.enhancer import Enhancer
from wav2lip.models.generator import FACE_SIZE, LOWER

COLOURLESS = 4.0         # levels of 255: how far the channels of a grey picture may be apart, for its coding's sake
LUMA = np.array([[0.114], [0.587], [0.299]], np.float32)    # BT.601's shares of blue, green and red
SHARP = 80               # pixels: a face that is less high is averaged down, and its rows see more of their neighbours
SEEN_ABOVE = 3           # rows that are read, for the sake of smoothness, above those that a mask shows
TOGETHER = 8             # faces that are enhanced at a time


@dataclass(frozen=True)
class Finish:
    """How generated faces are finished and put into their frames.

    Attributes:
        blend: through a soft mask, with a hard edge, or by seamless cloning.
        mask: what of the face is shown; None for what the parser says where there is one, else the lower face.
        match: give the face the colours around it; a hard edge is never matched.
        grain: give it as much grain as its source has.
        strength: how much of the enhancer's work is used, 0 to 1.
    """

    blend: Blend = "soft"
    mask: Mask | None = None
    match: bool = True
    grain: bool = False
    strength: float = 1.0

    def shape(self, patch: Patch, size: int = SIZE) -> np.ndarray:
        """Return what may be shown of a face by its place and its landmarks, float32 (size, size)."""
        if self.mask == "box":
            return box_mask(size, self.blend == "hard")
        return landmark_mask(patch.landmarks, patch.place.aspect, size)

    def lower(self, place: Place, landmarks: np.ndarray | None) -> bool:
        """Return whether only the rows of a face from `LOWER` on are looked at, colours and edges included.

        To judge the grain, a row or two above are, too: there the source will do.
        """
        if self.mask == "box" or self.blend == "poisson" or place.y2 - place.y1 < SHARP:
            return False
        return mask_top(landmarks, place.aspect) * FACE_SIZE >= LOWER + SEEN_ABOVE


class Compositor:
    """Cuts faces out of pictures and puts generated ones back.

    Args:
        palette: what the pictures' numbers mean.
        finish: how it is done.
        enhancer: makes generated faces larger and sharper.
        parser: says which part of a face is what.
    """

    on_device = False
    tell: Tell | None = None

    def __init__(
        self, palette: Palette, finish: Finish = Finish(), enhancer: Enhancer | None = None,
        parser: FaceParser | None = None,
    ):
        self._palette = palette
        self._finish = finish
        self._enhancer = enhancer
        self._parser = parser if finish.mask in (None, "parsing") else None
        self._level = 2.0 ** (palette.pixels.depth - 8)

    def cut_out(self, pictures: Sequence[Picture], places: Sequence[Place]) -> list[Cut]:
        """Return the face in every picture, float32 (96, 96, 3) as it is stored, and as the generator sees it."""
        sources = (sample_face(picture, place, FACE_SIZE) for picture, place in zip(pictures, places, strict=True))
        return [Cut(source, self._shown(source)) for source in sources]

    def lower(self, place: Place, landmarks: np.ndarray | None) -> bool:
        """Return whether only the rows of a generated face from `LOWER` on are looked at."""
        return self._enhancer is None and self._parser is None and self._finish.lower(place, landmarks)

    def put_back(self, patches: Iterable[Patch]) -> Iterator[Picture]:
        """Yield the frames of patches that follow each other with the faces in them, in order."""
        for patch, face, mask, edge in self._masked(self._enhanced(iter(patches))):
            if self.tell is not None:
                self.tell(patch, mask)
            values = self._palette.from_bgr(self._as_colourful(face, patch.source))
            if self._finish.match and self._finish.blend == "soft":
                values = match_colour(values, patch.source, edge, self._level)
            yield blend(
                patch.picture, patch.place, values, mask, self._finish.blend, opacity=patch.opacity,
                grain=patch.number if self._finish.grain else None,
            )

    def _enhanced(self, patches: Iterator[Patch]) -> Iterator[tuple[Patch, np.ndarray]]:
        """Yield every patch with its face, enhanced where there is an enhancer."""
        if self._enhancer is None:
            yield from ((patch, patch.face) for patch in patches)
            return
        while group := list(islice(patches, TOGETHER)):
            faces = enhance_faces(np.stack([patch.face for patch in group]), self._enhancer, self._finish.strength)
            yield from zip(group, faces, strict=True)

    def _masked(
        self, faces: Iterator[tuple[Patch, np.ndarray]]
    ) -> Iterator[tuple[Patch, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield patch and face with how much of the face is shown, and the border of that."""
        if self._parser is None:
            for patch, face in faces:
                mask = self._finish.shape(patch)
                yield patch, face, mask, border(mask)
            return
        faces, parsed = tee(faces)               # masks are smoothed in time: they look a few frames ahead
        masks = calm_masks((self._parse(patch, face, self._parser), patch.shot) for patch, face in parsed)
        for (patch, face), mask in zip(faces, masks, strict=True):
            shown = mask * self._finish.shape(patch, mask.shape[0])
            yield patch, face, shown, border(shown)

    def _parse(self, patch: Patch, face: np.ndarray, parser: FaceParser) -> np.ndarray:
        source = self._shown(sample_face(patch.picture, patch.place, PICTURE_SIZE))
        large = cv2.resize(face, (PICTURE_SIZE, PICTURE_SIZE), interpolation=cv2.INTER_LINEAR)
        return speaking_mask(*parser.parse(np.stack([source.astype(np.float32), large])))

    def _as_colourful(self, face: np.ndarray, source: np.ndarray) -> np.ndarray:
        """Return the face, in grey where its source is: networks know no black-and-white film."""
        few = cv2.resize(source, (GRID, GRID), interpolation=cv2.INTER_AREA)
        if float(np.ptp(self._palette.to_bgr(few), axis=2).max()) > COLOURLESS:
            return face
        return np.repeat(face @ LUMA, 3, axis=2)

    def _shown(self, face: np.ndarray) -> np.ndarray:
        return np.rint(self._palette.to_bgr(face)).astype(np.uint8)
