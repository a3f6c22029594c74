"""Renderer: exact colours, sizes that agree, shapes that differ, and a repeatable picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from render import render
from scenes import SHAPES, SINGLE, Scenes, sample_scenes


def singles(count: int, seed: int = 1) -> Scenes:
    """Scenes with one object in the middle, shapes taking turns."""
    scenes = sample_scenes(np.random.default_rng(seed), count)
    shape = np.repeat((np.arange(count) % len(SHAPES))[:, None], 2, axis=1)
    return replace(
        scenes,
        relation=np.full(count, SINGLE),
        shape=shape,
        centre=np.full((count, 2, 2), 0.5, np.float32),
        radius=np.full((count, 2), 0.22, np.float32),
    )


def test_pictures_have_range_type_and_shape_as_promised() -> None:
    picture, mask = render(sample_scenes(np.random.default_rng(0), 40), 64)

    assert picture.shape == (40, 3, 64, 64)
    assert mask.shape == (40, 1, 64, 64)
    assert picture.dtype == mask.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert mask.min() >= 0
    assert mask.max() <= 1


def test_rendering_repeats_exactly() -> None:
    scenes = sample_scenes(np.random.default_rng(9), 16)

    assert np.array_equal(render(scenes, 64)[0], render(scenes, 64)[0])


def test_corners_show_the_background_and_a_circle_its_colour() -> None:
    scenes = singles(len(SHAPES))
    picture, _ = render(scenes, 64)

    assert np.allclose(picture[:, :, 0, 0], scenes.background_rgb, atol=1e-6)
    assert np.allclose(picture[SHAPES.index("circle"), :, 32, 32], scenes.rgb[SHAPES.index("circle"), 0], atol=1e-6)


def test_a_ring_has_a_hole() -> None:
    _, mask = render(singles(len(SHAPES)), 64)

    assert mask[SHAPES.index("ring"), 0, 32, 32] == 0
    assert mask[SHAPES.index("circle"), 0, 32, 32] == 1


def test_large_renders_average_to_the_small_one() -> None:
    scenes = sample_scenes(np.random.default_rng(3), 12)
    small = render(scenes, 64)[0]
    large = render(scenes, 512)[0].reshape(12, 3, 64, 8, 64, 8).mean(axis=(3, 5))

    # One-pixel antialiasing is not an exact area average at corners, hence a margin there only.
    assert np.abs(small - large).mean() < 0.002


def test_all_shapes_differ_clearly_and_fit_their_radius() -> None:
    _, mask = render(singles(len(SHAPES)), 64)
    for first in range(len(SHAPES)):
        rows, columns = np.nonzero(mask[first, 0] > 0.5)
        reach_px = max(abs(rows - 31.5).max(), abs(columns - 31.5).max())
        assert reach_px <= 0.22 * 64 * 1.12
        for second in range(first):
            assert np.abs(mask[first] - mask[second]).sum() > 60


def test_single_scenes_draw_only_their_first_object() -> None:
    scenes = singles(6)
    moved = replace(scenes, centre=np.stack([scenes.centre[:, 0], np.full((6, 2), 0.2, np.float32)], axis=1))

    assert np.array_equal(render(scenes, 64)[0], render(moved, 64)[0])
