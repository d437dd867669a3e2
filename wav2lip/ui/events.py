"""What happens when something on the page is pressed."""

from __future__ import annotations

import shlex
import traceback
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from wav2lip.errors import Wav2LipError
from wav2lip.progress import Progress
from wav2lip.ui import markup
from wav2lip.ui.desk import Desk
from wav2lip.ui.making import FACE, SOUND, Made, look, make
from wav2lip.ui.options import DEFAULT
from wav2lip.ui.people import Shown, who_is_there
from wav2lip.ui.playable import playable
from wav2lip.ui.session import Session

Seen = tuple[str, Any, Any]                    # words, the pair of videos, the command line
Update = dict[str, Any]
BUSY = "Your files are at work: wait until it is done, or press Stop first."


class Events:
    """What the page does with a visitor's session.

    Args:
        desk: what all visitors share.
    """

    def __init__(self, desk: Desk):
        self.desk = desk

    def face_came(self, request: gr.Request, upload: Any) -> tuple[Any, Any, Update, Update]:
        """Look at a face that has just come: return words, a view of it, and what becomes of the parts that take it."""
        return self._came(FACE, request, upload)

    def sound_came(self, request: gr.Request, upload: Any) -> tuple[Any, Any, Update, Update]:
        """Do the same with a sound."""
        return self._came(SOUND, request, upload)

    def face_gone(self, request: gr.Request) -> str:
        """Forget the face, and return an empty view."""
        return self._gone(FACE, request)

    def sound_gone(self, request: gr.Request) -> str:
        """Forget the sound, and return an empty view."""
        return self._gone(SOUND, request)

    def _came(self, role: str, request: gr.Request, upload: Any) -> tuple[Any, Any, Update, Update]:
        session, empty, same = self._session(request), gr.update(value=None), gr.skip()
        if not upload:                       # the other part was emptied, since this one's file counts
            return same, same, same, same
        if session.busy:                     # the words' own place is overwritten by how far it is
            gr.Warning(BUSY)
            return same, same, empty, same
        try:
            path = session.adopt(role, upload)
            look(role, path)
            shown = path if role == SOUND else playable(path, session.folder / "seen", still=True)
        except Exception as error:
            session.drop(role)
            return self._refusal(session, error), "", empty, same
        return "", markup.view(shown), same, empty

    def _gone(self, role: str, request: gr.Request) -> str:
        session = self._session(request)
        if not session.busy:                 # else it goes when another one comes, or with the visitor
            session.drop(role)
        return ""

    def asked(self, request: gr.Request) -> tuple[str | Update, ...]:
        """Note that a visitor wants something done: return words, and parts that cannot be used until it is.

        The parts are the two buttons, and where the face's and the sound's files are dropped.
        """
        self._session(request).asked = True
        return markup.words("Waiting for its turn ..."), *[gr.update(interactive=False)] * 4

    def ready(self, request: gr.Request) -> tuple[Update, ...]:
        """Return parts that can be used again."""
        self._session(request).asked = False
        return (gr.update(interactive=True),) * 4

    def crowded(self, request: gr.Request) -> tuple[str | Update, ...]:
        """Return why it did not come to a visitor's turn, and parts that can be used again."""
        return markup.refusal("Too many are waiting already; try again in a while."), *self.ready(request)

    def sync(self, request: gr.Request, *said: Any) -> Iterator[Seen]:
        """Make what is asked for, and yield words, the pair of videos, and the command line."""
        session = self._session(request)
        nothing = gr.skip()
        try:
            wanted = self.desk.wish(session, said)
            results: list[Made] = []
            work = partial(make, self.desk.worker, wanted, session)
            for now in self.desk.watched(session, work, results):
                yield markup.stage(now, session.told), nothing, nothing
            made = results[0]
            session.showing = True
            yield markup.words("It is made; a copy for the browser may take a while ..."), nothing, nothing
            shown = _shown(wanted.face, session.folder / "shown" / "face")
            played = _shown(made.output, session.folder / "shown" / "result")
            pair = markup.pair(wanted.face, shown, made.output, played, made.beside)
            yield markup.done(made.in_words), pair, gr.update(value=shlex.join(wanted.words), visible=True)
        except KeyboardInterrupt as interrupt:
            why = session.told(str(interrupt)) if interrupt.args else "nothing was made"
            yield markup.words(f"Stopped; {why}."), nothing, nothing
        except Exception as error:
            yield self._refusal(session, error), nothing, nothing
        finally:
            session.showing = False

    def people(self, request: gr.Request, *said: Any) -> Iterator[tuple[str, Any]]:
        """Look for the people in the video, and yield words and the gallery."""
        session = self._session(request)
        try:
            wanted = self.desk.wish(session, said, silent=True)
            found: list[list[Shown]] = []

            def work(progress: Progress) -> list[Shown]:
                return who_is_there(wanted.face, wanted.options, session.folder / "people", progress)

            for now in self.desk.watched(session, work, found):
                yield markup.stage(now, session.told), gr.skip()
            session.labels = [shown.label for shown in found[0]]
            pictures = [(str(shown.picture), shown.caption) for shown in found[0]]
            yield "", gr.update(value=pictures, visible=True)
        except KeyboardInterrupt:
            yield markup.words("Stopped."), gr.skip()
        except Exception as error:
            yield self._refusal(session, error), gr.update(value=None, visible=False)

    def strangers(self, request: gr.Request) -> tuple[Update, Update]:
        """Forget the people of a video that is not there any more: return the gallery, and who is to be synced."""
        session = self._session(request)
        if session.busy or not session.labels:    # what came while it is busy was refused
            return gr.skip(), gr.skip()
        session.labels = []
        return gr.update(value=None, visible=False), gr.update(value=self.desk.given["person"] or DEFAULT)

    def chosen(self, request: gr.Request, event: gr.SelectData) -> str:
        """Return who was clicked on."""
        return self._session(request).labels[event.index]

    def stop(self, request: gr.Request) -> tuple[str, Update, Update]:
        """Stop what is running: return words, and where files are dropped, which can be used if nothing ran yet."""
        session, same = self._session(request), gr.skip()
        if session.showing:
            return markup.words("It is made already, and will be shown."), same, same
        was, session.asked = session.asked, False
        if session.running is not None:
            session.running.stop()
            return markup.words("Stopping ..."), same, same
        said = "It will not be done." if was else "Nothing is running."
        return markup.words(said), gr.update(interactive=True), gr.update(interactive=True)

    def left(self, request: gr.Request) -> None:
        """Remove what a visitor had who has closed the page."""
        self.desk.sessions.end(str(request.session_hash))

    def _refusal(self, session: Session, error: Exception) -> str:
        """Return an error as the command line would tell it, with the names that the visitor's files have for them."""
        if isinstance(error, Wav2LipError):
            return markup.refusal(session.told(str(error)))
        if isinstance(error, MemoryError):
            return markup.refusal("This machine has too little memory; make the pictures smaller with --resize-factor.")
        self.desk.say("".join(traceback.format_exception(error)).rstrip())
        return markup.refusal(session.told(f"{type(error).__name__}: {error} (this should not happen)"))

    def _session(self, request: gr.Request) -> Session:
        return self.desk.sessions.of(str(request.session_hash))


def _shown(path: Path, folder: Path) -> Path:
    """Return what browsers can show of a file: it or a copy, else a still; itself where neither can be made."""
    for still in (False, True):
        with suppress(Wav2LipError):
            return playable(path, folder, still=still)
    return path                              # it can be downloaded all the same
