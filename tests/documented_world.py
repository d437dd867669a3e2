"""The files that documented commands name, small: drawn heads, syllables, and weights of the right networks."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from documented import ROOT, blocks, pages
from media_samples import make_video, run_ffmpeg
from seeded import seeded_state_dict
from training_clips import babble, head_frames
from two_people import LEFT, RIGHT, SIZE, recording

from wav2lip.media.ffmpeg import url
from wav2lip.models.bisenet import BiSeNet
from wav2lip.models.generator import Generator
from wav2lip.models.known import KNOWN, KnownFile
from wav2lip.models.rrdbnet import RRDBNet
from wav2lip.models.syncnet_v2 import SyncNetV2

SLOW = 5                 # frames a second where a clip has to be long and yet cheap
LONG, SHORT = 10.0, 1.0  # seconds
ENOUGH = 2.2             # for an enhancer: one to learn from, one to be judged by
SAID, LATER = 0.6, 3.4   # how long recordings are; what is said in ranges has to last until there
DOWNLOADED = ("realesrgan", "syncnet-v2", "wav2lip-gan")
PUBLISHED = ("wav2lip", "wav2lip-gan", "realesrgan", "bisenet", "syncnet-v2")


def make_world(folder: Path) -> Path:
    """Make every file once; pages get copies."""
    sounds(folder)
    videos(folder)
    weights(folder)
    for page in pages():
        for block in blocks(page):
            if "." in block.name:
                (folder / block.name).write_text(block.text, encoding="utf-8")
    (folder / "checkpoints").mkdir()
    for name in ("demo.safetensors", "expert.safetensors"):
        os.symlink(ROOT / "checkpoints" / name, folder / "checkpoints" / name)
    os.symlink(ROOT / "benchmarks", folder / "benchmarks")
    return folder


def furnish(folder: Path, world: Path) -> None:
    """Give a page's folder the files: hard links, since results replace files and never change them."""
    shutil.copytree(world, folder, symlinks=True, copy_function=os.link, dirs_exist_ok=True)


def cache_beside(world: Path) -> Path:
    """Return the cache folder of all pages: faces are found once, and some of the published files are there."""
    cache = world.with_name("cache")
    if not cache.is_dir():
        cache.mkdir()
        for name in DOWNLOADED:
            os.link(world / KNOWN[name].file, cache / KNOWN[name].file)
    return cache


def sounds(folder: Path) -> None:
    """Make the recordings: short ones, and what is said by whom."""
    for seed, name in enumerate(("first", "second", "speech", "a", "clips/a", "speech/one", "final")):
        path = folder / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        recording(path, seed, SAID)
    recording(folder / "in.wav", 0, LATER)
    recording(folder / "long.wav", 3, LONG)
    (folder / "examples").mkdir()
    run_ffmpeg("-i", url(ROOT / "examples" / "speech.wav"), "-t", LATER, url(folder / "examples" / "speech.wav"))


def videos(folder: Path) -> None:
    """Make the videos: two people for ten seconds, and one head that talks for one."""
    sides = [head_frames(who, babble(who, LONG * SLOW / 25), SIZE) for who in (LEFT, RIGHT)]
    both = [np.hstack(pair) for pair in zip(*sides, strict=True)]
    sound = folder / "long.wav"
    make_video(folder / "in.mp4", both, SLOW, ["-c:a", "aac"], sound)
    make_video(folder / "in.mov", both[:SLOW], SLOW, ["-c:v", "prores_ks", "-profile:v", 2])
    make_video(folder / "clip.mp4", both[: 2 * SLOW], SLOW, ["-c:a", "aac", "-shortest"], sound)

    talking = folder / "talking.mp4"
    source, speech = ROOT / "examples" / "face.mp4", ROOT / "examples" / "speech.wav"
    run_ffmpeg(
        "-i", url(source), "-i", url(speech), "-map", "0:v", "-map", "1:a", "-t", SHORT, "-vf", "scale=224:224",
        "-c:a", "aac", url(talking),
    )
    run_ffmpeg("-i", url(talking), "-frames:v", 1, url(folder / "photo.jpg"))
    run_ffmpeg("-i", url(source), "-t", 5, "-r", SLOW, "-vf", "scale=160:160", "-an", url(folder / "examples/face.mp4"))
    for name in (
        "interview", "a", "b", "truth", "result", "results/one", "originals/one", "recordings/one", "recordings/a",
        "clips/a", "faces/one", "LRS2/main/1/1", "LRS2/main/1/2", "ReSyncED/tts/1", "GRID/s1/CLIP",
        "GRID/s1/a", "GRID/other/one",
    ):
        path = folder / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(talking, path)
    for name in ("target", "me"):      # a face has to be large where an enhancer shall learn from it
        run_ffmpeg(
            "-i", url(source), "-i", url(speech), "-map", "0:v", "-map", "1:a", "-t", ENOUGH, "-r", 10,
            "-c:a", "aac", url(folder / f"{name}.mp4"),
        )
    os.link(folder / "first.wav", folder / "ReSyncED" / "tts" / "1.wav")
    (folder / "lrs2.txt").write_text("1/1 1/2\n")
    (folder / "tts_pairs.txt").write_text("1.mp4 1.wav\n")


def weights(folder: Path) -> None:
    """Make weights of the published networks, as narrow as these may be, with the same numbers every time."""
    save(Generator(channels=1), folder / "wav2lip.pth", "state_dict")
    save(Generator(channels=1), folder / "wav2lip_gan.pth", "state_dict")
    save(Generator(channels=2), folder / "wide.pth", "state_dict")
    save(RRDBNet(features=4, blocks=1, growth=4), folder / "RealESRGAN_x4plus.pth", "params_ema")
    save(BiSeNet(), folder / "79999_iter.pth")
    save(SyncNetV2(), folder / "syncnet_v2.model")
    (folder / "Downloads").mkdir()
    os.link(folder / "wav2lip_gan.pth", folder / "Downloads" / "wav2lip_gan.pth")


def save(network: torch.nn.Module, path: Path, key: str = "") -> None:
    """Write seeded weights as they are published: bare, or below a key."""
    state = seeded_state_dict(network.state_dict())
    torch.save({key: state} if key else state, path)


@functools.cache
def published(folder: Path) -> Mapping[str, KnownFile]:
    """Return what the program would know of the published files if these small ones were they."""
    changed = {}
    for name in PUBLISHED:
        content = (folder / KNOWN[name].file).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        changed[name] = replace(KNOWN[name], size=len(content), sha256=digest, exact=True)
    return changed

