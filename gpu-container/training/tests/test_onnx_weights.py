"""The reader of released weights, against what weights.json and the network say of them."""

from __future__ import annotations

import numpy as np

from onnx_weights import read_weights
from scenes import MODEL_DIRECTORY


def test_reads_every_weight_of_the_denoiser_in_its_shape() -> None:
    weights = read_weights(MODEL_DIRECTORY / "denoiser.onnx")

    assert weights["denoiser.stem.weight"].shape == (72, 5, 8, 8)
    assert weights["denoiser.prompt.weight"].shape == (160, 160)
    assert all(np.isfinite(weight).all() for weight in weights.values())
    # 3.6 million parameters in all, 0.5 million of them in the slot encoder.
    assert 2_900_000 < sum(weight.size for weight in weights.values()) < 3_300_000
