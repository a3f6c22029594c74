"""The kinds of picture models with random weights, for tests that hold for each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tiny_newbie
import tiny_z_image

from pilotlight_runtime.newbie import NewbieRunner
from pilotlight_runtime.picture_runner import PictureRunner
from pilotlight_runtime.pictures import png_of
from pilotlight_runtime.runner import BatchItem, OutputFile, Setup
from pilotlight_runtime.z_image import ZImageRunner

T = TypeVar("T", bound="Drawing")


@dataclass(frozen=True)
class Kind:
    """A kind of model, and what its tests vary."""

    runner: str
    model: str
    runner_type: Callable[..., PictureRunner[Any]]
    make: Callable[[Path], None]
    parts: tuple[str, ...]
    """Where its memory may run out."""


Z_IMAGE = Kind(
    "z_image", tiny_z_image.MODEL, ZImageRunner, tiny_z_image.main, ("text_encoder", "transformer", "vae.decode")
)
NEWBIE = Kind(
    "newbie",
    tiny_newbie.MODEL,
    NewbieRunner,
    tiny_newbie.main,
    ("text_encoder", "text_encoder_2.get_text_features", "transformer", "vae.decode"),
)


ALL = (Z_IMAGE, NEWBIE)


class Drawing:
    """A runner that is set up, and every picture that it drew."""

    def __init__(self, kind: Kind, models_dir: Path, **options: Any) -> None:
        self.pictures: list[Any] = []
        self.runner = kind.runner_type(self._keep)
        setup = {"runner": kind.runner, "dtype": "float32", "adapters_mb": 100, **options}
        self.runner.setup(Setup(models_dir / kind.model, setup, "cpu"))

    def _keep(self, picture: Any) -> OutputFile:
        self.pictures.append(picture)
        return png_of(picture)


_shared: dict[tuple[Any, ...], Any] = {}


def shared(drawing_type: type[T], kind: Kind, models_dir: Path) -> T:
    """A runner as good as new: setting one up takes longer than a picture. Whoever changes more makes an own one."""
    key = (drawing_type, kind, models_dir)
    found = _shared.get(key)
    if found is None:
        found = _shared[key] = drawing_type(kind, models_dir)
    found.pictures.clear()
    adapters = found.runner._loaded_adapters()
    adapters.clear()
    adapters._bytes_max = 1_000_000_000
    return found


def item(item_id: str = "a", **params: Any) -> BatchItem:
    """A small picture of few steps."""
    return BatchItem(item_id, {"prompt": "a red ring", "size": 32, "steps": 3, "seed": 7, **params})
