"""Makes clean renders look like a small diffusion model's output, for training the judge and the upscaler."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def degrade(picture: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Returns pictures (batch, 3, side, side) in 0..1 with dented edges, softness, a 4-pixel grid, stains and noise.

    Every fault has a random amount per picture, from none up to `strength` times its maximum. The maxima are chosen
    by eye, not fitted to any denoiser's output.
    """
    count, _, side, _ = picture.shape
    device = picture.device

    def amount(maximum: float) -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator).to(device) * maximum * strength

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).to(device)

    degraded = _dent(picture, normal(count, 2, 13, 13) * amount(0.75) / side)
    soft = F.avg_pool2d(F.pad(degraded, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    degraded = degraded + (soft - degraded) * amount(0.8).clamp(max=1)
    grid = normal(count, 3, 4, 4).repeat(1, 1, side // 4, side // 4)
    patches = F.interpolate(normal(count, 3, side // 4, side // 4), scale_factor=4.0, mode="nearest")
    stains = F.interpolate(normal(count, 3, 5, 5), size=(side, side), mode="bilinear", align_corners=True)
    degraded = degraded + grid * amount(0.012) + patches * amount(0.012) + stains * amount(0.02)
    return (degraded + normal(count, 3, side, side) * amount(0.02)).clamp(0, 1)


def _dent(picture: Tensor, shift: Tensor) -> Tensor:
    """Moves pixels by a smooth random field; `shift` holds coarse displacements as fractions of the side."""
    count, _, side, _ = picture.shape
    field = F.interpolate(shift * 2, size=(side, side), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    ticks = (torch.arange(side, device=picture.device) * 2 + 1) / side - 1
    rows, columns = torch.meshgrid(ticks, ticks, indexing="ij")
    still = torch.stack([columns, rows], dim=-1).expand(count, -1, -1, -1)
    return F.grid_sample(picture, still + field, mode="bilinear", padding_mode="border", align_corners=False)
