"""Say what a file is that is not weights: people pass failed downloads, archives and videos."""

from __future__ import annotations

HEAD = 1024    # bytes that are looked at

_DOWNLOAD_AGAIN = "Download it again, with a link to the file itself"
_MAGICS = [
    (b"PK\x05\x06", "an empty zip archive", _DOWNLOAD_AGAIN),
    (b"\x1f\x8b", "a gzip archive", "Unpack it and pass the weights file inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and pass the weights file inside"),
    (b"Rar!", "a RAR archive", "Unpack it and pass the weights file inside"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file it points to", "Fetch the file with `git lfs pull`"),
    (b"\x89HDF", "an HDF5 (Keras) file", "Pass the PyTorch weights"),
    (b"GGUF", "a GGUF file", "Pass the PyTorch weights"),
    (b"%PDF", "a PDF document", _DOWNLOAD_AGAIN),
    (b"\x89PNG", "a PNG image", "Pass images and videos as --face"),
    (b"\xff\xd8\xff", "a JPEG image", "Pass images and videos as --face"),
    (b"RIFF", "an AVI or WAV file", "Pass videos as --face and sound as --audio"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video", "Pass images and videos as --face"),
]
_WEB_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<head")


def describe(head: bytes) -> tuple[str, str]:
    """Return what a file is, as a phrase, and what to do about it.

    Args:
        head: its first `HEAD` bytes, or all of it.
    """
    for magic, what, advice in _MAGICS:
        if head.startswith(magic):
            return what, advice
    if head[4:8] == b"ftyp":
        return "an MP4 or MOV video", "Pass images and videos as --face"
    if head[257:262] == b"ustar":
        return "a tar archive", "Unpack it and pass the weights file inside"
    if is_onnx(head):
        return "an ONNX network", "Pass the PyTorch weights that it was made from"
    if is_web_page(head):
        return "an HTML page (a failed download?)", _DOWNLOAD_AGAIN
    if not head.strip(b"\0"):
        return "filled with zeros (an unfinished download or a damaged disk?)", _DOWNLOAD_AGAIN
    if _is_text(head):
        first = head.decode("utf-8", "replace").strip().splitlines()[0]
        return f"text that begins “{first[:60]}” (a server's error message?)", _DOWNLOAD_AGAIN
    return "of no format known here", "Pass a PyTorch (.pth, .pt) or .safetensors file"


def is_web_page(head: bytes) -> bool:
    """Return whether a file with these first bytes is HTML or XML."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(_WEB_PAGES) or (start.startswith(b"<!--") and b"<html" in start)


def is_onnx(head: bytes) -> bool:
    """Return whether these are the first bytes of an ONNX file: its version, then its producer or graph."""
    return head[:1] == b"\x08" and head[2:3] in (b"\x12", b"\x3a", b"\x42") and len(head) > 16


def _is_text(head: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and bool(head.strip())
