"""Makes an RRDBNet of random weights that doubles pictures, in the layout of Real-ESRGAN's x2plus."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from pilotlight_runtime.upscale import _import_spandrel

NAME = "upscaler.safetensors"


def write(weights: Path, scale: int = 2, bias: float = 0.0) -> None:
    """Stores it beside the weights of a model. `bias` is added to every colour."""
    _import_spandrel()
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    shuffle = {"shuffle_factor": 2} if scale == 2 else {}
    network = ESRGAN(in_nc=12 if scale == 2 else 3, out_nc=3, num_filters=8, num_blocks=1, scale=4, **shuffle)
    with torch.no_grad():
        network.state_dict()[_last_bias(network)].add_(bias)
    save_file(dict(network.state_dict()), weights / NAME)


def _last_bias(network: torch.nn.Module) -> str:
    return [name for name in network.state_dict() if name.endswith("bias")][-1]
