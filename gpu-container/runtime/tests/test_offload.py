"""A text encoder that stays in main memory, by real pipelines with random weights on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
pytest.importorskip("peft", reason="adapters need peft")

import kinds
import loras
import msgspec
import numpy as np
import torch
from input_urls import half_mask, noise, picture_url
from kinds import Drawing, Kind, item
from told import Told, run

from pilotlight_runtime.offload import keep_in_main_memory
from pilotlight_runtime.runner import RunnerError

LAYERS = {kinds.Z_IMAGE: ("layers.0.attention.to_q", 32), kinds.NEWBIE: ("layers.0.attn.to_q", 24)}


class Offloaded(Drawing):
    """With its text encoder in main memory."""

    def __init__(self, kind: Kind, models_dir: Path) -> None:
        super().__init__(kind, models_dir, offload="text_encoder")


@pytest.fixture(params=kinds.ALL, ids=lambda kind: kind.runner)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def whole(kind: Kind, models_dir: Path) -> Drawing:
    return kinds.shared(Drawing, kind, models_dir)


@pytest.fixture
def offloaded(kind: Kind, models_dir: Path) -> Offloaded:
    return kinds.shared(Offloaded, kind, models_dir)


def drawn(drawing: Drawing, *items: Any) -> list[Any]:
    drawing.pictures.clear()
    run(drawing.runner, list(items), Told())
    return list(drawing.pictures)


def test_pictures_are_the_same_alone_and_together(whole: Drawing, offloaded: Offloaded) -> None:
    asked = [item("a"), item("b", seed=1, prompt="two blue squares, left of a green star", n=2), item("c", seed=3)]

    alone, together = drawn(offloaded, asked[0]), drawn(offloaded, *asked)

    assert np.abs(alone[0] - drawn(whole, asked[0])[0]).max() < 1e-5
    assert len(together) == 4
    assert np.abs(np.stack(together) - np.stack(drawn(whole, *asked))).max() < 1e-5


def test_pictures_from_pictures_and_under_masks_are_the_same(models_dir: Path) -> None:
    whole, offloaded = (kinds.shared(each, kinds.Z_IMAGE, models_dir) for each in (Drawing, Offloaded))
    source = {"image": picture_url(noise()), "strength": 0.7}

    for asked in (source, source | {"mask": picture_url(half_mask())}):
        pair = [item("a", **asked), item("b", seed=1, **asked)]
        assert np.abs(np.stack(drawn(offloaded, *pair)) - np.stack(drawn(whole, *pair))).max() < 1e-5


def test_adapters_change_the_same(kind: Kind, whole: Drawing, offloaded: Offloaded, tmp_path: Path) -> None:
    layer, side = LAYERS[kind]
    adapter = loras.write(tmp_path, loras.bytes_of(loras.pair(f"transformer.{layer}", side, side)))
    bare = drawn(offloaded, item())

    adapted = []
    for drawing in (whole, offloaded):
        drawing.runner.adapt([adapter])
        adapted += drawn(drawing, item())
        drawing.runner.adapt([])

    assert np.abs(adapted[0] - adapted[1]).max() < 1e-5
    assert np.abs(adapted[0] - bare[0]).max() > 1e-4
    assert np.array_equal(drawn(offloaded, item()), bare)


def test_of_the_encoder_a_layer_is_on_the_device_while_it_runs_and_nothing_before_or_after(
    offloaded: Offloaded,
) -> None:
    encoder = offloaded.runner.pipeline.text_encoder
    kept = {name: parameter.data_ptr() for name, parameter in encoder.named_parameters()}
    brought: list[set[str]] = []

    def look(*_: Any) -> None:
        brought.append({name for name, each in encoder.named_parameters() if each.data_ptr() != kept[name]})

    layers = [layer for layer in encoder.modules() if list(layer.parameters(recurse=False))]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        drawn(offloaded, item("a"), item("b", seed=1))
    finally:
        for hook in hooks:
            hook.remove()

    assert {name for names in brought for name in names} == set(kept)
    assert all(len({name.rpartition(".")[0] for name in names}) == 1 for names in brought)
    assert {name: parameter.data_ptr() for name, parameter in encoder.named_parameters()} == kept


def test_pictures_are_decoded_one_at_a_time(offloaded: Offloaded, monkeypatch: pytest.MonkeyPatch) -> None:
    vae = offloaded.runner.pipeline.vae
    decode, sizes = vae._decode, []
    monkeypatch.setattr(vae, "_decode", lambda latents, *rest: sizes.append(len(latents)) or decode(latents, *rest))

    drawn(offloaded, item("a", n=2), item("b", seed=1))

    assert sizes == [1, 1, 1]


def test_an_encoder_that_ran_out_of_memory_holds_nothing_and_goes_on(
    offloaded: Offloaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = drawn(offloaded, item())
    encoder = offloaded.runner.pipeline.text_encoder
    kept = [parameter.data_ptr() for parameter in encoder.parameters()]
    layer = next(layer for layer in encoder.modules() if isinstance(layer, torch.nn.Linear))

    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(layer, "forward", fail)
        with pytest.raises(RunnerError, match="out of memory"):
            drawn(offloaded, item())

    assert [parameter.data_ptr() for parameter in encoder.parameters()] == kept
    assert np.array_equal(drawn(offloaded, item()), before)


def test_the_transformer_is_narrow_and_the_encoder_whole_where_both_are_asked_for(
    kind: Kind, whole: Drawing, models_dir: Path
) -> None:
    both = Drawing(kind, models_dir, offload="text_encoder", quant="fp8")

    pipeline = both.runner.pipeline
    types = [{each.dtype for each in part.parameters()} for part in (pipeline.transformer, pipeline.text_encoder)]

    assert types[0] == {torch.float8_e4m3fn, torch.float32}
    assert types[1] == {torch.float32}
    near, far = drawn(whole, item())[0], drawn(whole, item(seed=8))[0]
    assert 0 < np.abs(drawn(both, item())[0] - near).mean() < np.abs(far - near).mean() / 4


def test_another_part_is_refused_and_never_passed_over(models_dir: Path) -> None:
    with pytest.raises(msgspec.ValidationError, match="offload"):
        Drawing(kinds.Z_IMAGE, models_dir, offload="vae")


def test_gradients_or_not_a_model_computes_what_it_did_where_it_lay() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)).eval()
    given = torch.ones(2, 3)
    expected = model(given)

    keep_in_main_memory(model, "cpu")

    with torch.inference_mode():
        assert torch.equal(model(given), expected)
    with torch.no_grad():
        assert torch.equal(model(given), expected)
