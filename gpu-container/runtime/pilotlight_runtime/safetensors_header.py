"""The header of a .safetensors file: read within bounds, and never by running anything.

A file is eight bytes with the length of a header, the header (JSON: name, type, shape and place of each tensor), and
the tensors one after another: https://huggingface.co/docs/safetensors, "Format".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

HEADER_BYTES_MAX = 2 * 1024 * 1024
"""Of an adapter of every layer of Z-Image some 80 kB; trainers note much about themselves beside it."""

TENSORS_MAX = 4096

NAME_SHOWN_MAX = 120


class FaultError(Exception):
    """What is wrong, in words for the owner of the adapter."""


class Tensor(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A row of the header; `data_offsets` count from the end of the header."""

    dtype: Annotated[str, msgspec.Meta(max_length=16)]
    shape: Annotated[tuple[Annotated[int, msgspec.Meta(ge=0, le=2**31)], ...], msgspec.Meta(max_length=8)]
    data_offsets: tuple[Annotated[int, msgspec.Meta(ge=0, le=2**48)], Annotated[int, msgspec.Meta(ge=0, le=2**48)]]

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


def read_header(body: bytes) -> tuple[Mapping[str, Tensor], Mapping[str, str], memoryview]:
    """Gives the tensors by name, the metadata, and the bytes of the tensors.

    Raises:
        FaultError: the bytes are no such file, or pass a limit. Nothing else is ever raised.
    """
    length = int.from_bytes(body[:8], "little")
    if len(body) < 8 or length > len(body) - 8:
        raise FaultError("the file is cut short, or is no .safetensors")
    if length > HEADER_BYTES_MAX:
        raise FaultError(f"its header has {length} bytes, and {HEADER_BYTES_MAX} are allowed")
    rows = decoded(body[8 : 8 + length], dict[str, msgspec.Raw])
    metadata = decoded(rows.pop("__metadata__", msgspec.Raw(b"{}")), dict[str, str])
    if not 0 < len(rows) <= TENSORS_MAX:
        raise FaultError(f"it has {len(rows)} tensors, and 1 to {TENSORS_MAX} are allowed")
    tensors = {name: decoded(row, Tensor) for name, row in rows.items()}
    data = memoryview(body)[8 + length :]
    _check_places(tensors, len(data))
    return tensors, metadata, data


def decoded(text: bytes | msgspec.Raw, kind: Any) -> Any:
    """JSON of the file.

    Raises:
        FaultError: it is none of this kind.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FaultError("its header is broken") from None


def _check_places(tensors: Mapping[str, Tensor], data_bytes: int) -> None:
    """As the format wants it: one tensor after another, without a gap, to the end of the file."""
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda row: row[1].data_offsets):
        start, end_of_it = tensor.data_offsets
        if start != end or end_of_it < start:
            raise FaultError(f"the place of {shown(name)} in the file is wrong")
        end = end_of_it
    if end != data_bytes:
        raise FaultError(f"its tensors take {end} bytes, and {data_bytes} are there")


def shown(name: str) -> str:
    """A name of the file, short and printable."""
    return name.encode("unicode_escape").decode()[:NAME_SHOWN_MAX]
