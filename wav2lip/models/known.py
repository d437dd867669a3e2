"""Which weights files there are in the world: what they are for, their terms, where they come from, their SHA-256."""

from __future__ import annotations

from dataclasses import dataclass

DEMO_FILE = "demo.safetensors"
EXPERT_FILE = "expert.safetensors"
OWN_TERMS = "CC BY 4.0: name the GRID corpus (Cooke, Barker, Cunningham, Shao 2006)"
OWN_SOURCE = "comes with the program; its README in checkpoints/ tells how it was made"
RESEARCH_ONLY = "trained on LRS2 (BBC): personal, research and non-commercial use only"
ORIGINAL_SOURCE = "https://github.com/Rudrabha/Wav2Lip#getting-the-weights"


@dataclass(frozen=True)
class KnownFile:
    """A published weights file, recognised by its SHA-256.

    Attributes:
        name: the short name in `KNOWN`, which can stand for the file wherever weights are named.
        file: the name it is published under.
        what: the network in it, as a phrase without an article.
        size: bytes; where no listing gives it exactly, about.
        sha256: lower-case hexadecimal; None where nobody has published it.
        terms: under which terms it may be used.
        source: the page that says where to get it.
        urls: where the program may download it, best first; empty where the user has to accept the terms first, or
            where there is no lasting address.
        exact: whether `size` is exact.
        use: what the program does with it, and how.
        gan: whether a discriminator had a part in its training; None where nobody says, or it makes no sense to ask.
        ships: whether it comes with the program.
    """

    name: str
    file: str
    what: str
    size: int
    sha256: str | None
    terms: str
    source: str
    urls: tuple[str, ...] = ()
    exact: bool = True
    use: str = ""
    gan: bool | None = None
    ships: bool = False

    def may_have(self, size: int) -> bool:
        """Return whether a file of `size` bytes can be this one at all, so that it is worth hashing."""
        return size == self.size if self.exact else abs(size - self.size) < 0.1 * self.size


_GENERATOR = "generates the mouth: --checkpoint {name}"

