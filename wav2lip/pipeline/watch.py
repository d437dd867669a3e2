"""Who looks at a run's stages; by default nobody does."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from wav2lip.compose.patch import AnyCompositor
from wav2lip.media.write import VideoWriter
from wav2lip.pipeline.networks import Networks
from wav2lip.pipeline.source import Source
from wav2lip.pipeline.speech import Speech


class Watch:
    """Is shown the parts of a run and may put others in their place that do the same. This one leaves them alone."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Enter a stage of the run."""
        return nullcontext()

    def source(self, source: Source) -> Source:
        return source

    def speech(self, speech: Speech) -> Speech:
        return speech

    def networks(self, networks: Networks) -> Networks:
        return networks

    def compositor(self, compositor: AnyCompositor) -> AnyCompositor:
        return compositor

    def writer(self, writer: VideoWriter) -> VideoWriter:
        return writer
