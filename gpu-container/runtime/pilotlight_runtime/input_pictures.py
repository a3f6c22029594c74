"""Pictures that come with a request, decoded before anything of them reaches a device.

A picture comes as a data URL of a PNG, JPEG or WebP: nothing is ever fetched, because an address that a tenant chose
may lead anywhere.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
from dataclasses import dataclass
from typing import Any, Literal

from .runner import RunnerError

PICTURE_BYTES_MAX = 20 * 1024 * 1024
PICTURE_PIXELS_MAX = 4096 * 4096
PICTURE_SIDE_MAX = 8192
"""`imageLimits` of `core/limits.ts`."""

MASK_MIN = 128
"""From this brightness on, of 255, what a mask covers is drawn anew. What comes of it is blended in by all of them."""

SIDES_RATIO_MAX = 200
"""What Qwen's image processor takes."""

_DATA_URL = re.compile(r"data:image/(png|jpeg|webp);base64,")
_FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}


@dataclass(frozen=True)
class Source:
    """What a picture is drawn from, as wide and high as what comes of it."""

    picture: Any
    """Of Pillow, in red, green and blue."""
    mask: Any | None
    """Of Pillow, in grey: white is drawn anew, black stays, grey blends the two."""


def read_source(image: str, mask: str | None, size: int) -> Source:
    """Decodes the picture to start from, and its mask, and scales both to the size of what comes of them.

    Raises:
        RunnerError: `INVALID_INPUT` as `read_picture`, for what is not square, for a mask of other sides than its
            picture's, for one that covers nothing, and for one that is transparent: other platforms draw that anew.
    """
    picture = read_picture(image, "image")
    width, height = picture.size
    if width != height:
        raise _refusal("image", f"is {width} x {height} pixels, and must be as wide as it is high")
    if mask is None:
        return Source(_scaled(picture, size), None)
    brightness, opacity = read_picture(mask, "mask", "LA").split()
    if brightness.size != picture.size:
        wide, high = brightness.size
        raise _refusal("mask", f"is {wide} x {high} pixels, and its picture {width} x {height}")
    if opacity.getextrema()[0] < 255:
        raise _refusal("mask", "must not be transparent: white is drawn anew, black stays")
    scaled = _scaled(brightness, size)
    if scaled.getextrema()[1] < MASK_MIN:
        raise _refusal("mask", "is white nowhere: nothing would be drawn")
    return Source(_scaled(picture, size), scaled)


def _scaled(picture: Any, size: int) -> Any:
    from PIL import Image

    return picture if picture.size == (size, size) else picture.resize((size, size), Image.Resampling.LANCZOS)


def read_picture(url: str, path: str, mode: Literal["RGB", "LA"] = "RGB") -> Any:
    """Decodes a data URL to a picture, upright as its camera was held: red, green and blue, or grey and opacity.

    Raises:
        RunnerError: `INVALID_INPUT` for what is no data URL, no picture, of another type than it says, or larger than a
            picture may be: told by its header, before it is decoded.
    """
    from PIL import Image, ImageOps

    found = _DATA_URL.match(url)
    if found is None:
        raise _refusal(path, "must be a data URL of a PNG, JPEG or WebP in base64; nothing is fetched")
    body = _body_of(url, found.end(), path)
    try:
        with Image.open(io.BytesIO(body), formats=[_FORMATS[found[1]]]) as picture:
            refusal = _size_refusal(picture)
            if refusal is None:
                return ImageOps.exif_transpose(picture).convert(mode)
    except Image.DecompressionBombError:
        refusal = "has more pixels than a picture may have"
    except Exception:
        # A decoder raises whatever it likes about bytes that are no picture, and its words may quote them.
        refusal = f"is no {_FORMATS[found[1]]} that can be read"
    raise _refusal(path, refusal)


def _body_of(url: str, start: int, path: str) -> bytes:
    # Four characters hold three bytes.
    if (len(url) - start) * 3 // 4 > PICTURE_BYTES_MAX + 2:
        raise _refusal(path, f"a picture has at most {PICTURE_BYTES_MAX} bytes")
    try:
        return base64.b64decode(url[start:].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise _refusal(path, "is no base64") from None


def _size_refusal(picture: Any) -> str | None:
    width, height = picture.size
    if getattr(picture, "n_frames", 1) > 1:
        return "a picture that moves is not read"
    if max(width, height) > PICTURE_SIDE_MAX or width * height > PICTURE_PIXELS_MAX:
        return f"{width} x {height} pixels are more than a picture may have"
    if max(width, height) > SIDES_RATIO_MAX * min(width, height):
        return f"one side is more than {SIDES_RATIO_MAX} times the other"
    return None


def _refusal(path: str, text: str) -> RunnerError:
    return RunnerError("INVALID_INPUT", f"{path}: {text}")
