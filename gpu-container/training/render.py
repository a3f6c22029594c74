"""Signed-distance renderer of scenes, vectorized in numpy: exact edges at any side length.

Distance functions after Inigo Quilez, "2D distance functions" (iquilezles.org/articles/distfunctions2d).
Shapes are drawn at unit radius and scaled, so 64, 256 and 512 px pictures of one scene agree exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scenes import SHAPES, SINGLE, Floats, Scenes


def render(scenes: Scenes, side_px: int) -> tuple[Floats, Floats]:
    """Renders scenes at `side_px`.

    Returns pictures (count, 3, side, side) in 0..1 and object coverage (count, 1, side, side) in 0..1.
    Edges are antialiased over one pixel of that side length.
    """
    coverage = np.stack([_coverage(scenes, 0, side_px), _coverage(scenes, 1, side_px)], axis=1)
    coverage[scenes.relation == SINGLE, 1] = 0
    picture = np.broadcast_to(scenes.background_rgb[:, :, None, None], (len(scenes), 3, side_px, side_px))
    for index in range(2):
        alpha = coverage[:, index : index + 1]
        picture = picture + (scenes.rgb[:, index, :, None, None] - picture) * alpha
    return picture.astype(np.float32), coverage.max(axis=1, keepdims=True)


def _coverage(scenes: Scenes, index: int, side_px: int) -> Floats:
    ticks = (np.arange(side_px, dtype=np.float32) + np.float32(0.5)) / np.float32(side_px)
    coverage = np.zeros((len(scenes), side_px, side_px), dtype=np.float32)
    for number, name in enumerate(SHAPES):
        rows = np.flatnonzero(scenes.shape[:, index] == number)
        if len(rows) == 0:
            continue
        radius = scenes.radius[rows, index][:, None, None]
        x = (ticks[None, None, :] - scenes.centre[rows, index, 0][:, None, None]) / radius
        y = (ticks[None, :, None] - scenes.centre[rows, index, 1][:, None, None]) / radius
        distance_px = DISTANCES[name](x, y) * radius * np.float32(side_px)
        coverage[rows] = np.clip(np.float32(0.5) - distance_px, 0, 1)
    return coverage


def _circle(x: Floats, y: Floats) -> Floats:
    return np.sqrt(x * x + y * y) - np.float32(0.94)


def _ring(x: Floats, y: Floats) -> Floats:
    return np.abs(np.sqrt(x * x + y * y) - np.float32(0.72)) - np.float32(0.25)


def _box(x: Floats, y: Floats, half_width: float, half_height: float) -> Floats:
    # The exact outer corner would be rounded by a pixel at most; the plain maximum keeps corners crisp.
    return np.maximum(np.abs(x) - np.float32(half_width), np.abs(y) - np.float32(half_height))


def _square(x: Floats, y: Floats) -> Floats:
    return _box(x, y, 0.84, 0.84)


def _cross(x: Floats, y: Floats) -> Floats:
    return np.minimum(_box(x, y, 0.97, 0.33), _box(x, y, 0.33, 0.97))


def _triangle(x: Floats, y: Floats) -> Floats:
    # Equilateral, tip up, circumradius 1.1; moved down so that it looks centred.
    down = y - np.float32(0.2)
    slope = np.float32(np.sqrt(3) / 2) * np.abs(x) - np.float32(0.5) * down
    distance: Floats = np.maximum(slope, down) - np.float32(0.55)
    return distance


def _star(x: Floats, y: Floats) -> Floats:
    # Five points: fold the plane into one tenth, then take the distance to that tenth's single edge.
    angle = np.arctan2(np.broadcast_to(x, np.broadcast_shapes(x.shape, y.shape)), -y)
    sector = np.float32(2 * np.pi / 5)
    folded = np.abs(np.mod(angle + sector / 2, sector) - sector / 2)
    length = np.sqrt(x * x + y * y)
    along, across = length * np.cos(folded), length * np.sin(folded)
    outer, inner = 1.08, 0.5
    inner_along, inner_across = inner * np.cos(np.pi / 5), inner * np.sin(np.pi / 5)
    edge = np.hypot(inner_along - outer, inner_across)
    normal_along, normal_across = inner_across / edge, (outer - inner_along) / edge
    distance = (along - np.float32(outer)) * np.float32(normal_along) + across * np.float32(normal_across)
    return distance.astype(np.float32)


DISTANCES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "ring": _ring,
    "star": _star,
    "cross": _cross,
}
