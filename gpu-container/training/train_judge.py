"""Trains the judge: a classifier that says what a 64 px picture shows. It never sees the denoiser or its pictures.

It learns from exact renders of all scenes, held-out ones included, clean and degraded alike, with its own seed.
Its accuracy on fresh clean renders is printed and stored; the gate is worth no more than that.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from degrade import degrade
from render import render
from scenes import BACKGROUNDS, COLOURS, RELATIONS, SHAPES, SINGLE, SIZES, Scenes, sample_scenes

# Answers in the order in which the judge's logits are laid out; object 1 stands left or on top.
ANSWERS = {
    "relation": len(RELATIONS),
    "shape1": len(SHAPES),
    "colour1": len(COLOURS),
    "size1": len(SIZES),
    "shape2": len(SHAPES),
    "colour2": len(COLOURS),
    "size2": len(SIZES),
    "background": len(BACKGROUNDS),
}
BATCH = 64
RATE = 2e-3


class Judge(nn.Module):
    """Plain convolutional classifier: pictures (batch, 3, 64, 64) in 0..1 to logits (batch, sum of ANSWERS)."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 72, 96)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.Conv2d(96, 96, 3, padding=1), nn.BatchNorm2d(96), nn.ReLU(), nn.Flatten()]
        layers += [nn.Linear(96 * 16, 192), nn.ReLU(), nn.Linear(192, sum(ANSWERS.values()))]
        self.layers = nn.Sequential(*layers)

    def forward(self, picture: Tensor) -> Tensor:
        logits: Tensor = self.layers(picture - 0.5)
        return logits


def main() -> None:
    """Trains for a number of steps, prints the accuracy on 2,000 fresh renders and saves the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/judge"))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=101)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"training the judge on {device}", flush=True)
    torch.manual_seed(options.seed)
    judge, started_s = Judge().to(device), time.monotonic()
    optimizer = torch.optim.AdamW(judge.parameters(), RATE, weight_decay=0.01)
    generator = torch.Generator().manual_seed(options.seed)
    for step in range(options.steps):
        optimizer.param_groups[0]["lr"] = RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / options.steps)))
        scenes = draw_scenes(np.random.default_rng([options.seed, step]), BATCH)
        picture = torch.from_numpy(render(scenes, 64)[0]).to(device)
        # A third stays clean: the judge must be at its best on true renders.
        dirty = degrade(picture, generator)
        picture = torch.where(torch.rand(BATCH, 1, 1, 1, generator=generator).to(device) < 0.67, dirty, picture)
        loss = judge_loss(judge(picture), scenes)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 250 == 249:
            print(f"step {step + 1}, {(time.monotonic() - started_s) / 60:.1f} min, loss {loss:.4f}", flush=True)
    accuracy = measure(judge.eval(), options.seed + 1)
    print("accuracy on clean renders:", {name: round(share, 4) for name, share in accuracy.items()}, flush=True)
    torch.save({"judge": judge.state_dict(), "accuracy": accuracy, "steps": options.steps}, options.out / "judge.pt")


def draw_scenes(rng: np.random.Generator, count: int) -> Scenes:
    """Draws scenes over the whole language: nine in ten trainable ones, the rest held out."""
    parts = sample_scenes(rng, count - count // 10), sample_scenes(rng, count // 10, held_out=True)
    names = Scenes.__dataclass_fields__
    return Scenes(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def truths(scenes: Scenes) -> dict[str, Tensor]:
    """The right answers; -100 (ignored by cross-entropy) where a single object has no second."""
    answers = {"relation": scenes.relation, "background": scenes.background}
    for name, values in (("shape", scenes.shape), ("colour", scenes.colour), ("size", scenes.size)):
        answers[f"{name}1"] = values[:, 0]
        answers[f"{name}2"] = np.where(scenes.relation == SINGLE, -100, values[:, 1])
    return {name: torch.from_numpy(answer) for name, answer in answers.items()}


def judge_loss(logits: Tensor, scenes: Scenes) -> Tensor:
    """Sum of the cross-entropies of all answers."""
    answers = truths(scenes)
    parts = torch.split(logits, list(ANSWERS.values()), dim=1)
    losses = [F.cross_entropy(part, answers[name].to(part.device)) for name, part in zip(ANSWERS, parts, strict=True)]
    return torch.stack(losses).sum()


@torch.no_grad()
def measure(judge: Judge, seed: int, count: int = 2000) -> dict[str, float]:
    """Accuracy of each answer on `count` clean held-out scenes."""
    device = next(judge.parameters()).device
    scenes = sample_scenes(np.random.default_rng(seed), count, held_out=True)
    logits = judge(torch.from_numpy(render(scenes, 64)[0]).to(device)).cpu()
    answers, parts = truths(scenes), torch.split(logits, list(ANSWERS.values()), dim=1)
    accuracy = {}
    for name, part in zip(ANSWERS, parts, strict=True):
        asked = answers[name] >= 0
        accuracy[name] = float((part.argmax(1) == answers[name])[asked].float().mean())
    return accuracy


if __name__ == "__main__":
    main()
