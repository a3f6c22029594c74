"""Draws the training log as a small SVG, so that no plotting library is needed."""

from __future__ import annotations

import csv
import math
from pathlib import Path

WIDTH_PX, HEIGHT_PX, MARGIN_PX = 640, 320, 48


def draw_loss_curve(log: Path, model: str) -> str:
    """Returns an SVG of loss (logarithmic) over thousands of pictures; `log` is what the model's training wrote."""
    with log.open(newline="") as file:
        rows = [(float(row["images"]) / 1000, float(row["loss"])) for row in csv.DictReader(file)]
    right = max(images for images, _ in rows)
    low, high = (math.log10(pick(loss for _, loss in rows)) for pick in (min, max))
    low, high = math.floor(low * 10) / 10, math.ceil(high * 10) / 10

    def x_px(images: float) -> float:
        return MARGIN_PX + (WIDTH_PX - 2 * MARGIN_PX) * images / right

    def y_px(loss: float) -> float:
        return HEIGHT_PX - MARGIN_PX - (HEIGHT_PX - 2 * MARGIN_PX) * (math.log10(loss) - low) / (high - low)

    points = " ".join(f"{x_px(images):.1f},{y_px(loss):.1f}" for images, loss in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {HEIGHT_PX}" font-family="sans-serif" '
        'font-size="11" fill="#444">',
        f'<rect width="{WIDTH_PX}" height="{HEIGHT_PX}" fill="#fff"/>',
        f'<text x="{MARGIN_PX}" y="24" font-size="13">{model}: training loss (log scale)</text>',
    ]
    for step in range(5):
        loss = 10 ** (low + (high - low) * step / 4)
        y, images = y_px(loss), right * step / 4
        parts.append(f'<path d="M{MARGIN_PX} {y:.1f}H{WIDTH_PX - MARGIN_PX}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN_PX - 6}" y="{y + 4:.1f}" text-anchor="end">{loss:.3f}</text>')
        label_y = HEIGHT_PX - MARGIN_PX + 18
        parts.append(f'<text x="{x_px(images):.1f}" y="{label_y}" text-anchor="middle">{images:.0f}k pictures</text>')
    parts.append(f'<polyline points="{points}" fill="none" stroke="#c2410c" stroke-width="1.5"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
