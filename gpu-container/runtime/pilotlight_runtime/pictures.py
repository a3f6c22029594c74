"""From what a pipeline computed to the files of an item."""

from __future__ import annotations

import io
from typing import Any

from .runner import OutputFile, RunnerError


def png_of(picture: Any) -> OutputFile:
    """Encodes one picture: an array of height x width x 3 floats from 0 to 1.

    Raises:
        RunnerError: `NAN_OUTPUT` for what is not finite or altogether black: overflow in half precision ends as either.
    """
    from PIL import Image

    pixels = pixels_of(picture)
    height, width, _ = pixels.shape
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return OutputFile(body.getvalue(), "image/png", "png", width, height)


def pixels_of(picture: Any) -> Any:
    """Gives the picture in bytes.

    Raises:
        RunnerError: `NAN_OUTPUT`, as `png_of`.
    """
    import numpy as np

    if not np.isfinite(picture).all():
        raise RunnerError("NAN_OUTPUT", "the picture is not finite")
    pixels = (picture * 255).round().astype(np.uint8)
    if not pixels.any():
        raise RunnerError("NAN_OUTPUT", "the picture is black")
    return pixels
