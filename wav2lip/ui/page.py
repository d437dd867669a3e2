"""The page: what is on it, and what listens to what."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from wav2lip.ui.desk import Desk
from wav2lip.ui.events import Events
from wav2lip.ui.options import component

PERSON = "person"
WEBCAM = gr.WebcamOptions(mirror=False)
_SENT: dict[str, Any] = {"preprocess": False, "api_visibility": "private"}    # so that files keep their names
_IN_TURN = _SENT | {"concurrency_limit": 1, "concurrency_id": "device"}
_AT_ONCE = _SENT | {"queue": False, "show_progress": "hidden"}


def build(desk: Desk) -> gr.Blocks:
    """Return the page for a desk."""
    events = Events(desk)
    with gr.Blocks(title="wav2lip", analytics_enabled=False) as page:
        gr.Markdown("# wav2lip\nMake the face in a video or picture say a recording.")
        with gr.Tabs():
            with gr.Tab("Video"):
                video = gr.Video(
                    label="Face", sources=["upload", "webcam"], include_audio=True, height=280, elem_id="video",
                    webcam_options=WEBCAM,
                )
            with gr.Tab("Picture"):
                picture = gr.Image(
                    label="Face", sources=["upload", "webcam"], type="filepath", height=280, elem_id="picture",
                    webcam_options=WEBCAM,
                )
        sound = gr.Audio(label="Sound", sources=["upload", "microphone"], type="filepath", elem_id="sound")
        find = gr.Button("Who is in it?", elem_id="find", size="sm")
        people = gr.Gallery(
            label="Click on who is to speak", visible=False, allow_preview=False, columns=2, object_fit="contain",
            height="auto", interactive=False, elem_id="people", buttons=[],
        )
        parts: dict[str, Component] = {}
        with gr.Row(elem_classes="options"):
            parts |= {field.name: component(field, desk.tongue.text_of) for field in desk.common}
        with gr.Accordion("More", open=False, elem_id="more"), gr.Row(elem_classes="options"):
            parts |= {field.name: component(field, desk.tongue.text_of) for field in desk.more}
        with gr.Row():
            start = gr.Button("Sync", variant="primary", elem_id="sync", scale=3)
            stop = gr.Button("Stop", elem_id="stop", scale=1)
        status = gr.HTML(elem_id="status")
        result = gr.HTML(elem_id="result")
        line = gr.Textbox(
            label="The same on the command line, in the folder with your files", visible=False, interactive=False,
            lines=2, max_lines=8, buttons=["copy"], elem_id="line",
        )

        inputs = [video, picture, sound, *parts.values()]
        for part, look in ((video, events.face_came), (picture, events.face_came), (sound, events.sound_came)):
            came = [getattr(part, name) for name in ("upload", "stop_recording", "clear") if hasattr(part, name)]
            gr.on(came, look, [part], [status, part], **_AT_ONCE)
        video.upload(lambda: None, None, [picture], **_AT_ONCE)
        picture.upload(lambda: None, None, [video], **_AT_ONCE)
        start.click(events.sync, inputs, [status, result, line], show_progress_on=[status], **_IN_TURN)
        find.click(events.people, inputs, [status, people], show_progress_on=[status], **_IN_TURN)
        people.select(events.chosen, None, [parts[PERSON]], **_AT_ONCE)
        stop.click(events.stop, None, [status], **_AT_ONCE)
        page.unload(events.left)
    return page
