"""Euler sampling of the trained denoiser in torch: the reference for the product's TypeScript sampler."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from network import ShapesNetwork
from scenes import VOCABULARY


def load_network(checkpoint: Path, device: torch.device) -> ShapesNetwork:
    """Loads the moving average of a training checkpoint, ready to sample."""
    network = ShapesNetwork().to(device)
    network.load_state_dict(torch.load(checkpoint, map_location=device, weights_only=True)["average"])
    return network.eval()


def velocity(network: ShapesNetwork, x: Tensor, t: float, slots: Tensor, guidance: float) -> Tensor:
    """Direction of the flow at time t; guidance 1 takes the prompt alone, more moves away from the null prompt."""
    count = len(x)
    if guidance == 1.0:
        clean = network(x, torch.full((count,), t, device=x.device), slots)[:, :3]
    else:
        both = torch.cat([slots, torch.full_like(slots, VOCABULARY["nullToken"])])
        outputs = network(torch.cat([x, x]), torch.full((2 * count,), t, device=x.device), both)[:, :3]
        with_prompt, without = outputs.chunk(2)
        clean = without + guidance * (with_prompt - without)
    direction: Tensor = (x - clean) / t
    return direction


@torch.no_grad()
def sample(network: ShapesNetwork, noise: Tensor, slots: Tensor, steps: int, guidance: float) -> Tensor:
    """Walks from noise (t = 1) to pictures (t = 0) in equal Euler steps; returns 0..1."""
    x = noise
    for step in range(steps):
        x = x - velocity(network, x, 1 - step / steps, slots, guidance) / steps
    return (x / 2 + 0.5).clamp(0, 1)
