"""Weights in fewer bits, by real pipelines with random weights on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
pytest.importorskip("peft", reason="adapters need peft")
pytest.importorskip("torchao", reason="int8 needs torchao")
pytest.importorskip("bitsandbytes", reason="int4 needs bitsandbytes")

import kinds
import loras
import numpy as np
import torch
from input_urls import half_mask, noise, picture_url
from kinds import Drawing, Kind, item
from told import Told, run

from pilotlight_runtime import quants
from pilotlight_runtime.runner import RunnerError

LAYERS = {kinds.Z_IMAGE: ("layers.0.attention.to_q", 32), kinds.NEWBIE: ("layers.0.attn.to_q", 24)}


class Fp8(Drawing):
    """With its transformer in eight bits of floating point."""

    quant = "fp8"
    near = 1 / 4

    def __init__(self, kind: Kind, models_dir: Path) -> None:
        super().__init__(kind, models_dir, quant=self.quant)


class Int8(Fp8):
    """With transformer and text encoder in eight bits."""

    quant = "int8"


class Int4(Fp8):
    """With transformer and text encoder in four bits."""

    quant = "int4"
    near = 3 / 4


@pytest.fixture(params=kinds.ALL, ids=lambda kind: kind.runner)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(params=[Fp8, Int8, Int4], ids=lambda drawing_type: drawing_type.quant)
def drawing_type(request: pytest.FixtureRequest) -> type[Fp8]:
    return request.param


@pytest.fixture
def narrow(drawing_type: type[Fp8], kind: Kind, models_dir: Path) -> Fp8:
    return kinds.shared(drawing_type, kind, models_dir)


def drawn(drawing: Drawing, **params: Any) -> Any:
    drawing.pictures.clear()
    run(drawing.runner, [item(**params)], Told())
    return drawing.pictures[0]


def apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).mean())


def layers_of(part: Any) -> list[Any]:
    return [layer for layer in part.modules() if isinstance(layer, torch.nn.Linear)]


def bytes_of(tensor: Any) -> int:
    """With scales, whichever way a library keeps them."""
    if type(tensor).__name__ == "Int8Tensor":
        return tensor.qdata.nbytes + tensor.scale.nbytes
    state = getattr(tensor, "quant_state", None)
    return tensor.nbytes + (0 if state is None else state.absmax.nbytes)


def test_the_layers_of_transformer_and_text_encoder_are_kept_narrow_also_after_a_call(narrow: Fp8) -> None:
    drawn(narrow)

    pipeline = narrow.runner.pipeline
    for part in (pipeline.transformer, pipeline.text_encoder):
        layers = layers_of(part)
        shares = [bytes_of(layer.weight) / (layer.in_features * layer.out_features) for layer in layers]
        narrowed = [share for share in shares if share < 4]
        assert len(narrowed) > len(layers) / 2
        # A scale for each row of int8 weighs a quarter of a row of 16, as there are here, and nothing of one of 2,304.
        assert max(narrowed) <= {"fp8": 1, "int8": 1.25, "int4": 0.5 + 4 / 64}[narrow.quant]
    assert pipeline.transformer.dtype == torch.float32


def test_a_picture_is_another_but_near_the_one_of_the_whole_weights(
    kind: Kind, narrow: Fp8, models_dir: Path
) -> None:
    whole = kinds.shared(Drawing, kind, models_dir)

    near, far = drawn(whole), drawn(whole, seed=8)

    assert 0 < apart(drawn(narrow), near) < apart(far, near) * narrow.near


def test_a_picture_does_not_depend_on_its_batch_mates(narrow: Fp8) -> None:
    alone = drawn(narrow)

    run(narrow.runner, [item("b", seed=1, prompt="two blue squares"), item("a")], Told())

    assert np.abs(narrow.pictures[-1] - alone).max() < 1e-5


def test_adapters_change_it_and_leave_it_as_it_was(kind: Kind, narrow: Fp8, tmp_path: Path) -> None:
    layer, side = LAYERS[kind]
    adapter = loras.write(tmp_path, loras.bytes_of(loras.pair(f"transformer.{layer}", side, side)))
    before = drawn(narrow)

    narrow.runner.adapt([adapter])
    adapted = drawn(narrow)
    narrow.runner.adapt([])

    assert apart(adapted, before) > 1e-4
    assert np.array_equal(drawn(narrow), before)


def test_it_draws_under_a_mask(drawing_type: type[Fp8], models_dir: Path) -> None:
    narrow = kinds.shared(drawing_type, kinds.Z_IMAGE, models_dir)

    picture = drawn(narrow, image=picture_url(noise()), mask=picture_url(half_mask()))

    assert np.array_equal((picture * 255).round().astype(np.uint8)[:, :16], noise()[:, :16])


def refusal_of(models_dir: Path, quant: str) -> RunnerError:
    with pytest.raises(RunnerError) as refused:
        Drawing(kinds.Z_IMAGE, models_dir, quant=quant)
    return refused.value


def test_what_the_runtime_does_not_know_is_refused_and_never_passed_over(models_dir: Path) -> None:
    refused = refusal_of(models_dir, "fp4")

    assert (refused.code, refused.message) == (
        "MODEL_NOT_LOADED",
        "quant: this runtime knows fp8, int8, int4, not fp4",
    )


@pytest.mark.parametrize(("quant", "library"), [("int8", "torchao"), ("int4", "bitsandbytes")])
def test_what_needs_a_library_that_is_not_there_is_refused_by_its_name(
    models_dir: Path, monkeypatch: pytest.MonkeyPatch, quant: str, library: str
) -> None:
    monkeypatch.setattr(quants, "find_spec", lambda name: None)

    refused = refusal_of(models_dir, quant)

    assert refused.code == "MODEL_NOT_LOADED"
    assert refused.message == f"quant: {quant} needs {library}, which is not installed here"


@pytest.mark.parametrize("quant", ["fp8", "int8", "int4"])
def test_a_card_that_is_too_old_is_refused_before_anything_is_read(monkeypatch: pytest.MonkeyPatch, quant: str) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 0))

    with pytest.raises(RunnerError, match=f"quant: {quant} needs a card of capability 7.5, and this has 7.0"):
        quants.check_quant(quant, "cuda")

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 9))
    quants.check_quant(quant, "cuda")
