"""Weights in eight bits, by real pipelines with random weights on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
pytest.importorskip("peft", reason="adapters need peft")

import kinds
import loras
import numpy as np
import torch
from input_urls import half_mask, noise, picture_url
from kinds import Drawing, Kind, item
from told import Told, run

from pilotlight_runtime.runner import RunnerError

LAYERS = {kinds.Z_IMAGE: ("layers.0.attention.to_q", 32), kinds.NEWBIE: ("layers.0.attn.to_q", 24)}


class Narrow(Drawing):
    """With its transformer in eight bits."""

    def __init__(self, kind: Kind, models_dir: Path) -> None:
        super().__init__(kind, models_dir, quant="fp8")


@pytest.fixture(params=kinds.ALL, ids=lambda kind: kind.runner)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def narrow(kind: Kind, models_dir: Path) -> Narrow:
    return kinds.shared(Narrow, kind, models_dir)


def drawn(drawing: Drawing, **params: Any) -> Any:
    drawing.pictures.clear()
    run(drawing.runner, [item(**params)], Told())
    return drawing.pictures[0]


def apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).mean())


def blocks_of(drawing: Drawing) -> list[Any]:
    return [layer.weight for layer in drawing.runner.pipeline.transformer.layers.modules() if is_linear(layer)]


def is_linear(layer: Any) -> bool:
    return isinstance(layer, torch.nn.Linear)


def test_the_blocks_of_the_transformer_are_kept_in_eight_bits_also_after_a_call(narrow: Narrow) -> None:
    drawn(narrow)

    kept = [weight.dtype for weight in blocks_of(narrow)]
    assert kept.count(torch.float8_e4m3fn) > len(kept) / 2
    assert narrow.runner.pipeline.transformer.dtype == torch.float32


def test_a_picture_is_another_but_near_the_one_of_the_whole_weights(
    kind: Kind, narrow: Narrow, models_dir: Path
) -> None:
    whole = kinds.shared(Drawing, kind, models_dir)

    near, far = drawn(whole), drawn(whole, seed=8)

    assert 0 < apart(drawn(narrow), near) < apart(far, near) / 4


def test_a_picture_does_not_depend_on_its_batch_mates(narrow: Narrow) -> None:
    alone = drawn(narrow)

    run(narrow.runner, [item("b", seed=1, prompt="two blue squares"), item("a")], Told())

    assert np.abs(narrow.pictures[-1] - alone).max() < 1e-5


def test_adapters_change_it_and_leave_it_as_it_was(kind: Kind, narrow: Narrow, tmp_path: Path) -> None:
    layer, side = LAYERS[kind]
    adapter = loras.write(tmp_path, loras.bytes_of(loras.pair(f"transformer.{layer}", side, side)))
    before = drawn(narrow)

    narrow.runner.adapt([adapter])
    adapted = drawn(narrow)
    narrow.runner.adapt([])

    assert apart(adapted, before) > 1e-4
    assert np.array_equal(drawn(narrow), before)


def test_it_draws_under_a_mask(models_dir: Path) -> None:
    narrow = kinds.shared(Narrow, kinds.Z_IMAGE, models_dir)

    picture = drawn(narrow, image=picture_url(noise()), mask=picture_url(half_mask()))

    assert np.array_equal((picture * 255).round().astype(np.uint8)[:, :16], noise()[:, :16])


@pytest.mark.parametrize("quant", ["int8", "int4", "fp4"])
def test_what_no_library_here_can_do_is_refused_and_never_passed_over(models_dir: Path, quant: str) -> None:
    with pytest.raises(RunnerError, match=f"quant: this runtime has no library for {quant}") as refused:
        Drawing(kinds.Z_IMAGE, models_dir, quant=quant)

    assert refused.value.code == "MODEL_NOT_LOADED"
