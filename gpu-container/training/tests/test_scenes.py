"""Scene language: determinism, the held-out rule, slot encoding, agreement with the product's prompt parser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gate_prompts import gate_prompts
from scenes import (
    BACKGROUNDS,
    BESIDE,
    COLOURS,
    MODEL_DIRECTORY,
    RELATIONS,
    SHAPES,
    SINGLE,
    SIZES,
    SLOT_COUNT,
    STACKED,
    TOKEN_COUNT,
    VOCABULARY,
    Scenes,
    encode_slots,
    forget_slots,
    is_held_out,
    sample_scenes,
)

SHARED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "prompt-slots.json").read_text("utf-8"))
GATE: list[dict[str, Any]] = json.loads((MODEL_DIRECTORY / "gate-prompts.json").read_text("utf-8"))


def scenes_of(expected: list[dict[str, Any]]) -> Scenes:
    """Builds scenes from described ones; details left open take the first value and are masked by the caller."""

    def column(names: list[str], key: str) -> np.ndarray[Any, Any]:
        rows = [[scene["objects"][min(i, len(scene["objects"]) - 1)][key] for i in range(2)] for scene in expected]
        return np.array([[names.index(name or names[0]) for name in row] for row in rows])

    count = len(expected)
    return Scenes(
        relation=np.array([RELATIONS.index(scene["relation"]) for scene in expected]),
        background=np.array([BACKGROUNDS.index(scene["background"] or BACKGROUNDS[0]) for scene in expected]),
        shape=column(SHAPES, "shape"),
        colour=column(COLOURS, "colour"),
        size=column(SIZES, "size"),
        centre=np.full((count, 2, 2), 0.5, np.float32),
        radius=np.full((count, 2), 0.2, np.float32),
        rgb=np.zeros((count, 2, 3), np.float32),
        background_rgb=np.zeros((count, 3), np.float32),
    )


def test_same_seed_gives_the_same_scenes() -> None:
    first = encode_slots(sample_scenes(np.random.default_rng(5), 200))
    again = encode_slots(sample_scenes(np.random.default_rng(5), 200))
    other = encode_slots(sample_scenes(np.random.default_rng(6), 200))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("held_out", [False, True])
def test_sampling_keeps_to_its_side_of_the_held_out_rule(held_out: bool) -> None:
    scenes = sample_scenes(np.random.default_rng(1), 3000, held_out)

    assert (is_held_out(scenes.relation, scenes.shape, scenes.colour) == held_out).all()


def test_about_one_scene_in_ten_is_held_out() -> None:
    rng = np.random.default_rng(2)
    relation = rng.integers(1, 3, 20_000)
    shape, colour = rng.integers(0, 6, (20_000, 2)), rng.integers(0, 8, (20_000, 2))

    assert 0.08 < is_held_out(relation, shape, colour).mean() < 0.12


def test_second_object_of_a_single_scene_does_not_change_the_rule() -> None:
    shape = np.array([[2, 0], [2, 5]])
    colour = np.array([[3, 1], [3, 7]])

    assert len(set(is_held_out(np.array([SINGLE, SINGLE]), shape, colour))) == 1


def test_first_object_of_a_pair_stands_left_or_on_top() -> None:
    scenes = sample_scenes(np.random.default_rng(3), 2000)
    gap = scenes.centre[:, 1] - scenes.centre[:, 0]
    touch = scenes.radius.sum(axis=1) - 1e-6

    assert (gap[scenes.relation == BESIDE, 0] >= touch[scenes.relation == BESIDE]).all()
    assert (gap[scenes.relation == STACKED, 1] >= touch[scenes.relation == STACKED]).all()


def test_slots_lie_in_the_vocabulary_and_name_no_second_object_when_single() -> None:
    scenes = sample_scenes(np.random.default_rng(4), 500)
    slots = encode_slots(scenes)
    none = [VOCABULARY[kind]["special"]["none"] for kind in ("shape", "colour", "size")]

    assert slots.shape == (500, SLOT_COUNT)
    assert ((slots > 0) & (slots < TOKEN_COUNT)).all()
    assert (slots[scenes.relation == SINGLE, 5:] == none).all()


def test_forgetting_opens_details_but_never_names_an_absent_object() -> None:
    rng = np.random.default_rng(8)
    scenes = sample_scenes(rng, 4000)
    slots = encode_slots(scenes)
    forgotten = forget_slots(rng, slots, any_share=0.5, null_share=0.1)
    is_null = (forgotten == 0).all(axis=1)
    single = (scenes.relation == SINGLE) & ~is_null

    assert 0.07 < is_null.mean() < 0.13
    assert np.array_equal(forgotten[single, 5:], slots[single, 5:])
    assert np.array_equal(forgotten[~is_null][:, [1, 2, 5]], slots[~is_null][:, [1, 2, 5]])


@pytest.mark.parametrize("rows", [SHARED, GATE], ids=["shared prompts", "gate prompts"])
def test_expected_scenes_encode_to_the_slots_that_the_parser_must_give(rows: list[dict[str, Any]]) -> None:
    described = [row for row in rows if row["expected"]]
    slots = encode_slots(scenes_of([row["expected"] for row in described]))
    for row, encoded in zip(described, slots, strict=True):
        expected = row["expected"]
        if expected["background"] is None:
            encoded[0] = VOCABULARY["background"]["special"]["any"]
        for index, thing in enumerate(expected["objects"]):
            for slot, kind in ((3, "colour"), (4, "size")):
                if thing[kind] is None:
                    encoded[slot + 3 * index] = VOCABULARY[kind]["special"]["any"]

        assert encoded.tolist() == row["slots"], row["prompt"]


def test_prompts_without_a_known_shape_have_null_slots() -> None:
    for row in SHARED:
        if row["expected"] is None:
            assert row["slots"] == [VOCABULARY["nullToken"]] * SLOT_COUNT


def test_gate_prompts_are_all_held_back_and_reproducible() -> None:
    scenes = scenes_of([row["expected"] for row in GATE])

    assert len(GATE) >= 300
    assert is_held_out(scenes.relation, scenes.shape, scenes.colour).all()
    assert gate_prompts(len(GATE), seed=404) == GATE
