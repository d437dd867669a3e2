"""The page: what is on it, and what listens to what."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from wav2lip.ui.desk import Desk
from wav2lip.ui.events import Events
from wav2lip.ui.options import component

PERSON = "person"
BOX = 150      # pixels: the height of where files are dropped
CAMERA = {"video": {"width": {"ideal": 1280}, "height": {"ideal": 720}}, "audio": True}
SHOW = "() => document.querySelector('#status .done') && document.querySelector('#result').scrollIntoView()"
_SENT: dict[str, Any] = {"preprocess": False, "api_visibility": "private"}    # so that files keep their names
_IN_TURN = _SENT | {"concurrency_limit": 1, "concurrency_id": "device"}
_AT_ONCE = _SENT | {"queue": False, "show_progress": "hidden"}


def build(desk: Desk) -> gr.Blocks:
    """Return the page for a desk."""
    events = Events(desk)
    with gr.Blocks(title="wav2lip", analytics_enabled=False) as page:
        gr.Markdown("# wav2lip\nMake the face in a video or picture say a recording.")
        with gr.Tabs():
            with gr.Tab("Face: a video or picture"):
                face_file = gr.File(show_label=False, height=BOX, elem_id="face")
            with gr.Tab("Webcam"):
                camera = gr.Video(
                    show_label=False, sources=["webcam"], include_audio=True, elem_id="camera",
                    webcam_options=gr.WebcamOptions(mirror=False, constraints=CAMERA),
                )
        face_view = gr.HTML(elem_id="face-view")
        with gr.Tabs():
            with gr.Tab("Sound"):
                sound_file = gr.File(show_label=False, height=BOX, elem_id="sound")
            with gr.Tab("Microphone"):
                microphone = gr.Audio(
                    show_label=False, sources=["microphone"], type="filepath", editable=False, buttons=[],
                    elem_id="microphone",
                )
        sound_view = gr.HTML(elem_id="sound-view")
        find = gr.Button("Who is in it?", elem_id="find", size="sm")
        people = gr.Gallery(
            label="Click on who is to speak", visible=False, allow_preview=False, columns=2, object_fit="contain",
            height="auto", interactive=False, elem_id="people", buttons=[],
        )
        parts: dict[str, Component] = {}
        with gr.Row(elem_classes="options"):
            parts |= {field.name: component(field, desk.tongue.text_of) for field in desk.common}
        with gr.Accordion("More", open=False, elem_id="more"), gr.Row(elem_classes="options"):
            for field in sorted(desk.more, key=lambda field: field.is_file):      # the tall ones side by side
                parts[field.name] = component(field, desk.tongue.text_of)
        with gr.Column(elem_id="actions"):
            with gr.Row():
                start = gr.Button("Sync", variant="primary", elem_id="sync", scale=3, min_width=120)
                stop = gr.Button("Stop", elem_id="stop", scale=1, min_width=80)
            status = gr.HTML(elem_id="status")
        result = gr.HTML(elem_id="result")
        line = gr.Textbox(
            label="The same on the command line, in the folder with your files", visible=False, interactive=False,
            lines=2, max_lines=8, buttons=["copy"], elem_id="line",
        )

        inputs = [face_file, camera, sound_file, microphone, *(parts[field.name] for field in desk.fields)]
        for event, part, other, look, view in (
            (face_file.upload, face_file, camera, events.face_came, face_view),
            (camera.change, camera, face_file, events.face_came, face_view),
            (sound_file.upload, sound_file, microphone, events.sound_came, sound_view),
            (microphone.change, microphone, sound_file, events.sound_came, sound_view),
        ):
            event(look, [part], [status, view, part, other], **_AT_ONCE)
        for part, gone, view in (
            (face_file, events.face_gone, face_view), (camera, events.face_gone, face_view),
            (sound_file, events.sound_gone, sound_view), (microphone, events.sound_gone, sound_view),
        ):
            part.clear(gone, None, [view], **_AT_ONCE)
        for event in (face_file.upload, camera.change, face_file.clear, camera.clear):
            event(events.strangers, None, [people, parts[PERSON]], **_AT_ONCE)
        used = [start, find, face_file, sound_file]
        for button, work, results in (
            (start, events.sync, [status, result, line]), (find, events.people, [status, people])
        ):
            asked = button.click(events.asked, None, [status, *used], **_AT_ONCE)
            done = asked.then(work, inputs, results, show_progress="hidden", **_IN_TURN)
            done.failure(events.crowded, None, [status, *used], **_AT_ONCE)
            done.then(events.ready, None, used, **_AT_ONCE)
            done.then(None, js=SHOW)
        people.select(events.chosen, None, [parts[PERSON]], **_AT_ONCE)
        stop.click(events.stop, None, [status, face_file, sound_file], **_AT_ONCE)
        page.unload(events.left)
    return page