KNOWN: dict[str, KnownFile] = {
    known.name: known
    for known in [
        KnownFile(
            name="demo",
            file=DEMO_FILE,
            what="generator of half the width trained on GRID and drawn heads",
            size=18_286_124,
            sha256="d9dad24fabf0f1820541012c0557ba7d973617dd5404c8cefe1c26fdf650744c",
            terms=OWN_TERMS,
            source=OWN_SOURCE,
            use="generates the mouth where no --checkpoint is named",
            gan=False,
            ships=True,
        ),
        KnownFile(
            name="wav2lip",
            file="wav2lip.pth",
            what="Wav2Lip generator, trained without the quality discriminator (step 396000)",
            size=435_807_851,
            sha256="b78b681b68ad9fe6c6fb1debc6ff43ad05834a8af8a62ffc4167b7b34ef63c37",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            use=_GENERATOR.format(name="wav2lip"),
            gan=False,
        ),
        KnownFile(
            name="wav2lip-gan",
            file="wav2lip_gan.pth",
            what="Wav2Lip-GAN generator (step 258000)",
            size=435_801_865,
            sha256="ca9ab7b7b812c0e80a6e70a5977c545a1e8a365a6c49d5e533023c034d7ac3d8",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            use=_GENERATOR.format(name="wav2lip-gan"),
            gan=True,
        ),
        KnownFile(
            name="wav2lip-torchscript",
            file="Wav2Lip-SD-NOGAN.pt",
            what="Wav2Lip generator as a TorchScript archive",
            size=145_800_000,
            sha256=None,
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            exact=False,
            use=_GENERATOR.format(name="wav2lip-torchscript"),
            gan=False,
        ),
        KnownFile(
            name="wav2lip-gan-torchscript",
            file="Wav2Lip-SD-GAN.pt",
            what="Wav2Lip-GAN generator as a TorchScript archive",
            size=145_800_000,
            sha256="180cfd49d31d47f195d5bfc62830ffe2c40724b7bbbce6faadc73ac6ab1a3b8e",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            exact=False,
            use=_GENERATOR.format(name="wav2lip-gan-torchscript"),
            gan=True,
        ),
        KnownFile(
            name="expert",
            file=EXPERT_FILE,
            what="expert SyncNet of a quarter of the width trained on GRID and drawn heads",
            size=2_117_768,
            sha256="47120ba0ab75fbdb2a6a1f1aa1ec3d9cf43c332826bc507a1559cdc1667c102a",
            terms=OWN_TERMS,
            source=OWN_SOURCE,
            use="judges whether lips and speech fit where no --expert is named",
            ships=True,
        ),
        KnownFile(
            name="lipsync-expert",
            file="lipsync_expert.pth",
            what="expert SyncNet of Wav2Lip (step 1751230)",
            size=197_357_631,
            sha256="9b9936c721696446eeed353032cab242a8cf0eed8c46cde540366f6ae5493be5",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            use="teaches a generator, and judges: --expert lipsync-expert",
        ),
        KnownFile(
            name="discriminator",
            file="visual_quality_disc.pth",
            what="visual-quality discriminator of Wav2Lip-GAN",
            size=169_382_040,
            sha256="b3f8f6f7e954af02f2ffe0f3ea11f3259af89bff6e70933001c7c6bc8c145d96",
            terms=RESEARCH_ONLY,
            source=ORIGINAL_SOURCE,
            use="begins a training with a discriminator: train gan --from-disc discriminator",
        ),
        KnownFile(
            name="syncnet-v2",
            file="syncnet_v2.model",
            what="SyncNet that LSE-C and LSE-D are measured with",
            size=54_573_114,
            sha256="961e8696f888fce4f3f3a6c3d5b3267cf5b343100b238e79b2659bff2c605442",
            terms="see its authors' page, https://www.robots.ox.ac.uk/~vgg/software/lipsync/",
            source="https://github.com/joonson/syncnet_python",
            urls=("https://www.robots.ox.ac.uk/~vgg/software/lipsync/data/syncnet_v2.model",),
            use="measures LSE-C and LSE-D: evaluate --syncnet syncnet-v2",
        ),
        KnownFile(
            name="inception",
            file="pt_inception-2015-12-05-6726825d.pth",
            what="Inception network that the FID is measured with",
            size=95_628_359,
            sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            terms="published with the pytorch-fid package (Apache-2.0)",
            source="https://github.com/mseitzer/pytorch-fid",
            urls=(
                "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
                "pt_inception-2015-12-05-6726825d.pth",
            ),
            use="measures the FID: evaluate --fid inception",
        ),
        KnownFile(
            name="s3fd",
            file="s3fd-619a316812.pth",
            what="S3FD face detector",
            size=89_843_225,
            sha256="619a31681264d3f7f7fc7a16a42cbbe8b23f31a256f75a366e5a1bcd59b33543",
            terms="published with the face-alignment package (BSD-3-Clause)",
            source="https://github.com/1adrianb/face-alignment",
            urls=("https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth",),
            use="finds faces; downloaded when it is first needed",
        ),
        KnownFile(
            name="yunet",
            file="face_detection_yunet_2023mar.onnx",
            what="YuNet face detector",
            size=232_589,
            sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            terms="published with OpenCV's model zoo (MIT)",
            source="https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet",
            urls=(
                "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
                "face_detection_yunet_2023mar.onnx",
                "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
                "face_detection_yunet_2023mar.onnx",
            ),
            use="finds faces: --detector yunet --detector-weights yunet",
        ),
        KnownFile(
            name="retinaface",
            file="mobilenet0.25_Final.pth",
            what="RetinaFace face detector with a small MobileNet",
            size=1_789_735,
            sha256="2979b33ffafda5d74b6948cd7a5b9a7a62f62b949cef24e95fd15d2883a65220",
            terms="published with Pytorch_Retinaface (MIT)",
            source="https://github.com/biubug6/Pytorch_Retinaface",
            urls=("https://github.com/elliottzheng/face-detection/releases/download/0.0.1/mobilenet0.25_Final.pth",),
            use="finds faces: --detector retinaface --detector-weights retinaface",
        ),
        KnownFile(
            name="blazeface",
            file="blazeface.pth",
            what="BlazeFace face detector for near faces",
            size=420_224,
            sha256="54ecff653feaaaf1f7d44b6aff28fd2fc50e483a4e847563b6dd261369c43ba4",
            terms="published with BlazeFace-PyTorch (Apache-2.0, as MediaPipe)",
            source="https://github.com/hollance/BlazeFace-PyTorch",
            urls=(
                "https://raw.githubusercontent.com/hollance/BlazeFace-PyTorch/"
                "852bfd8e3d44ed6775761105bdcead4ef389a538/blazeface.pth",
                "https://github.com/hollance/BlazeFace-PyTorch/blob/master/blazeface.pth?raw=true",
            ),
            use="finds faces: --detector blazeface --detector-weights blazeface",
        ),
        KnownFile(
            name="bisenet",
            file="79999_iter.pth",
            what="BiSeNet face parser",
            size=53_289_463,
            sha256="468e13ca13a9b43cc0881a9f99083a430e9c0a38abd935431d1c28ee94b26567",
            terms="code MIT; trained on CelebAMask-HQ, which is for non-commercial research",
            source="https://github.com/zllrunning/face-parsing.PyTorch",
            use="keeps what is in front of the mouth: --parsing bisenet",
        ),
        KnownFile(
            name="realesrgan",
            file="RealESRGAN_x4plus.pth",
            what="Real-ESRGAN super-resolution network",
            size=67_040_989,
            sha256="4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
            terms="published with Real-ESRGAN (BSD-3-Clause)",
            source="https://github.com/xinntao/Real-ESRGAN",
            urls=("https://github.com/xinntao/Real-ESRGAN/releases/download/v0.1.0/RealESRGAN_x4plus.pth",),
            use="makes the mouth sharper: --enhance realesrgan",
        ),
        KnownFile(
            name="gfpgan",
            file="GFPGANv1.4.pth",
            what="GFPGAN face restorer",
            size=348_632_874,
            sha256="e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
            terms="published with GFPGAN (Apache-2.0 but for the parts of others that its LICENSE names)",
            source="https://github.com/TencentARC/GFPGAN",
            urls=("https://github.com/TencentARC/GFPGAN/releases/download/v1.3.0/GFPGANv1.4.pth",),
            use="makes the mouth sharper, with the extra enhance: --enhance gfpgan",
        ),
    ]
}


def known_by_sha256(sha256: str) -> KnownFile | None:
    """Return the published file with this SHA-256 (hexadecimal), or nothing."""
    return next((known for known in KNOWN.values() if known.sha256 == sha256.lower()), None)
