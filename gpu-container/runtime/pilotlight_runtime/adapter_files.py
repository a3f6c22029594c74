"""Reads an adapter of a tenant: a LoRA as .safetensors. What is wrong with one is told before a device sees any of it.

The file is read once and held as it was hashed, so nothing can change it after the checks.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from .adapter_names import AdapterNames, Layer
from .messages import Adapter
from .runner import RunnerError
from .safetensors_header import FaultError, Tensor, decoded, read_header, shown

FILE_BYTES_MAX = 512 * 1024 * 1024
"""Adapters of models this large take 150 to 250 MB. The limits here are not below those of the platform."""

RANK_MAX = 128

_ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2}
_EXPONENT_BITS = {"F32": 0x7F80_0000, "F16": 0x7C00, "BF16": 0x7F80}
_ALPHA_FORMATS = {"F32": "<f", "F16": "<e", "F64": "<d", "I64": "<q", "I32": "<i"}

_PARTS = (
    ("down", re.compile(r"(.+)\.(?:lora_A|lora_down|lora\.down)(?:\.default)?\.weight")),
    ("up", re.compile(r"(.+)\.(?:lora_B|lora_up|lora\.up)(?:\.default)?\.weight")),
    ("alpha", re.compile(r"(.+)\.alpha")),
)

_OTHER_KINDS = (
    ("LoKr", re.compile(r"\.lokr_")),
    ("LoHa", re.compile(r"\.hada_")),
    ("DoRA", re.compile(r"\.dora_scale|\.lora_magnitude_vector")),
    ("OFT", re.compile(r"\.oft_")),
    ("LoRA with a middle (Tucker)", re.compile(r"\.lora_mid\.")),
    ("LoRA with biases", re.compile(r"\.lora_[AB](?:\.default)?\.bias")),
    ("full difference", re.compile(r"\.diff(?:_b)?$")),
    ("text encoder", re.compile(r"^(?:lora_te|text_encoder|conditioner\.)")),
)


class _PeftConfig(msgspec.Struct, frozen=True):
    """What diffusers writes beside the tensors, as far as it changes what they mean."""

    lora_alpha: float | None = None
    use_rslora: bool = False
    use_dora: bool = False
    alpha_pattern: dict[str, Any] = {}


@dataclass(frozen=True)
class Lora:
    """One pair of matrices: `up @ down * scale` is added to the weights of the layers, row after row."""

    layers: tuple[Layer, ...]
    down: Tensor
    up: Tensor
    scale: float


@dataclass(frozen=True)
class AdapterFile:
    """An adapter that fits its model."""

    loras: tuple[Lora, ...]
    data: memoryview = field(repr=False)
    """The tensors' bytes."""

    @property
    def elements(self) -> int:
        return sum(lora.down.elements * len(lora.layers) + lora.up.elements for lora in self.loras)


def read_adapter(adapter: Adapter, names: AdapterNames) -> AdapterFile:
    """Reads and checks one adapter for the model with these names.

    Raises:
        RunnerError: `ADAPTER_INVALID`, with a message that its owner may see.
    """
    if not adapter.path.endswith(".safetensors"):
        _refuse(adapter, "the file is no .safetensors")
    body = _read(adapter)
    if hashlib.sha256(body).hexdigest() != adapter.sha256:
        _refuse(adapter, "the file has another sha256 than was asked for")
    try:
        tensors, metadata, data = read_header(body)
        return AdapterFile(_loras_of(tensors, metadata, data, names), data)
    except FaultError as fault:
        message = str(fault)
    _refuse(adapter, message)


def _refuse(adapter: Adapter, message: str) -> NoReturn:
    raise RunnerError("ADAPTER_INVALID", f"adapter {adapter.id}: {message}")


