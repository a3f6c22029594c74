"""Z-Image-Turbo: our runner beside the plain diffusers loop, memory against the manifest, adapters, a cold start."""

from __future__ import annotations

import io
import statistics
from pathlib import Path
from typing import Any

import loras
import torch
from card import Card
from context import run

from pilotlight_runtime.messages import Adapter
from pilotlight_runtime.picture_runner import PictureRunner
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import Phases

Row = dict[str, Any]

PROMPT = "a lighthouse on a cliff at dusk, waves below, warm light in its window, painted with broad strokes"

ADAPTER_RANK = 16


def cold_start(models_dir: Path, card: Card, model: str, size: int) -> tuple[PictureRunner[Any], Row]:
    """Loads the model and draws the first picture. Files may be in the cache of the system: nobody drops it."""
    phases = Phases()
    runner, weights_mb = card.held_mb(lambda: Registry(models_dir).create(model, "1", card.device, phases))
    first_s = card.seconds(lambda: run(runner, _asked(size, 1)))
    times = {**phases.ms, "firstPictureMs": round(first_s * 1000)}
    return runner, {"what": "cold start", "model": model, **times, "weightsMb": weights_mb}


def speed(runner: PictureRunner[Any], card: Card, model: str, size: int, batch: int, rounds: int) -> Row:
    """Pictures a second of one call after the other."""
    asked = _asked(size, batch)

    def ours() -> None:
        run(runner, asked)

    def plain() -> None:
        _plain_loop(runner.pipeline, size, batch)

    ours_s, plain_s = card.compare(ours, plain, rounds)
    return {
        "what": "pictures",
        "model": model,
        "size": size,
        "batch": batch,
        "perSecond": batch / ours_s,
        "plainPerSecond": batch / plain_s,
        "ofPlain": plain_s / ours_s,
        "busy": card.busy(ours),
        "peakMb": card.peak_mb(ours),
    }


def adapters(runner: PictureRunner[Any], card: Card, folder: Path, rounds: int) -> Row:
    """How long it takes to change to a set that was never loaded, and to one that is."""
    first, second = (_adapter(runner.pipeline.transformer, folder, name) for name in ("first", "second"))
    cold_s = card.seconds(lambda: runner.adapt([first]))
    runner.adapt([second])
    warm_s = [
        card.seconds(lambda adapter=adapter: runner.adapt([adapter]))
        for _ in range(rounds)
        for adapter in (first, second)
    ]
    off_s = card.seconds(lambda: runner.adapt([]))
    return {
        "what": "adapters",
        "fileMb": Path(first.path).stat().st_size / 1e6,
        "loadMs": cold_s * 1000,
        "swapMs": statistics.median(warm_s) * 1000,
        "offMs": off_s * 1000,
    }


def _asked(size: int, batch: int) -> list[dict[str, Any]]:
    return [{"prompt": PROMPT, "size": size, "steps": 8, "seed": seed} for seed in range(batch)]


def _plain_loop(pipeline: Any, size: int, batch: int) -> None:
    """What people write: the pipeline's own call, and each picture as PNG."""
    pictures = pipeline(
        prompt=[PROMPT] * batch,
        height=size,
        width=size,
        num_inference_steps=8,
        guidance_scale=0.0,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in range(batch)],
    ).images
    for picture in pictures:
        picture.save(io.BytesIO(), "PNG")


def _adapter(transformer: Any, folder: Path, name: str) -> Adapter:
    """One for every attention of every layer, as trainers make them."""
    tensors: dict[str, Any] = {}
    for module, layer in transformer.named_modules():
        is_attention = module.startswith("layers.") and ".attention.to_" in module
        if is_attention and isinstance(layer, torch.nn.Linear):
            base = f"transformer.{module}"
            tensors.update(loras.pair(base, layer.in_features, layer.out_features, ADAPTER_RANK, len(tensors)))
    return loras.write(folder, loras.bytes_of(tensors), name=name)
