"""Trains the super-resolution stage: 64 px pictures to 256 and 512 px, exact renders as targets.

One trunk at 64 px with two sub-pixel heads (Shi et al., "Real-Time Single Image and Video Super-Resolution Using
an Efficient Sub-Pixel Convolutional Neural Network", 2016). Inputs are degraded like diffusion output, and with
--denoiser half of them come from the denoiser itself, so that its faults are mended rather than enlarged.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from degrade import degrade
from network import ShapesNetwork
from render import render
from sample import load_network, velocity
from scenes import encode_slots, sample_scenes

CHANNELS = 40
DILATIONS = (1, 2, 1, 4, 1)
BATCH = 8
RATE = 2e-3


class Upscaler(nn.Module):
    """Enlarges pictures (batch, 3, 64, 64) in 0..1 by `factor` 4 or 8; adds to a bilinear enlargement."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.trunk = nn.ModuleList([nn.Conv2d(CHANNELS, CHANNELS, 3, padding=d, dilation=d) for d in DILATIONS])
        self.heads = nn.ModuleDict({str(f): nn.Conv2d(CHANNELS, 3 * f * f, 3, padding=1) for f in (4, 8)})
        for head in self.heads.values():
            nn.init.normal_(head.weight, std=1e-3)  # type: ignore[arg-type]
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def features(self, picture: Tensor) -> Tensor:
        """Runs the shared trunk."""
        hidden = self.stem(picture - 0.5)
        for layer in self.trunk:
            hidden = hidden + layer(F.relu(hidden))
        return F.relu(hidden)

    def enlarge(self, picture: Tensor, features: Tensor, factor: int) -> Tensor:
        """Runs one head on the trunk's features."""
        base = F.interpolate(picture, scale_factor=float(factor), mode="bilinear", align_corners=False)
        return base + F.pixel_shuffle(self.heads[str(factor)](features).to(base.dtype), factor)


def main() -> None:
    """Trains for --steps batches or --minutes, whichever ends first, and saves the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/upscaler"))
    parser.add_argument("--denoiser", type=Path, help="denoiser checkpoint whose pictures half of the inputs use")
    parser.add_argument("--start", type=Path, help="upscaler checkpoint to start from")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--seed", type=int, default=303)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"training the upscaler on {device}", flush=True)
    torch.manual_seed(options.seed)
    upscaler = Upscaler().to(device)
    steps_before = 0
    if options.start:
        start = torch.load(options.start, map_location=device, weights_only=True)
        upscaler.load_state_dict(start["upscaler"])
        steps_before = start["steps"]
    denoiser = load_network(options.denoiser, device) if options.denoiser else None
    optimizer = torch.optim.AdamW(upscaler.parameters(), RATE, weight_decay=0.0)
    generator = torch.Generator().manual_seed(options.seed)
    started_s, step, progress, loss_sum = time.monotonic(), 0, 0.0, 0.0
    while progress < 1:
        optimizer.param_groups[0]["lr"] = RATE * min(1, (step + 1) / 50) * (1 + math.cos(math.pi * progress)) / 2
        source, target = draw_pairs(np.random.default_rng([options.seed, step]), generator, denoiser, device)
        with torch.autocast(device.type, torch.bfloat16):
            loss = pair_loss(upscaler, source, target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        step, loss_sum = step + 1, loss_sum + loss.item()
        minutes = (time.monotonic() - started_s) / 60
        progress = max(step / options.steps, minutes / options.minutes)
        if step % 50 == 0:
            print(f"step {step}, {minutes:.1f} min, loss {loss_sum / 50:.5f}", flush=True)
            loss_sum = 0.0
    torch.save({"upscaler": upscaler.state_dict(), "steps": steps_before + step}, options.out / "upscaler.pt")


def draw_pairs(
    rng: np.random.Generator, generator: torch.Generator, denoiser: ShapesNetwork | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draws degraded 64 px inputs and exact 512 px targets of the same scenes, both in 0..1."""
    scenes = sample_scenes(rng, BATCH)
    clean = torch.from_numpy(render(scenes, 64)[0]).to(device)
    target = torch.from_numpy(render(scenes, 512)[0]).to(device)
    source = degrade(clean, generator)
    if denoiser is not None:
        slots = torch.from_numpy(encode_slots(scenes)).to(device)
        half = BATCH // 2
        source[:half] = redraw(denoiser, slots[:half], clean[:half], generator)
    return source, target


@torch.no_grad()
def redraw(denoiser: ShapesNetwork, slots: Tensor, clean: Tensor, generator: torch.Generator) -> Tensor:
    """Noises clean renders part of the way and lets the denoiser finish them: its faults, but in known places."""
    t = float(torch.rand(1, generator=generator)) * 0.35 + 0.15
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    x = (1 - t) * (clean * 2 - 1) + t * noise
    for at in (t, t * 2 / 3, t / 3):
        with torch.autocast(clean.device.type, torch.bfloat16):
            direction = velocity(denoiser, x, at, slots, guidance=1.0)
        x = x - direction.float() * (t / 3)
    return (x / 2 + 0.5).clamp(0, 1)


def pair_loss(upscaler: Upscaler, source: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error at both sizes; the 256 px target is the 512 px one averaged, which is exact."""
    features = upscaler.features(source)
    fine = (upscaler.enlarge(source, features, 8) - target).abs().mean()
    return fine + (upscaler.enlarge(source, features, 4) - F.avg_pool2d(target, 2)).abs().mean()


if __name__ == "__main__":
    main()
