"""Writes LoRA files of tests: by numpy alone, so that files can be checked where no torch is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pilotlight_runtime.messages import Adapter

_TYPES = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "uint8": "U8"}


def bytes_of(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """A .safetensors file of numpy arrays."""
    header: dict[str, Any] = {} if metadata is None else {"__metadata__": metadata}
    body = b""
    for name, tensor in tensors.items():
        array = np.ascontiguousarray(tensor)
        offsets = [len(body), len(body) + array.nbytes]
        header[name] = {"dtype": _TYPES[array.dtype.name], "shape": list(np.shape(tensor)), "data_offsets": offsets}
        body += array.tobytes()
    return with_header(json.dumps(header).encode(), body)


def with_header(header: bytes, body: bytes = b"") -> bytes:
    """A file with these bytes where its header should be."""
    return len(header).to_bytes(8, "little") + header + body


def write(folder: Path, body: bytes, weight: float = 1.0, name: str = "lora") -> Adapter:
    """Stores a file and names it as a worker does."""
    path = folder / f"{name}.safetensors"
    path.write_bytes(body)
    return Adapter(id=name, path=str(path), sha256=hashlib.sha256(body).hexdigest(), weight=weight)


def pair(base: str, inputs: int, outputs: int, rank: int = 4, seed: int = 0, style: str = "peft") -> dict[str, Any]:
    """The two random matrices of one layer, under the names of a style of trainers."""
    numbers = np.random.default_rng(seed)
    down, up = {
        "peft": ("lora_A", "lora_B"),
        "peft default": ("lora_A.default", "lora_B.default"),
        "kohya": ("lora_down", "lora_up"),
        "dots": ("lora.down", "lora.up"),
    }[style]
    return {
        f"{base}.{down}.weight": numbers.normal(size=(rank, inputs)).astype(np.float32),
        f"{base}.{up}.weight": numbers.normal(size=(outputs, rank)).astype(np.float32),
    }
