"""Writes gate-prompts.json: held-back prompts in plain words, each with the scene it asks for and its slots.

The TypeScript parser must give the same slots, and the quality gate draws every one of them.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from scenes import (
    BACKGROUNDS,
    BESIDE,
    COLOURS,
    MODEL_DIRECTORY,
    RELATIONS,
    SHAPES,
    SINGLE,
    SIZES,
    VOCABULARY,
    Scenes,
    encode_slots,
    sample_scenes,
)

# (pattern, whether the object named first is the second one in canonical order)
BESIDE_PATTERNS = [
    ("a {0} left of a {1}", False),
    ("a {0} to the left of a {1}", False),
    ("a {0} right of a {1}", True),
    ("a {0} to the right of a {1}", True),
    ("a {0} on the left and a {1} on the right", False),
    ("a {0} beside a {1}", False),
]
STACKED_PATTERNS = [
    ("a {0} above a {1}", False),
    ("a {0} on top of a {1}", False),
    ("a {0} over a {1}", False),
    ("a {0} below a {1}", True),
    ("a {0} under a {1}", True),
    ("a {0} at the top and a {1} at the bottom", False),
]
BACKGROUND_PATTERNS = [" on a {} background", ", {} background", " against a {} background"]
SYNONYM_SHARE = 0.15
SIZE_OMITTED_SHARE = 0.3
BACKGROUND_OMITTED_SHARE = 0.15


def gate_prompts(count: int, seed: int) -> list[dict[str, Any]]:
    """Returns `count` different held-out scenes as prompts; the same arguments give the same list."""
    rng = np.random.default_rng(seed)
    scenes = sample_scenes(rng, 2 * count, held_out=True)
    slots = encode_slots(scenes)
    prompts: dict[str, dict[str, Any]] = {}
    for row in range(2 * count):
        prompt, row_slots, expected = _describe(rng, scenes, row, slots[row].copy())
        prompts.setdefault(prompt, {"prompt": prompt, "slots": row_slots, "expected": expected})
    return [{"seed": 1000 + number, **entry} for number, entry in enumerate(list(prompts.values())[:count])]


def _describe(
    rng: np.random.Generator, scenes: Scenes, row: int, slots: np.ndarray[Any, Any]
) -> tuple[str, list[int], dict[str, Any]]:
    relation = int(scenes.relation[row])
    objects, phrases = [], []
    for index in range(1 if relation == SINGLE else 2):
        has_size = rng.random() >= SIZE_OMITTED_SHARE
        if not has_size:
            slots[4 + 3 * index] = VOCABULARY["size"]["special"]["any"]
        names = {"size": SIZES[scenes.size[row, index]] if has_size else None}
        names |= {"colour": COLOURS[scenes.colour[row, index]], "shape": SHAPES[scenes.shape[row, index]]}
        objects.append(names)
        phrases.append(" ".join(_word(rng, kind, name) for kind, name in names.items() if name))
    prompt = _arrange(rng, relation, phrases)
    background: str | None = BACKGROUNDS[scenes.background[row]]
    if rng.random() < BACKGROUND_OMITTED_SHARE:
        background = None
        slots[0] = VOCABULARY["background"]["special"]["any"]
    else:
        prompt += str(rng.choice(BACKGROUND_PATTERNS)).format(_word(rng, "background", background))
    expected = {"relation": RELATIONS[relation], "background": background, "objects": objects}
    return prompt, [int(token) for token in slots], expected


def _arrange(rng: np.random.Generator, relation: int, phrases: list[str]) -> str:
    if relation == SINGLE:
        return f"a {phrases[0]}"
    patterns = BESIDE_PATTERNS if relation == BESIDE else STACKED_PATTERNS
    pattern, reversed_order = patterns[int(rng.integers(len(patterns)))]
    return pattern.format(*(phrases[::-1] if reversed_order else phrases))


def _word(rng: np.random.Generator, kind: str, name: str | None) -> str:
    words = next(entry["words"] for entry in VOCABULARY[kind]["entries"] if entry["name"] == name)
    return str(rng.choice(words)) if rng.random() < SYNONYM_SHARE else str(name)


def main() -> None:
    """Writes the file beside the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=404)
    options = parser.parse_args()
    lines = ",\n".join(json.dumps(entry) for entry in gate_prompts(options.count, options.seed))
    (MODEL_DIRECTORY / "gate-prompts.json").write_text(f"[\n{lines}\n]\n", "utf-8")


if __name__ == "__main__":
    main()