def _read(adapter: Adapter) -> bytes:
    try:
        with open(adapter.path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size <= FILE_BYTES_MAX:
                return file.read(status.st_size)
    except (OSError, ValueError):
        _refuse(adapter, "the file cannot be read")
    if not stat.S_ISREG(status.st_mode):
        _refuse(adapter, "the file cannot be read")
    _refuse(adapter, f"the file has {status.st_size} bytes, and {FILE_BYTES_MAX} are allowed")


def _open_at_once(path: str, flags: int) -> int:
    """Opening a pipe does not wait for its writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _loras_of(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, str], data: memoryview, names: AdapterNames
) -> tuple[Lora, ...]:
    by_base: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        base, part = _part_of(name)
        parts = by_base.setdefault(base, {})
        if part in parts:
            raise FaultError(f"{shown(base)} is there twice")
        parts[part] = tensor
    config = _config_of(metadata)
    loras = tuple(_lora_of(base, parts, config, data, names) for base, parts in by_base.items())
    _check_once(loras)
    return loras


def _part_of(name: str) -> tuple[str, str]:
    for kind, pattern in _OTHER_KINDS:
        if pattern.search(name):
            raise FaultError(f"{shown(name)} is of the kind {kind}; only plain LoRA of the picture model is taken")
    for part, pattern in _PARTS:
        match = pattern.fullmatch(name)
        if match:
            return match[1], part
    raise FaultError(f"{shown(name)} is no tensor of a LoRA")


def _config_of(metadata: Mapping[str, str]) -> _PeftConfig:
    text = metadata.get("lora_adapter_metadata")
    if text is None:
        return _PeftConfig()
    fields = decoded(text.encode(errors="surrogatepass"), dict[str, msgspec.Raw])
    own = {name.removeprefix("transformer."): row for name, row in fields.items()}
    config = _PeftConfig(**{name: decoded(own[name], kind) for name, kind in _CONFIG_TYPES.items() if name in own})
    if config.use_dora:
        raise FaultError("it is of the kind DoRA; only plain LoRA of the picture model is taken")
    if config.alpha_pattern:
        raise FaultError("its metadata has an alpha_pattern, which is not supported; save the alphas as tensors")
    return config


_CONFIG_TYPES: Mapping[str, Any] = {
    "lora_alpha": float | None,
    "use_rslora": bool,
    "use_dora": bool,
    "alpha_pattern": dict[str, float],
}


def _lora_of(
    base: str, parts: Mapping[str, Tensor], config: _PeftConfig, data: memoryview, names: AdapterNames
) -> Lora:
    layers = names.find(base)
    if layers is None:
        raise FaultError(f"this model has no layer {shown(base)}")
    down, up = parts.get("down"), parts.get("up")
    if down is None or up is None:
        raise FaultError(f"{shown(base)} lacks one of its two matrices")
    for tensor in (down, up):
        _check_type(base, tensor)
    rank = _rank_of(base, layers, down, up)
    for tensor in (down, up):
        _check_finite(base, tensor, data)
    return Lora(layers, down, up, _scale_of(base, rank, parts.get("alpha"), config, data))


def _check_type(base: str, tensor: Tensor) -> None:
    item_bytes = _ITEM_BYTES.get(tensor.dtype)
    if item_bytes is None:
        raise FaultError(f"{shown(base)} has numbers of the type {shown(tensor.dtype)}; F32, F16 and BF16 are taken")
    start, end = tensor.data_offsets
    if tensor.elements * item_bytes != end - start:
        raise FaultError(f"the size of {shown(base)} does not fit its shape")


def _rank_of(base: str, layers: tuple[Layer, ...], down: Tensor, up: Tensor) -> int:
    inputs, outputs = layers[0].inputs, sum(layer.outputs for layer in layers)
    rank = down.shape[0] if down.shape else 0
    if down.shape != (rank, inputs) or up.shape != (outputs, rank):
        found = f"{list(down.shape)} and {list(up.shape)}"
        raise FaultError(f"{shown(base)} has the shapes {found}, and the layer takes [r, {inputs}] and [{outputs}, r]")
    if not 1 <= rank <= RANK_MAX:
        raise FaultError(f"{shown(base)} has the rank {rank}, and 1 to {RANK_MAX} are allowed")
    return rank


def _check_finite(base: str, tensor: Tensor, data: memoryview) -> None:
    import numpy as np

    numbers = np.frombuffer(data[slice(*tensor.data_offsets)], dtype=f"<u{_ITEM_BYTES[tensor.dtype]}")
    bits = _EXPONENT_BITS[tensor.dtype]
    # Infinity and NaN are the numbers whose exponent is all ones, in each of these types.
    if ((numbers & bits) == bits).any():
        raise FaultError(f"{shown(base)} holds numbers that are not finite")


def _scale_of(base: str, rank: int, alpha: Tensor | None, config: _PeftConfig, data: memoryview) -> float:
    """Trainers scale by alpha / rank, and by 1 where they say nothing of alpha."""
    if alpha is not None and config.lora_alpha is not None:
        raise FaultError(f"{shown(base)} has two alphas: a tensor, and one in the metadata")
    value = config.lora_alpha if alpha is None else _number_of(base, alpha, data)
    scale = 1.0 if value is None else value / (math.sqrt(rank) if config.use_rslora else rank)
    if not math.isfinite(scale):
        raise FaultError(f"the alpha of {shown(base)} is not finite")
    return scale


def _number_of(base: str, tensor: Tensor, data: memoryview) -> float:
    start, end = tensor.data_offsets
    body = bytes(data[start:end])
    if tensor.elements == 1:
        if tensor.dtype == "BF16" and len(body) == 2:
            # The upper half of a 32-bit float.
            return struct.unpack("<f", b"\0\0" + body)[0]
        number_format = _ALPHA_FORMATS.get(tensor.dtype)
        if number_format is not None and struct.calcsize(number_format) == len(body):
            return float(struct.unpack(number_format, body)[0])
    raise FaultError(f"the alpha of {shown(base)} is no number")


def _check_once(loras: tuple[Lora, ...]) -> None:
    seen: set[str] = set()
    for layer in (layer for lora in loras for layer in lora.layers):
        if layer.name in seen:
            raise FaultError(f"two of its names mean the layer {layer.name}")
        seen.add(layer.name)
