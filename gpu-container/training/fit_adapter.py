"""Fits a low-rank adapter (LoRA, arXiv 2106.09685) to the released demo model: W + B A in place of W.

The base weights are read out of denoiser.onnx and stay as they are; only the factors learn. `pastel` mixes every
colour with white; `outline` leaves of each object its contour. On one CPU core,
`pastel` took 4 minutes and `outline` 12.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from network import ShapesNetwork
from onnx_weights import read_weights
from render import render
from scenes import MODEL_DIRECTORY, Scenes, encode_slots, forget_slots, sample_scenes
from train import ANY_SHARE, NULL_SHARE

ADAPTED = ("down", "coarse_out", "up", "to_pixels", "smooth", "prompt", "time")
LAYERS = ("conv_in", "conv_out", "film", "to_pixels", "smooth", "prompt", "0", "2")
RANK = 8
RATE = 2e-3
BATCH = 24
WHITE_SHARE = 0.55
LINE_PX = 3


class LowRank(nn.Module):
    """A layer of the base with a low-rank change of its weight; starts as the base exactly."""

    def __init__(self, base: nn.Linear | nn.Conv2d) -> None:
        super().__init__()
        self.base = base
        out, into, *kernel = base.weight.shape
        self.down = nn.Parameter(torch.randn(RANK, into, *kernel) / (into * np.prod(kernel)) ** 0.5)
        self.up = nn.Parameter(torch.zeros(out, RANK, *(1 for _ in kernel)))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.base.weight + (self.up.flatten(1) @ self.down.flatten(1)).view_as(self.base.weight)
        if isinstance(self.base, nn.Conv2d):
            return F.conv2d(x, weight, self.base.bias, self.base.stride, self.base.padding)
        return F.linear(x, weight, self.base.bias)


def main() -> None:
    """Fits one adapter within the given minutes and writes it as safetensors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("look", choices=["pastel", "outline"])
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, default=MODEL_DIRECTORY / "adapters")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    network = released_network()
    adapted = dict(attach(network.denoiser))
    fit(network, list(adapted.values()), options)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"{options.look}.safetensors"
    # Each look in one of the two ways of naming that are about.
    tensors = peft_tensors(adapted) if options.look == "pastel" else kohya_tensors(adapted)
    save_file(tensors, path, metadata={"title": options.look, "base_model": "pilotlight-shapes"})
    print(f"{path.name}: {path.stat().st_size:,} bytes, {len(adapted)} layers", flush=True)


def released_network() -> ShapesNetwork:
    """The network as it ships: the exporter renames and transposes what it folds, in the order of the layers."""
    network = ShapesNetwork()
    for part, file, prefix in ((network.denoiser, "denoiser", "denoiser."), (network.slots, "slot-encoder", "")):
        weights = read_weights(MODEL_DIRECTORY / f"{file}.onnx")
        folded = (value.T if "MatMul" in name else value for name, value in weights.items() if "::" in name)
        state = part.state_dict()
        for name, tensor in state.items():
            if not tensor.is_floating_point():
                continue
            value = weights[prefix + name] if prefix + name in weights else next(folded)
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(value)).view_as(tensor))
        part.load_state_dict(state)
    return network.eval().requires_grad_(False)


def attach(denoiser: nn.Module) -> Iterator[tuple[str, LowRank]]:
    """Puts a LowRank in the place of every layer that the adapter changes; gives their names."""
    for name, layer in list(denoiser.named_modules()):
        parts = name.split(".")
        if parts[0] not in ADAPTED or parts[-1] not in LAYERS or not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        lowered = LowRank(layer)
        setattr(denoiser.get_submodule(".".join(parts[:-1])), parts[-1], lowered)
        yield name, lowered


def fit(network: ShapesNetwork, adapted: list[LowRank], options: argparse.Namespace) -> None:
    """Trains the factors to predict the changed pictures, with a rate that falls to nothing at the end."""
    factors = [factor for layer in adapted for factor in (layer.down, layer.up)]
    for factor in factors:
        factor.requires_grad_(True)
    optimizer = torch.optim.AdamW(factors, RATE, weight_decay=0.0)
    started_s, step, progress = time.monotonic(), 0, 0.0
    while progress < 1:
        rng = np.random.default_rng([options.seed, step])
        scenes = sample_scenes(rng, BATCH)
        plain, mask = (torch.from_numpy(part) for part in render(scenes, 64))
        picture = changed(options.look, plain, mask, scenes) * 2 - 1
        slots = torch.from_numpy(forget_slots(rng, encode_slots(scenes), ANY_SHARE, NULL_SHARE))
        t = torch.from_numpy(((np.arange(BATCH) + rng.random(BATCH)) / BATCH).astype(np.float32))
        noise = torch.from_numpy(rng.standard_normal(picture.shape, dtype=np.float32))
        at = t[:, None, None, None]
        predicted = network((1 - at) * picture + at * noise, t, slots)[:, :3]
        loss = ((1 + 4 * (1 - at) * mask) / at.clamp(min=0.1) * (predicted - picture).square()).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = RATE * max(0.02, 1 - progress)
        optimizer.step()
        step += 1
        progress = (time.monotonic() - started_s) / 60 / options.minutes
        if step % 50 == 0:
            print(f"{step * BATCH} pictures, {progress:.0%}, loss {loss.item():.4f}", flush=True)


def changed(look: str, picture: Tensor, mask: Tensor, scenes: Scenes) -> Tensor:
    """The picture as the adapter should draw it, 0..1."""
    if look == "pastel":
        return WHITE_SHARE + (1 - WHITE_SHARE) * picture
    inside = -F.max_pool2d(-mask, 2 * LINE_PX + 1, 1, LINE_PX)
    background = torch.from_numpy(scenes.background_rgb)[:, :, None, None]
    return picture + (background - picture) * inside


def peft_tensors(adapted: dict[str, LowRank]) -> dict[str, Tensor]:
    """Keys as peft writes them under the prefix of diffusion trainers; no alpha: the product is the change."""
    tensors = {}
    for name, layer in adapted.items():
        tensors[f"diffusion_model.{name}.lora_A.weight"] = layer.down.detach().half().contiguous()
        tensors[f"diffusion_model.{name}.lora_B.weight"] = layer.up.detach().half().contiguous()
    return tensors


def kohya_tensors(adapted: dict[str, LowRank]) -> dict[str, Tensor]:
    """Keys as kohya's trainers write them; alpha equal to the rank leaves the product as it is."""
    tensors = {}
    for name, layer in adapted.items():
        key = f"lora_unet_{name.replace('.', '_')}"
        tensors[f"{key}.lora_down.weight"] = layer.down.detach().half().contiguous()
        tensors[f"{key}.lora_up.weight"] = layer.up.detach().half().contiguous()
        tensors[f"{key}.alpha"] = torch.tensor(float(RANK))
    return tensors


if __name__ == "__main__":
    main()
