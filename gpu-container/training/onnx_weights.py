"""Reads the weights out of a released ONNX file with nothing but numpy, so that an adapter can be fitted to what ships.

An ONNX file is a protobuf message; the few fields read here are those of `onnx.proto3`: ModelProto.graph (7),
GraphProto.initializer (5), TensorProto.dims (1), data_type (2), name (8) and raw_data (9).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GRAPH, INITIALIZER = 7, 5
DIMS, DATA_TYPE, NAME, RAW_DATA = 1, 2, 8, 9
DTYPES = {1: "<f4", 7: "<i8", 10: "<f2"}
# export.py stores large tensors in half precision under this suffix.
HALF_SUFFIX = "_half"


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """Returns every floating-point initializer as float32 under the name it has in torch."""
    weights = {}
    for graph in _fields(path.read_bytes(), GRAPH):
        for tensor in _fields(graph, INITIALIZER):
            named = _tensor(tensor)
            if named is not None:
                weights[named[0].removesuffix(HALF_SUFFIX)] = named[1]
    return weights


def _tensor(message: bytes) -> tuple[str, NDArray[np.float32]] | None:
    dims, dtype, name, raw = [], "", "", b""
    for field, value in _walk(message):
        if field == DIMS:
            dims += [value] if isinstance(value, int) else _packed(value)
        elif field == DATA_TYPE and isinstance(value, int):
            dtype = DTYPES.get(value, "")
        elif field == NAME and isinstance(value, bytes):
            name = value.decode()
        elif field == RAW_DATA and isinstance(value, bytes):
            raw = value
    if dtype not in ("<f4", "<f2"):
        return None
    return name, np.frombuffer(raw, dtype).astype(np.float32).reshape(dims)


def _fields(message: bytes, wanted: int) -> Iterator[bytes]:
    return (value for field, value in _walk(message) if field == wanted and isinstance(value, bytes))


def _packed(message: bytes) -> list[int]:
    values, at = [], 0
    while at < len(message):
        value, at = _varint(message, at)
        values.append(value)
    return values


def _walk(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == 0:
            number, at = _varint(message, at)
            yield field, number
            continue
        if kind == 2:
            length, at = _varint(message, at)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} is none that ONNX uses")
        yield field, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
