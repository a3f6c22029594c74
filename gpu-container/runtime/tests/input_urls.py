"""Pictures as requests hold them, for tests."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image


def url_of(body: bytes, kind: str = "png") -> str:
    """A file as a data URL."""
    return f"data:image/{kind};base64,{base64.b64encode(body).decode()}"


def picture_url(pixels: Any, mode: str | None = None) -> str:
    """Pixels, or a picture of Pillow, as a data URL of a PNG."""
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels, mode)
    body = io.BytesIO()
    picture.save(body, "PNG")
    return url_of(body.getvalue())


def noise_url(seed: int = 0, size: int = 32) -> str:
    """A picture unlike any of another seed."""
    return picture_url(noise(seed, size))


def noise(seed: int = 0, size: int = 32) -> Any:
    """Its pixels."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def half_mask(size: int = 32) -> Any:
    """White on its right half, black on its left."""
    pixels = np.zeros((size, size), np.uint8)
    pixels[:, size // 2 :] = 255
    return pixels
