"""What can be chosen about running networks; apart from the rest, so that options need load nothing."""

from __future__ import annotations

from typing import Literal

EngineName = Literal["torch", "openvino"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]

EXPORTED = (".xml", ".onnx")
"""What files of exported generators end with."""
