"""What a browser may ask the server for: what the page needs, and nothing else that its framework offers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import unquote

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]

READ = (
    "/assets/", "/static/", "/svelte/", "/config", "/theme.css", "/favicon.ico", "/gradio_api/startup-events",
    "/gradio_api/heartbeat/", "/gradio_api/queue/data", "/gradio_api/upload_progress", "/gradio_api/file=",
    "/gradio_api/app_id",
)
SENT = (
    "/gradio_api/run/predict", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/cancel",
    "/gradio_api/reset",
)
HEADERS = (
    # Whatever a script on the page tries, nothing goes out; the framework's own ones are inline.
    (
        b"content-security-policy",
        b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
        b"frame-ancestors 'none'; form-action 'self'; base-uri 'self'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Gate:
    """An ASGI application that refuses what is not meant for the page.

    Args:
        application: that answers the rest.
        names: hosts by which browsers may call the server; None for any. Pages of others that have their name lead to
            this machine (DNS rebinding) come with their own.
        largest: bytes of an upload.
    """

    def __init__(self, application: Any, names: Collection[str] | None, largest: int):
        self._application, self._names, self._largest = application, names, largest

    async def __call__(self, scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._application(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], unquote(scope["path"]), headers)
        if refusal is None:
            await self._application(scope, receive, _guarded(send))
            return
        status, sentence = refusal
        await send({
            "type": "http.response.start", "status": status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")],
        })
        await send({"type": "http.response.body", "body": sentence.encode()})

    def _refusal(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str] | None:
        if self._names is not None and host_of(headers.get("host", "")) not in self._names:
            return 403, "This server is not called by this name; --name allows it."
        if method == "POST" and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "Only the page itself may send anything here."
        allowed = READ if method in ("GET", "HEAD") else SENT if method == "POST" else ()
        known = path.startswith(allowed) or (path == "/" and allowed is READ)
        if not known or "://" in path:       # the framework would fetch what is at an address
            return 404, "There is nothing here."
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._largest:
            return 413, f"This is larger than the {self._largest:,} bytes that may be uploaded at a time."
        return None


def _guarded(send: Channel) -> Channel:
    """Return what sends answers with headers that tell browsers to stay here."""
    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending


def host_of(header: str) -> str:
    """Return the name in a Host header, without its port, in small letters."""
    name, colon, port = header.strip().lower().rpartition(":")
    return name if colon and port.isdecimal() else header.strip().lower()
