"""Videos, pictures and sounds that lie, unfold, refer to others, or are something else."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from hostile_case import Case, Make, nothing, syncing, writing
from media_samples import make_sound, numbered_frame, numbered_video, run_ffmpeg, variable_rate_video

from wav2lip.media.ffmpeg import url

READABLE = 3 if os.geteuid() else 0  # the administrator may read everything
SPARSE = 2 << 40  # bytes: two terabytes that take no room
JPEG = cv2.imencode(".jpg", numbered_frame(1))[1].tobytes()
PNG = cv2.imencode(".png", numbered_frame(1))[1].tobytes()
HLS = b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\nface.mp4\n#EXT-X-ENDLIST\n"
DASH = (
    b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
    b'<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>face.mp4</BaseURL>'
    b"</Representation></AdaptationSet></Period></MPD>\n"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>'
ASS = b"[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,9:00:00.00,{\\fn../../x},,,,,,hello\n"


# Pictures


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, more: bytes = b"", rows: int = 1 << 20) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(rows), 9))
    return b"\x89PNG\r\n\x1a\n" + header + more + body + chunk(b"IEND", b"")


def thin_png() -> bytes:
    return cv2.imencode(".png", np.zeros((100_000, 1, 3), np.uint8))[1].tobytes()


def jpeg(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0") + 5
    return JPEG[:at] + struct.pack(">HH", height, width) + JPEG[at + 4 :]


def webp() -> bytes:
    body = b"VP8L" + struct.pack("<I", 6) + b"\x2f" + struct.pack("<I", 0x3FFF | 0x3FFF << 14) + b"\0"
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def tiff(width: int, height: int) -> bytes:
    tags = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: height, 279: 100}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)).ljust(400, b"\0")


def bmp(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IIIIiiHHIIIIII", 1000, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(900)


def gif(width: int, height: int) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    return screen + b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\2\2\x44\1\0;"


# Videos


def box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def full(name: bytes, *parts: bytes, flags: int = 0) -> bytes:
    return box(name, struct.pack(">I", flags), *parts)


def mp4(samples: int, fragment: int = 0, reference: bytes = b"") -> bytes:
    """Return an MP4 of one Motion JPEG picture that claims many samples, in its index or in a fragment."""
    turn = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    mvhd = full(
        b"mvhd",
        struct.pack(">IIIIIH", 0, 0, 1000, 1000, 1 << 16, 256),
        bytes(10),
        turn,
        bytes(24),
        struct.pack(">I", 2),
    )
    tkhd = full(
        b"tkhd", struct.pack(">5I", 0, 0, 1, 0, 1000), bytes(16), turn, struct.pack(">II", 64 << 16, 48 << 16), flags=3
    )
    picture = box(
        b"jpeg",
        bytes(6),
        struct.pack(">H", 1),
        bytes(16),
        struct.pack(">HHIIIH", 64, 48, 72 << 16, 72 << 16, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
    )
    place = full(b"alis", reference) if reference else full(b"url ", flags=1)
    stbl = box(
        b"stbl",
        full(b"stsd", struct.pack(">I", 1), picture),
        full(b"stts", struct.pack(">III", 1, samples, 1)),
        full(b"stsc", struct.pack(">IIII", 1, 1, samples, 1)),
        full(b"stsz", struct.pack(">II", 1, samples)),
        full(b"stco", struct.pack(">II", 1, 48)),
    )
    minf = box(
        b"minf", full(b"vmhd", bytes(8), flags=1), box(b"dinf", full(b"dref", struct.pack(">I", 1), place)), stbl
    )
    mdia = box(
        b"mdia",
        full(b"mdhd", struct.pack(">IIIIHH", 0, 0, 25, samples, 0, 0)),
        full(b"hdlr", bytes(4), b"vide", bytes(13)),
        minf,
    )
    more = box(b"mvex", full(b"trex", struct.pack(">5I", 1, 1, 1, 1, 0))) if fragment else b""
    moov = box(b"moov", mvhd, box(b"trak", tkhd, mdia), more)
    runs = full(b"trun", struct.pack(">I", fragment)), full(b"trun", struct.pack(">I", fragment))
    traf = box(b"traf", full(b"tfhd", struct.pack(">I", 1), flags=0x20000), *runs)
    moof = box(b"moof", full(b"mfhd", struct.pack(">I", 1)), traf) if fragment else b""
    return box(b"ftyp", b"isom", bytes(4), b"isom") + box(b"mdat", bytes(8), JPEG) + moov + moof


def nested_boxes(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        content = box(b"moov", content)
    return box(b"ftyp", b"isom", bytes(4), b"isom") + content


def nested_elements(depth: int) -> bytes:
    """Return a Matroska file of tags in tags."""
    content = b""
    for _ in range(depth):
        content = b"\x67\xc8" + struct.pack(">Q", len(content) | 1 << 56) + content
    tags = b"\x12\x54\xc3\x67" + struct.pack(">Q", len(content) | 1 << 56) + content
    head = b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska"
    return head + b"\x18\x53\x80\x67" + struct.pack(">Q", len(tags) | 1 << 56) + tags


def edited(target: str, edit: Callable[[bytes], bytes], source: str = "face.mp4") -> Make:
    """Return what writes a good file with something done to its bytes."""

    def make(folder: Path) -> None:
        (folder / target).write_bytes(edit((folder / source).read_bytes()))

    return make


def made(target: str, *options: object, source: str = "face.mp4") -> Make:
    """Return what lets ffmpeg make a file of a good one."""
    return lambda folder: run_ffmpeg("-i", url(folder / source), *options, url(folder / target))


def late(target: str, source: str, seconds: int) -> Make:
    """Return what copies a file with its packets from the fourth on that much later."""
    kind = "v" if source == "face.mp4" else "a"
    return made(target, "-c", "copy", f"-bsf:{kind}", f"setts=ts=TS+gte(N\\,3)*{seconds}/TB", source=source)


def gap(folder: Path) -> None:
    variable_rate_video(folder / "made.mkv", [0, 1, 2, 4, 7])
    run_ffmpeg(
        "-i",
        url(folder / "made.mkv"),
        "-c",
        "copy",
        "-bsf:v",
        "setts=ts=TS+gte(N\\,3)*1000000/TB",
        url(folder / "bad.mkv"),
    )
    (folder / "made.mkv").unlink()


def thousand_years(folder: Path) -> None:
    run_ffmpeg("-i", url(folder / "face.mp4"), "-c", "copy", "-an", url(folder / "bad.mkv"))
    content = (folder / "bad.mkv").read_bytes()
    at = content.index(b"\x44\x89\x88") + 3
    (folder / "bad.mkv").write_bytes(content[:at] + struct.pack(">d", 3.2e13) + content[at + 8 :])


def joined(first: tuple[str, int, int], second: tuple[str, int, int]) -> Make:
    """Return what strings together two transport streams, each of a codec and a size."""

    def make(folder: Path) -> None:
        content = b""
        for codec, width, height in (first, second):
            part = numbered_video(folder / "part.ts", 4, options=["-c:v", codec], width=width, height=height)
            content += part.read_bytes()
        part.unlink()
        (folder / "bad.ts").write_bytes(content)

    return make


def growing(folder: Path) -> None:
    """Motion JPEG of which the second picture claims to be huge."""
    (folder / "bad.mjpeg").write_bytes(JPEG + jpeg(16_000, 16_000) + JPEG)


def many_streams(folder: Path) -> None:
    run_ffmpeg("-i", url(folder / "face.mp4"), *["-map", "0:v"] * 65, "-c", "copy", url(folder / "bad.mkv"))


def with_subtitles(folder: Path) -> None:
    (folder / "made.ass").write_bytes(ASS)
    run_ffmpeg(
        "-i",
        url(folder / "face.mp4"),
        "-i",
        url(folder / "made.ass"),
        "-map",
        "0:v",
        "-map",
        "1",
        "-c",
        "copy",
        "-attach",
        url(folder / "speech.wav"),
        "-metadata:s:t",
        "mimetype=font/ttf",
        "-metadata:s:t",
        "filename=../../font.ttf",
        url(folder / "bad.mkv"),
    )
    (folder / "made.ass").unlink()


def sparse(name: str, size: int = SPARSE, head: bytes = b"") -> Make:
    """Return what makes a file that is a hole, after its beginning."""

    def make(folder: Path) -> None:
        with open(folder / name, "wb") as file:
            file.write(head)
            file.truncate(size)

    return make


def sparse_video(size: int) -> Make:
    def make(folder: Path) -> None:
        run_ffmpeg("-i", url(folder / "face.mp4"), "-c", "copy", "-an", url(folder / "bad.mkv"))
        os.truncate(folder / "bad.mkv", size)

    return make


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder / "bad.mp4", "w") as archive:
        archive.write(folder / "face.mp4", "face.mp4")


# Sounds


def wav(
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    claimed: int | None = None,
    content: bytes = bytes(8000),
    kind: int = 1,
    align: int | None = None,
) -> bytes:
    """Return a WAV file, its header as told."""
    align = channels * bits // 8 if align is None else align
    header = struct.pack("<HHIIHH", kind, channels % 65_536, rate, rate * align % 2**32, align % 65_536, bits)
    size = len(content) if claimed is None else claimed
    data = b"data" + struct.pack("<I", size) + content
    return b"RIFF" + struct.pack("<I", (36 + size) % 2**32) + b"WAVEfmt \x10\0\0\0" + header + data


def rf64() -> bytes:
    sizes = b"ds64" + struct.pack("<IQQQI", 28, 3 << 40, 3 << 40, 3 << 39, 0)
    return b"RF64\xff\xff\xff\xffWAVE" + sizes + wav(claimed=0xFFFFFFFF)[12:]


def floats(value: float) -> bytes:
    return wav(bits=32, kind=3, content=np.full(4000, value, "<f4").tobytes())


# Things of the file system


def fifo(name: str) -> Make:
    return lambda folder: os.mkfifo(folder / name)


def linked(name: str, target: str) -> Make:
    return lambda folder: os.symlink(target, folder / name)


def a_socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # such a name has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("bad.mp4")
    os.chdir(here)


def unreadable(name: str) -> Make:
    def make(folder: Path) -> None:
        (folder / name).write_bytes(wav())
        os.chmod(folder / name, 0)

    return make


def video_cases() -> list[Case]:
    """Return what is no video that can be synced, and what is one all the same."""
    contents = {
        "empty": b"",
        "zeros": bytes(5000),
        "text": b"not found\n" * 50,
        "html": b"<html><body>404</body></html>",
        "noise": np.random.default_rng(0).bytes(5000),
        "json": b'{"a": 1}',
        "pdf": b"%PDF-1.7\n\xff\xfe\n" * 9,
        "program": b"\x7fELF\2\1\1" + bytes(300),
        "svg": SVG,
        "ass": ASS,
        "srt": b"1\n00:00:00,000 --> 00:00:01,000\na\n",
        "gzip": gzip.compress(JPEG * 50),
        "gzip bomb": gzip.compress(bytes(10**7)),
        "hls": HLS,
        "hidden hls": HLS + b"\xff\xfe",
        "late hls": b"\n" + HLS + b"\xff\xfe",
        "hls of a pipe": HLS.replace(b"face.mp4", b"pipe.mp4") + b"\xff",
        "concat": b"ffconcat version 1.0\nfile face.mp4\n",
        "hidden concat": b"ffconcat version 1.0\nfile face.mp4\n\xff",
        "concat with a beginning": b"# a list\nffconcat version 1.0\nfile face.mp4\n\xff",
        "dash": DASH,
        "hidden dash": DASH + b"<!-- \xff -->",
        "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n\xff",
        "asx": b'<asx version="3.0"><entry><ref href="face.mp4"/></entry></asx>\xff',
        "pls": b"[playlist]\nFile1=face.mp4\nNumberOfEntries=1\n\xff",
        "avisynth": b'FFmpegSource2("face.mp4")\n',
        "vapoursynth": b"import vapoursynth\n",
        "ffmetadata": b";FFMETADATA1\ntitle=x\n\xff",
        "cut png": PNG[:60],
        "zero png": png(0, 0),
        "png bomb": png(60_000, 60_000),
        "wide png": png(2**31 - 1, 1),
        "png without end": png(64, 48, rows=100),
        "apng bomb": png(60_000, 60_000, chunk(b"acTL", struct.pack(">II", 9, 0))),
        "png of 16 million": png(16_000, 16_000),
        "jpeg bomb": jpeg(65_500, 65_500),
        "zero jpeg": jpeg(0, 0),
        "cut jpeg": JPEG[:300],
        "webp bomb": webp(),
        "cut webp": webp()[:20],
        "tiff bomb": tiff(60_000, 60_000),
        "zero tiff": tiff(0, 0),
        "bmp bomb": bmp(60_000, 60_000),
        "bmp upside down": bmp(60_000, -60_000),
        "gif bomb": gif(65_535, 65_535),
        "gif of 16 million": gif(16_000, 16_000),
        "zero gif": gif(0, 0),
        "mp4 of a billion": mp4(10**9),
        "mp4 of 80 million": mp4(8 * 10**7),
        "fragment bomb": mp4(1, 4 * 10**7),
        "mp4 elsewhere": mp4(1, reference=b"\0\0/etc/passwd"),
        "boxes in boxes": nested_boxes(20_000),
        "tags in tags": nested_elements(20_000),
        "zero y4m": b"YUV4MPEG2 W0 H0 F25:1\nFRAME\n",
        "y4m bomb": b"YUV4MPEG2 W60000 H60000 F25:1\nFRAME\n" + bytes(999),
        "negative y4m": b"YUV4MPEG2 W-64 H48 F25:1\nFRAME\n" + bytes(9999),
        "long y4m": b"YUV4MPEG2 W64 H48 F25:1 X" + b"a" * 10**6,
    }
    cases = [
        syncing(f"video: {name}", 3, writing("bad.mp4", content), face="bad.mp4") for name, content in contents.items()
    ]
    half = edited("bad.mp4", lambda content: content[: len(content) // 2])
    makes: dict[str, tuple[str, int | tuple[int, ...], Make]] = {
        "missing": ("bad.mp4", 3, nothing),
        "folder": ("bad.mp4", 3, lambda folder: (folder / "bad.mp4").mkdir()),
        "pipe": ("bad.mp4", 3, fifo("bad.mp4")),
        "socket": ("bad.mp4", 3, a_socket),
        "endless device": ("/dev/zero", 3, nothing),
        "empty device": ("/dev/null", 3, nothing),
        "terminal": ("/dev/stdin", 3, nothing),
        "in circles": ("bad.mp4", 3, linked("bad.mp4", "bad.mp4")),
        "link to nothing": ("bad.mp4", 3, linked("bad.mp4", "gone.mp4")),
        "unreadable": ("bad.wav", 3, unreadable("bad.wav")),
        "below a file": ("face.mp4/x.mp4", 3, nothing),
        "name that is too long": ("a" * 5000, 3, nothing),
        "sound only": ("speech.wav", 3, nothing),
        "zip": ("bad.mp4", 3, zipped),
        "first half": ("bad.mp4", (0, 3), half),
        "damaged in the middle": (
            "bad.mp4",
            (0, 3),
            edited("bad.mp4", lambda content: content.replace(content[300:900], bytes(600))),
        ),
        "pictures far apart": ("bad.mkv", 3, gap),
        "a thousand years": ("bad.mkv", (0, 3), thousand_years),
        "a million a second": (
            "bad.mp4",
            3,
            made("bad.mp4", "-an", "-c", "copy", "-bsf:v", "setts=ts=N", "-video_track_timescale", 10**6),
        ),
        "png of texts": (
            "bad.png",
            (0, 3),
            writing("bad.png", PNG[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 * 10**7))) + PNG[33:]),
        ),
        "another codec": ("bad.ts", (0, 3), joined(("mpeg2video", 64, 48), ("libx264", 64, 48))),
        "another size": ("bad.ts", 0, joined(("mpeg2video", 64, 48), ("mpeg2video", 96, 80))),
        "growing pictures": ("bad.mjpeg", (0, 3), growing),
        "many streams": ("bad.mkv", 3, many_streams),
        "subtitles and fonts": ("bad.mkv", 0, with_subtitles),
        "two terabytes": ("bad.mkv", 3, sparse_video(SPARSE)),
        "hole after a video": ("bad.mkv", 3, sparse_video(900 << 30)),
        "hole": ("bad.mp4", 3, sparse("bad.mp4", 900 << 30)),
        "hole after a picture": ("bad.png", 3, sparse("bad.png", 900 << 30, PNG)),
        "hole after a playlist": ("bad.mp4", 3, sparse("bad.mp4", 900 << 30, HLS)),
        "thin": ("bad.png", (2, 3), writing("bad.png", thin_png())),
    }
    return cases + [syncing(f"video: {name}", code, make, face=face) for name, (face, code, make) in makes.items()]


def sound_cases() -> list[Case]:
    """Return what is no sound that can be said, and what is one all the same."""
    contents = {
        "empty": (b"", 3),
        "text": (b"not found\n" * 50, 3),
        "noise": (np.random.default_rng(1).bytes(5000), 3),
        "picture": (PNG, 3),
        "hls": (HLS + b"\xff", 3),
        "header only": (wav(content=b""), 3),
        "no channels": (wav(channels=0), 3),
        "65535 channels": (wav(channels=65_535, align=2), 3),
        "100 channels": (wav(channels=100), 3),
        "no rate": (wav(rate=0), 3),
        "a rate of 1": (wav(rate=1), (0, 3)),
        "a rate of a billion": (wav(rate=10**9), 3),
        "no bits": (wav(bits=0), 3),
        "no alignment": (wav(align=0), (0, 3)),
        "claims 4 GB": (wav(claimed=0xFFFFFFF0), (0, 3)),
        "claims 3 TB": (rf64(), (0, 3)),
        "not numbers": (floats(float("nan")), (0, 3)),
        "infinite": (floats(float("inf")), (0, 3)),
        "huge numbers": (floats(3e38), (0, 3)),
        "unknown coding": (wav(kind=0x7777), 3),
        "midi": (b"MThd\0\0\0\6\0\0\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0", 3),
        "one sample": (wav(content=bytes(2)), (0, 3)),
    }
    cases = [
        syncing(f"sound: {name}", code, writing("bad.wav", content), audio="bad.wav")
        for name, (content, code) in contents.items()
    ]
    makes: dict[str, tuple[str, int | tuple[int, ...], Make]] = {
        "missing": ("bad.wav", 3, nothing),
        "folder": ("bad.wav", 3, lambda folder: (folder / "bad.wav").mkdir()),
        "pipe": ("bad.wav", 3, fifo("bad.wav")),
        "endless device": ("/dev/zero", 3, nothing),
        "in circles": ("bad.wav", 3, linked("bad.wav", "bad.wav")),
        "unreadable": ("bad.wav", READABLE, unreadable("bad.wav")),
        "video without sound": ("face.mp4", 3, nothing),
        "cut mp3": ("bad.mp3", (0, 3), lambda folder: make_cut(folder, "bad.mp3")),
        "cut ogg": ("bad.ogg", (0, 3), lambda folder: make_cut(folder, "bad.ogg")),
        "packets far apart": ("bad.mka", (0, 3), late("bad.mka", "speech.wav", 10**6)),
        "hole of a day": ("bad.wav", 3, sparse("bad.wav", 0xFFFFFF00, wav(claimed=0xFFFFFE00))),
        "hole of raw sound": ("bad.ul", 3, sparse("bad.ul", 900 << 30)),
    }
    return cases + [syncing(f"sound: {name}", code, make, audio=audio) for name, (audio, code, make) in makes.items()]


def make_cut(folder: Path, name: str) -> None:
    path = make_sound(folder / name, 0.5, options=["-c:a", "libvorbis"] if name.endswith("ogg") else ())
    path.write_bytes(path.read_bytes()[:-1500])
