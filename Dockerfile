# wav2lip in a container: `docker build -t wav2lip .`, then
# `docker run --rm -v "$PWD:/clips" --user "$(id -u):$(id -g)" wav2lip sync --face in.mp4 --audio in.wav`.
# For NVIDIA GPUs: --build-arg BASE=nvidia/cuda:13.0.2-base-ubuntu24.04 --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu130
ARG BASE=debian:bookworm-slim
FROM ${BASE}

# Where PyTorch comes from: its builds for CPUs, or those for a version of CUDA, which bring its libraries along.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Extras of the package, such as [enhance,vad].
ARG EXTRAS=""

# ffmpeg brings the system libraries that OpenCV wants. Its version is the distribution's.
# hadolint ignore=DL3008
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ffmpeg python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

ENV PATH=/opt/wav2lip/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WAV2LIP_CACHE=/cache \
    NUMBA_CACHE_DIR=/tmp/numba \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,video,utility

# PyTorch first: it is large and changes rarely.
RUN python3 -m venv /opt/wav2lip && pip install --no-cache-dir --index-url "$TORCH_INDEX" torch==2.13.0

COPY pyproject.toml README.md LICENSE /src/
COPY checkpoints /src/checkpoints
COPY wav2lip /src/wav2lip
RUN pip install --no-cache-dir "/src$EXTRAS" && rm -rf /src

# A user without rights. The cache is anybody's, so that `--user` works.
RUN useradd --create-home --uid 10001 wav2lip && install -d -m 1777 /cache && install -d -o wav2lip /clips
USER 10001
WORKDIR /clips
VOLUME /cache
ENTRYPOINT ["wav2lip"]
CMD ["--help"]
