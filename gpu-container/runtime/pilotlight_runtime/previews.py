"""Small pictures of what is being drawn: a linear map from latents to colours, fitted to the autoencoder at hand.

A step of a flow moves the latents along a line from noise to the picture, so the last two of them tell where that line
ends: the picture as the model sees it so far, without its noise. The map costs one small multiplication; decoding would
cost as much as a step. It is fitted when the model is loaded, to what the autoencoder itself makes of plain pictures,
so that no table of numbers has to be right for it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from .runner import OutputFile

SIDE_MAX = 128
"""Pixels on a side: of a picture of 1,024, every latent is one. 3 to 10 KB as a JPEG."""

QUALITY = 70

FITTED_SIDE = 16
"""Latents on a side of the pictures that the map is fitted to; with those below, 2,048 rows for 17 unknowns."""

FITTED_PICTURES = 8

RIDGE = 1e-3
"""Of the mean square of latents: keeps channels that hold no colour near zero."""


@dataclass(frozen=True)
class Previews:
    """Turns latents into small pictures, every so many steps."""

    every_steps: int
    factors: Any
    """Colours from 0 to 1 by channel of the latents, and a last row that is always added."""

    def is_due(self, step: int, steps: int) -> bool:
        """Not for the last step, whose picture follows, nor for the first, which has none before it."""
        return 1 < step < steps and step % self.every_steps == 0

    def picture_of(self, latents: Any) -> OutputFile:
        """A JPEG of latents of channels x height x width."""
        import torch
        from PIL import Image

        rows = latents.float().cpu().flatten(1).T
        colours = torch.cat([rows, torch.ones(len(rows), 1)], 1) @ self.factors
        pixels = torch.nan_to_num(colours).clamp(0, 1).mul(255).round().byte()
        height, width = latents.shape[-2:]
        picture = Image.fromarray(pixels.reshape(height, width, 3).numpy())
        picture.thumbnail((SIDE_MAX, SIDE_MAX))
        body = io.BytesIO()
        picture.save(body, "JPEG", quality=QUALITY, subsampling=0)
        return OutputFile(body.getvalue(), "image/jpeg", "jpg", *picture.size)


def fit_previews(vae: Any, every_steps: int) -> Previews:
    """Fits the map to an autoencoder of diffusers, in its own type and place."""
    import torch

    with torch.inference_mode():
        pictures = _plain_pictures(2 ** (len(vae.config.block_out_channels) - 1)).to(vae.device, vae.dtype)
        encoded = vae.encode(pictures).latent_dist.mode()
        drawn = vae.decode(encoded, return_dict=False)[0]
        colours = torch.nn.functional.interpolate(drawn.float().cpu() / 2 + 0.5, FITTED_SIDE, mode="area")
        # As pipelines hold them.
        latents = (encoded.float().cpu() - vae.config.shift_factor) * vae.config.scaling_factor
        return Previews(every_steps, _fitted(_rows(latents), _rows(colours.clamp(0, 1))))


def estimated(latents: Any, before: Any, sigma: float, sigma_before: float) -> Any:
    """Where the line through two latents ends, at no noise."""
    return latents - (latents - before) * (sigma / (sigma - sigma_before))


def _plain_pictures(scale: int) -> Any:
    """Soft spots of every colour, from -1 to 1; the same every time."""
    import torch

    numbers = torch.Generator("cpu").manual_seed(0)
    spots = torch.rand((FITTED_PICTURES, 3, 5, 5), generator=numbers) * 2 - 1
    side = FITTED_SIDE * scale
    return torch.nn.functional.interpolate(spots, side, mode="bicubic").clamp(-1, 1)


def _rows(tensor: Any) -> Any:
    return tensor.movedim(1, -1).flatten(0, -2)


def _fitted(latents: Any, colours: Any) -> Any:
    """Least squares with a little ridge."""
    import torch

    known = torch.cat([latents, torch.ones(len(latents), 1)], 1).double()
    square = known.T @ known
    ridge = RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    return torch.linalg.solve(square + ridge, known.T @ colours.double()).float()
