"""`python gpu-container/runtime/bench/main.py`: what this card does with models of full size and random weights.

Prints one JSON object a line: `card` first, then what was measured, each as it is known. Without a card it says so and
measures nothing. `--tiny` runs the same code with tiny models wherever it is, which says that the bench works and
nothing about speed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BENCH = Path(__file__).resolve().parent
sys.path[:0] = [str(BENCH), str(BENCH.parent), str(BENCH.parent / "tests")]


def main(arguments: list[str]) -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="tiny models, on a processor where there is no card")
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement, the median counts (5)")
    parser.add_argument("--folder", type=Path, help="for the weights, 40 GB (a temporary folder)")
    options = parser.parse_args(arguments)
    device = _device(options.tiny)
    if device is None:
        _tell({"what": "card", "name": None, "reason": "no card that torch can use is here"})
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for row in _rows(Path(folder), device, options.tiny, options.rounds):
            _tell(row)


def _device(is_tiny: bool) -> str | None:
    try:
        import torch
    except ImportError:
        return None
    if torch.cuda.is_available():
        return "cuda"
    return "cpu" if is_tiny else None


def _rows(folder: Path, device: str, is_tiny: bool, rounds: int) -> Iterator[dict[str, Any]]:
    import chats
    import diffusers
    import models
    import pictures
    import torch
    import transformers
    from card import Card

    card = Card(device)
    libraries = {each.__name__: each.__version__ for each in (torch, diffusers, transformers)}
    yield {"what": "card", "name": card.name(), "tiny": is_tiny, **libraries}

    models.write_pictures(folder, device, is_tiny)
    models.write_offloaded(folder, is_tiny)
    sizes = [32, 64] if is_tiny else [512, 1024]
    for model in (models.PICTURES, models.OFFLOADED):
        drawing, cold = pictures.cold_start(folder, card, model, sizes[0])
        yield cold
        for size in sizes:
            for batch in [1, 2] if is_tiny else [1, 2, 4, 6, 8]:
                yield pictures.speed(drawing, card, model, size, batch, rounds)
        if model == models.PICTURES:
            yield pictures.adapters(drawing, card, folder, rounds)
        drawing.unload()

    models.write_chats(folder, device, is_tiny)
    pixels, tokens = (64, 8) if is_tiny else (1024, 128)
    answering, cold = chats.cold_start(folder, card, pixels, tokens)
    yield cold
    for together in [1, 2] if is_tiny else [1, 2, 4, 8, 16, 32]:
        yield chats.speed(answering, card, together, pixels, tokens, rounds)


def _tell(row: dict[str, Any]) -> None:
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
