"""Super-resolution as a second stage: a network of spandrel over tiles of a picture that was drawn smaller."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from .devices import Device, failure_of
from .runner import RunnerError

TILE = 512
"""Pixels on a side that one pass adds to the picture; memory goes by it."""

TILE_MIN = 128

OVERLAP = 32
"""Pixels that a pass sees beyond its tile on every side, so that seams are where networks of this kind agree."""

SCALE = 2

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")


@dataclass(frozen=True)
class Span:
    """A tile along one axis: what the network sees, and which part of that it is there for."""

    start: int
    end: int
    seen_start: int
    seen_end: int


def spans_of(length: int, tile: int) -> list[Span]:
    """Tiles that cover a length side by side, each with its overlap as far as the picture reaches."""
    return [
        Span(start, min(start + tile, length), max(0, start - OVERLAP), min(start + tile + OVERLAP, length))
        for start in range(0, length, tile)
    ]


class Upscaler:
    """Doubles the sides of pictures."""

    scale = SCALE

    def __init__(self, network: Any, device: str, dtype: Any) -> None:
        """`network` takes and gives tensors of 1 x 3 x height x width from 0 to 1."""
        self._network = network
        self._device = device
        self._dtype = dtype

    def upscale(self, picture: Any, check_stopped: Callable[[], None]) -> Any:
        """Gives the picture at twice its size: arrays of height x width x 3 floats from 0 to 1.

        `check_stopped` is asked between tiles. Where memory runs out, tiles get smaller.

        Raises:
            RunnerError: `OOM` when the smallest tiles do not fit either.
        """
        tile = TILE
        while True:
            upscaled = self._tiled(picture, tile, check_stopped)
            if upscaled is not None:
                return upscaled
            # Outside of the frames that held what did not fit.
            Device(self._device).reclaim()
            tile //= 2
            if tile < TILE_MIN:
                raise RunnerError("OOM", "the picture cannot be upscaled in the memory there is")

    def _tiled(self, picture: Any, tile: int, check_stopped: Callable[[], None]) -> Any | None:
        """None where memory ran out."""
        import numpy as np

        height, width, channels = picture.shape
        upscaled = np.empty((height * SCALE, width * SCALE, channels), np.float32)
        for rows in spans_of(height, tile):
            for columns in spans_of(width, tile):
                check_stopped()
                part = self._part(picture, rows, columns)
                if part is None:
                    return None
                upscaled[rows.start * SCALE : rows.end * SCALE, columns.start * SCALE : columns.end * SCALE] = part
        return upscaled

    def _part(self, picture: Any, rows: Span, columns: Span) -> Any | None:
        import torch

        seen = picture[rows.seen_start : rows.seen_end, columns.seen_start : columns.seen_end]
        try:
            with torch.inference_mode():
                tensor = torch.from_numpy(seen.copy()).permute(2, 0, 1).unsqueeze(0)
                output = self._network(tensor.to(self._device, self._dtype))[0].permute(1, 2, 0)
                whole = output.float().clamp(0, 1).cpu().numpy()
        except Exception as error:
            if failure_of(error) != "OOM":
                raise
            return None
        top, left = (rows.start - rows.seen_start) * SCALE, (columns.start - columns.seen_start) * SCALE
        return whole[
            top : top + (rows.end - rows.start) * SCALE,
            left : left + (columns.end - columns.start) * SCALE,
        ]


def load_upscaler(weights: Path, name: str, device: str, dtype: Any) -> Upscaler:
    """Loads the network of a file beside the weights; spandrel finds its architecture.

    Raises:
        RunnerError: `MODEL_NOT_LOADED` when it is none that doubles pictures of three colours.
    """
    path = weights / name
    if _FILE_NAME.fullmatch(name) is None or not path.is_file():
        raise RunnerError("MODEL_NOT_LOADED", f"the upscaler {name} is no .safetensors beside the weights")
    import torch
    from safetensors.torch import load_file

    spandrel = _import_spandrel()
    found = spandrel.ModelLoader().load_from_state_dict(load_file(path))
    kind = (found.purpose, found.scale, found.input_channels, found.output_channels)
    if not isinstance(found, spandrel.ImageModelDescriptor) or kind != ("SR", SCALE, 3, 3):
        raise RunnerError("MODEL_NOT_LOADED", f"the upscaler {name} is no network that doubles pictures")
    own = dtype if dtype != torch.bfloat16 or found.supports_bfloat16 else torch.float32
    return Upscaler(found.to(torch.device(device), own).eval(), device, own)


def _import_spandrel() -> Any:
    with contextlib.ExitStack() as stack:
        try:
            import torchvision.transforms.functional  # noqa: F401
        except ImportError:
            stack.enter_context(_stand_in_for_torchvision())
        import spandrel
    return spandrel


@contextlib.contextmanager
def _stand_in_for_torchvision() -> Iterator[None]:
    """Lets spandrel be imported without torchvision: two of its architectures, none of them SR, name it.

    For the import alone: other libraries look for torchvision to decide what they use.
    """

    def fail(*_: Any, **__: Any) -> NoReturn:
        raise RunnerError("MODEL_NOT_LOADED", "this network needs torchvision")

    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    functional = ModuleType(names[2])
    functional.__dict__.update(InterpolationMode=object, rotate=fail, normalize=fail)
    sys.modules.update({names[0]: ModuleType(names[0]), names[1]: ModuleType(names[1]), names[2]: functional})
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
