"""What all visitors share: the command line's words, the networks, and whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from wav2lip.batch.work import Worker
from wav2lip.progress import Progress
from wav2lip.ui.making import FACE, SOUND, Tongue, Wish, wish
from wav2lip.ui.options import Field
from wav2lip.ui.running import Running, Stage
from wav2lip.ui.session import Session, Sessions

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Desk:
    """What all visitors share.

    Attributes:
        tongue: the command line.
        given: what whoever runs the page says of all options.
        common: the options that are seen at once.
        more: the others.
        sessions: who is there.
        worker: does the jobs, and keeps the networks.
        say: takes what whoever runs the page should know.
        turn: is held by whoever's job runs.
    """

    tongue: Tongue
    given: Mapping[str, Any]
    common: Sequence[Field]
    more: Sequence[Field]
    sessions: Sessions
    say: Callable[[str], None]
    worker: Worker = field(default_factory=Worker)
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def fields(self) -> list[Field]:
        """All options that are shown, in the order of the page."""
        return [*self.common, *self.more]

    def wish(self, session: Session, said: Sequence[Any], *, silent: bool = False) -> Wish:
        """Return what a visitor wants.

        Args:
            session: theirs.
            said: by the browser, of the face's file and webcam, the sound's file and microphone, and all options.
            silent: whether there need be no sound.

        Raises:
            UsageError: something is missing, or makes no sense.
            KeyboardInterrupt: the visitor does not want it any more.
        """
        if not session.asked:
            raise KeyboardInterrupt
        face, camera, sound, microphone, *options = said
        files = {FACE: face or camera, SOUND: sound or microphone}
        recorded = bool(camera and not face)
        return wish(
            self.tongue, self.given, self.fields, session, files, options, silent=silent, recorded=recorded
        )

    def watched(
        self, session: Session, work: Callable[[Progress], Answer], answers: list[Answer]
    ) -> Iterator[Stage]:
        """Do some work in its turn, and yield how far it is; what it returns is put into a list at the end.

        Raises:
            KeyboardInterrupt: the visitor does not want it any more.
        """
        if not session.asked:
            raise KeyboardInterrupt
        running = session.running = Running(work, self.turn)
        try:
            yield from running.watch()
            answers.append(running.answer())
        finally:
            running.stop()         # nobody may watch any more
            session.running = None
