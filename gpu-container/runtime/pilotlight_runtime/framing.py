"""Frames: UTF-8 JSON objects, one a line, each of at most FRAME_BYTES_MAX bytes without its newline.

A stream that broke these rules once is never read again: after a fault nobody can tell where the next frame starts.
The same rules as `gpu-container/protocol/framing.ts`, held to the same golden files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from .messages import RunnerMessage, WorkerMessage

FRAME_BYTES_MAX = 63 * 1024 * 1024
"""`protocolLimits.frameBytesMax` of `core/limits.ts`."""


@dataclass(frozen=True)
class FrameFault:
    """Why a stream is not read any further. `detail` names paths and rules only: the values may be a prompt."""

    kind: Literal["oversize", "broken", "unknown"]
    detail: str


_decoder = msgspec.json.Decoder(WorkerMessage)
_encoder = msgspec.json.Encoder()


def encode_frame(message: RunnerMessage) -> bytes:
    """Gives the bytes of one message.

    Raises:
        ValueError: the frame passes the limit, so nobody would read it.
    """
    line = _encoder.encode(message)
    if len(line) > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {len(line)} bytes passes the limit of {FRAME_BYTES_MAX}")
    return line + b"\n"


class FrameReader:
    """Takes bytes as they arrive, however they are split, and gives back the frames that they complete."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._is_broken = False

    def feed(self, chunk: bytes) -> list[WorkerMessage | FrameFault]:
        """Never raises. A fault is the last thing that it ever returns."""
        frames: list[WorkerMessage | FrameFault] = []
        start = 0
        while not self._is_broken and start < len(chunk):
            found = chunk.find(b"\n", start)
            part = chunk[start:] if found == -1 else chunk[start:found]
            start = len(chunk) if found == -1 else found + 1
            if len(self._pending) + len(part) > FRAME_BYTES_MAX:
                frames.append(FrameFault("oversize", f"a frame passes the limit of {FRAME_BYTES_MAX} bytes"))
            elif found == -1:
                self._pending += part
            else:
                frames.append(_decode(bytes(self._pending + part)))
                self._pending.clear()
            self._is_broken = bool(frames) and isinstance(frames[-1], FrameFault)
        return frames


def _decode(line: bytes) -> WorkerMessage | FrameFault:
    try:
        message = _decoder.decode(line)
    except msgspec.ValidationError as error:
        # "Object contains unknown field `force`" or "Expected `int` >= 0 - at `$.sequence`": no values.
        return FrameFault("unknown", str(error))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return FrameFault("broken", type(error).__name__)
    return message
