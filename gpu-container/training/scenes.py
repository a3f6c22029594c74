"""Scene language of the demo model: what a picture may show, which scenes are held back, how slots encode it.

A scene holds one or two objects on a plain background. Objects stand in canonical order: the left one
(relation `beside`) or the top one (relation `stacked`) comes first, so "A right of B" and "B left of A" are
the same scene. Words, colours and token ids come from `vocabulary.json`, which the TypeScript parser reads too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL_DIRECTORY = Path(__file__).resolve().parent.parent / "models" / "pilotlight-shapes"
VOCABULARY: dict[str, Any] = json.loads((MODEL_DIRECTORY / "vocabulary.json").read_text("utf-8"))

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def _names(kind: str) -> list[str]:
    return [entry["name"] for entry in VOCABULARY[kind]["entries"]]


def _tokens(kind: str) -> Ints:
    return np.array([entry["token"] for entry in VOCABULARY[kind]["entries"]], dtype=np.int64)


def _palette(kind: str) -> Floats:
    rgb = np.array([entry["rgb"] for entry in VOCABULARY[kind]["entries"]])
    return (rgb / 255).astype(np.float32)


SHAPES = _names("shape")
COLOURS = _names("colour")
SIZES = _names("size")
BACKGROUNDS = _names("background")
RELATIONS = _names("relation")
COLOUR_RGB = _palette("colour")
BACKGROUND_RGB = _palette("background")
SINGLE, BESIDE, STACKED = 0, 1, 2
SLOT_COUNT = len(VOCABULARY["slots"])
TOKEN_COUNT = int(VOCABULARY["tokenCount"])

# Radius range per size, as a fraction of the picture's side. Two of the largest just fit into two halves.
RADIUS_RANGES = np.array([[0.14, 0.165], [0.205, 0.24]], dtype=np.float32)
# One scene in HELD_OUT_ONE_IN is never trained on; the gate asks for these only.
HELD_OUT_ONE_IN = 10
HELD_OUT_SEED = 20_251


@dataclass(frozen=True)
class Scenes:
    """A batch of scenes, one row each; object columns are in canonical order.

    `centre` is (x, y) and `radius` a fraction of the side; `rgb` and `background_rgb` are 0..1 with paint jitter.
    For a single object the second column repeats the first and is neither drawn nor named.
    """

    relation: Ints
    background: Ints
    shape: Ints
    colour: Ints
    size: Ints
    centre: Floats
    radius: Floats
    rgb: Floats
    background_rgb: Floats

    def __len__(self) -> int:
        return len(self.relation)


def is_held_out(relation: Ints, shape: Ints, colour: Ints) -> NDArray[np.bool_]:
    """Tells which scenes are kept from training, by their shapes, colours and relation alone.

    The rule is a seeded integer hash (Knuth's multiplicative constants, xor-shifted), so it needs no list and
    does not depend on the order in which scenes are drawn. Sizes, backgrounds and places do not matter to it.
    """
    single = relation == SINGLE
    key = np.full(relation.shape, HELD_OUT_SEED, dtype=np.uint64)
    second_shape = np.where(single, len(SHAPES), shape[:, 1])
    second_colour = np.where(single, len(COLOURS), colour[:, 1])
    for part in (relation, shape[:, 0], colour[:, 0], second_shape, second_colour):
        key = (key + part.astype(np.uint64) + np.uint64(1)) * np.uint64(2_654_435_761)
        key = (key ^ (key >> np.uint64(15))) & np.uint64(0xFFFFFFFF)
    held_out: NDArray[np.bool_] = key % np.uint64(HELD_OUT_ONE_IN) == 0
    return held_out


def sample_scenes(rng: np.random.Generator, count: int, held_out: bool = False) -> Scenes:
    """Draws `count` scenes, either all allowed in training or all held out. Same generator state, same scenes."""
    relation, shape, colour = _sample_named(rng, count, held_out)
    size = rng.integers(0, len(SIZES), (count, 2))
    background = rng.integers(0, len(BACKGROUNDS), count)
    span = RADIUS_RANGES[size]
    radius = span[..., 0] + (span[..., 1] - span[..., 0]) * rng.random((count, 2), dtype=np.float32)
    paint = COLOUR_RGB[colour] + rng.uniform(-0.02, 0.02, (count, 2, 3)).astype(np.float32)
    wall = BACKGROUND_RGB[background] + rng.uniform(-0.015, 0.015, (count, 3)).astype(np.float32)
    return Scenes(
        relation=relation,
        background=background,
        shape=shape,
        colour=colour,
        size=size,
        centre=_sample_centres(rng, relation, radius),
        radius=radius,
        rgb=paint.clip(0, 1),
        background_rgb=wall.clip(0, 1),
    )


def encode_slots(scenes: Scenes) -> Ints:
    """Encodes scenes as (count, 8) token ids in the slot order of `vocabulary.json`."""
    single = scenes.relation == SINGLE
    slots = np.empty((len(scenes), SLOT_COUNT), dtype=np.int64)
    slots[:, 0] = _tokens("background")[scenes.background]
    slots[:, 1] = _tokens("relation")[scenes.relation]
    for place, (kind, values) in enumerate((("shape", scenes.shape), ("colour", scenes.colour), ("size", scenes.size))):
        none = VOCABULARY[kind]["special"]["none"]
        slots[:, 2 + place] = _tokens(kind)[values[:, 0]]
        slots[:, 5 + place] = np.where(single, none, _tokens(kind)[values[:, 1]])
    return slots


def forget_slots(rng: np.random.Generator, slots: Ints, any_share: float, null_share: float) -> Ints:
    """Returns slots as an incomplete prompt gives them: some details become `any`, some rows fully null.

    In a share `any_share` of rows each size and the background is forgotten with chance 0.7 and each colour with
    0.15: people tend to leave out several details at once. Null rows train the unconditional half of guidance.
    """
    forgotten = slots.copy()
    terse = rng.random(len(slots)) < any_share
    for slot, kind, chance in ((0, "background", 0.7), (3, "colour", 0.15), (4, "size", 0.7)):
        _forget(rng, forgotten, terse, slot, kind, chance)
        if kind != "background":
            _forget(rng, forgotten, terse, slot + 3, kind, chance)
    forgotten[rng.random(len(slots)) < null_share] = VOCABULARY["nullToken"]
    return forgotten


def _forget(
    rng: np.random.Generator, slots: Ints, rows: NDArray[np.bool_], slot: int, kind: str, chance: float
) -> None:
    special = VOCABULARY[kind]["special"]
    named = slots[:, slot] != special.get("none", -1)
    slots[rows & named & (rng.random(len(slots)) < chance), slot] = special["any"]


def _sample_named(rng: np.random.Generator, count: int, held_out: bool) -> tuple[Ints, Ints, Ints]:
    """Draws relation, shapes and colours by rejection; one in four scenes has a single object."""
    rows: list[tuple[Ints, Ints, Ints]] = []
    missing = count
    while missing > 0:
        draw = missing * (2 * HELD_OUT_ONE_IN if held_out else 2) + 8
        relation = rng.choice(3, draw, p=[0.25, 0.375, 0.375]).astype(np.int64)
        shape = rng.integers(0, len(SHAPES), (draw, 2))
        colour = rng.integers(0, len(COLOURS), (draw, 2))
        # Twins of one colour and shape would make "left of" meaningless.
        twins = (shape[:, 0] == shape[:, 1]) & (colour[:, 0] == colour[:, 1])
        keep = np.flatnonzero((is_held_out(relation, shape, colour) == held_out) & ~twins)[:missing]
        rows.append((relation[keep], shape[keep], colour[keep]))
        missing -= len(keep)
    relation, shape, colour = (np.concatenate(parts) for parts in zip(*rows, strict=True))
    return relation, shape, colour


def _sample_centres(rng: np.random.Generator, relation: Ints, radius: Floats) -> Floats:
    """Places objects: a pair keeps to its own half along its axis and near the middle across it."""
    count = len(relation)
    loose = rng.random((count, 2), dtype=np.float32)
    low = np.stack([radius[:, 0] + 0.01, 0.5 + radius[:, 1]], axis=1)
    high = np.stack([0.5 - radius[:, 0], 0.99 - radius[:, 1]], axis=1)
    along = low + (high - low) * loose
    across = 0.5 + rng.uniform(-0.12, 0.12, (count, 2)).astype(np.float32)
    alone = 0.5 + rng.uniform(-0.14, 0.14, (count, 2, 2)).astype(np.float32)
    beside = np.stack([along, across], axis=2)
    stacked = np.stack([across, along], axis=2)
    kind = relation[:, None, None]
    return np.where(kind == SINGLE, alone, np.where(kind == BESIDE, beside, stacked)).astype(np.float32)
