"""The safetensors format: 8 bytes of length, a header in JSON, data. Read and written without holding the data.

https://github.com/huggingface/safetensors#format. The library of that project writes a file from tensors that are all
in memory; a transformer of 24 GB is rewritten here on a machine with one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec

HEADER_BYTES_MAX = 100_000_000
"""The bound of the format's own library."""

ITEM_BYTES: Mapping[str, int] = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
}

_Count = Annotated[int, msgspec.Meta(ge=0)]


class SafetensorsError(Exception):
    """The file is not what the format says; the message names it and the tensor."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    dtype: str
    shape: list[_Count]
    data_offsets: tuple[_Count, _Count]


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file, without its data."""

    name: str
    dtype: str
    shape: Sequence[int]
    start: int
    """First byte in the file."""

    @property
    def items(self) -> int:
        return math.prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.items * ITEM_BYTES[self.dtype]


@dataclass(frozen=True)
class Header:
    """What a file holds, in the order of its data."""

    tensors: Sequence[Tensor]
    metadata: Mapping[str, str]


def read_header(path: Path) -> Header:
    """Reads and checks the header.

    Raises:
        SafetensorsError: when lengths, types or offsets do not fit each other and the file.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(HEADER_BYTES_MAX, size - 8):
            raise SafetensorsError(f"{path.name}: its header does not fit in it")
        try:
            entries = msgspec.json.decode(file.read(length), type=dict[str, dict])
            metadata = msgspec.convert(entries.pop("__metadata__", {}), dict[str, str])
            parsed = {name: msgspec.convert(entry, _Entry) for name, entry in entries.items()}
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise SafetensorsError(f"{path.name}: its header cannot be read: {error}") from None
    tensors = [_tensor_of(path, name, entry, 8 + length) for name, entry in parsed.items()]
    tensors.sort(key=lambda tensor: tensor.start)
    _check_whole(path, tensors, 8 + length, size)
    return Header(tensors=tensors, metadata=metadata)


def _tensor_of(path: Path, name: str, entry: _Entry, data_start: int) -> Tensor:
    if entry.dtype not in ITEM_BYTES:
        raise SafetensorsError(f"{path.name}: {name} has the type {entry.dtype}, which is not known here")
    tensor = Tensor(name=name, dtype=entry.dtype, shape=entry.shape, start=data_start + entry.data_offsets[0])
    if entry.data_offsets[1] - entry.data_offsets[0] != tensor.bytes:
        raise SafetensorsError(f"{path.name}: {name} has another length than its shape says")
    return tensor


def _check_whole(path: Path, tensors: Sequence[Tensor], data_start: int, size: int) -> None:
    end = data_start
    for tensor in tensors:
        if tensor.start != end:
            raise SafetensorsError(f"{path.name}: {tensor.name} does not begin where the one before it ends")
        end += tensor.bytes
    if end != size:
        raise SafetensorsError(f"{path.name}: has {size} bytes, and its tensors end after {end}")


def write_header(
    file: BinaryIO, tensors: Sequence[tuple[str, str, Sequence[int]]], metadata: Mapping[str, str]
) -> None:
    """Writes the header for tensors (name, type, shape) whose data will follow in this order."""
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    offset = 0
    for name, dtype, shape in tensors:
        end = offset + math.prod(shape) * ITEM_BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    header = json.dumps(entries, separators=(",", ":")).encode()
    # So that data begins at a multiple of eight, as the format asks for.
    header += b" " * (-len(header) % 8)
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
