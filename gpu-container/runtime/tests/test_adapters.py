"""Adapters of Z-Image with random weights: the real loader on a CPU."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
pytest.importorskip("peft", reason="adapters need peft")

import kinds
import loras
import numpy as np
import torch
from kinds import Drawing, item
from told import Told, run

from pilotlight_runtime.messages import Adapter
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import AdaptingRunner, RunnerError

LAYERS = ["layers.0.attention.to_q", "layers.1.attention.to_v", "noise_refiner.0.attention.to_out.0"]
BYTES_OF_ONE = len(LAYERS) * 2 * 4 * 32 * 4


class Adapted(Drawing):
    """Draws one picture with a set of adapters."""

    def draw(self, *adapters: Adapter) -> Any:
        self.runner.adapt(adapters)
        told = Told()
        run(self.runner, [item()], told)
        assert told.ends == {"a": [7]}
        return self.pictures[-1]

    @property
    def loaded(self) -> tuple[str, ...]:
        return self.runner._loaded_adapters().loaded


# peft says so of every second adapter.
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`", "ignore:Adapter .* was active")


@pytest.fixture
def drawing(models_dir: Path) -> Adapted:
    return kinds.shared(Adapted, kinds.Z_IMAGE, models_dir)


def tensors_of(seed: int = 0, prefix: str = "transformer.", style: str = "peft", rank: int = 4) -> dict[str, Any]:
    tensors: dict[str, Any] = {}
    for index, layer in enumerate(LAYERS):
        base = f"lora_unet_{layer.replace('.', '_')}" if style == "kohya" else prefix + layer
        tensors |= loras.pair(base, 32, 32, seed=seed + index, style=style, rank=rank)
    return tensors


def lora(folder: Path, seed: int = 0, weight: float = 1.0, **named: Any) -> Adapter:
    return loras.write(folder, loras.bytes_of(tensors_of(seed, **named)), weight, name=f"lora-{seed}")


def apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).max())


@pytest.mark.parametrize(("memory", "bytes_max"), [({}, 0), ({"memory": {"adapters_mb": 7}}, 7_000_000)])
def test_adapters_may_take_what_the_manifest_keeps_free_for_them(
    models_dir: Path, tmp_path: Path, memory: dict[str, Any], bytes_max: int
) -> None:
    model_dir = tmp_path / "model"
    model_dir.mkdir()
    (model_dir / "weights").symlink_to(models_dir / kinds.Z_IMAGE.model / "weights")
    runtime = {"runner": "z_image", "dtype": "float32"}
    (model_dir / "manifest.json").write_text(json.dumps({"revision": "1", "runtime": runtime, **memory}))

    runner: Any = Registry(tmp_path).create("model", "1", "cpu")

    assert runner._loaded_adapters()._bytes_max == bytes_max


def test_it_takes_adapters(drawing: Adapted) -> None:
    assert isinstance(drawing.runner, AdaptingRunner)


def test_without_its_adapter_a_model_draws_exactly_as_before(drawing: Adapted, tmp_path: Path) -> None:
    adapter = lora(tmp_path)

    before = drawing.draw()
    adapted = drawing.draw(adapter)
    after = drawing.draw()
    again = drawing.draw(adapter)

    assert np.array_equal(before, after)
    assert np.array_equal(adapted, again)
    assert apart(before, adapted) > 1e-2


def test_the_weight_scales_what_it_adds(drawing: Adapted, tmp_path: Path) -> None:
    base = drawing.draw()

    none, little, whole = (drawing.draw(lora(tmp_path, weight=weight)) for weight in (0.0, 0.05, 1.0))

    assert apart(base, none) < 1e-6
    assert 1e-5 < apart(base, little) < apart(base, whole)


def test_it_draws_what_the_merged_weights_draw(models_dir: Path, tmp_path: Path) -> None:
    drawing = Adapted(kinds.Z_IMAGE, models_dir)
    tensors: dict[str, Any] = {}
    for rank, layer in zip((2, 7, 32), LAYERS, strict=True):
        tensors |= loras.pair(f"transformer.{layer}", 32, 32, rank=rank, seed=rank)
    adapted = drawing.draw(loras.write(tmp_path, loras.bytes_of(tensors), weight=0.7))
    drawing.draw()

    drawing.runner._loaded_adapters().clear()
    modules = dict(drawing.runner.pipeline.transformer.named_modules())
    with torch.no_grad():
        for layer in LAYERS:
            down, up = (torch.from_numpy(tensors[f"transformer.{layer}.lora_{part}.weight"]) for part in "AB")
            modules[layer].weight += 0.7 * up @ down

    assert apart(adapted, drawing.draw()) < 1e-5


def test_names_of_other_trainers_draw_the_same(drawing: Adapted, tmp_path: Path) -> None:
    alphas = {f"lora_unet_{layer.replace('.', '_')}.alpha": np.float32(4) for layer in LAYERS}
    kohya = loras.bytes_of({**tensors_of(style="kohya"), **alphas})

    ours = drawing.draw(lora(tmp_path))
    others = [
        drawing.draw(loras.write(tmp_path, kohya, name="kohya")),
        drawing.draw(lora(tmp_path, prefix="diffusion_model.")),
        drawing.draw(lora(tmp_path, prefix="", style="dots")),
    ]

    assert [apart(ours, other) for other in others] == [0, 0, 0]


def test_a_layer_for_three_adds_to_each_its_rows(drawing: Adapted, tmp_path: Path) -> None:
    block = "layers.0.attention"
    fused = loras.pair(f"diffusion_model.{block}.qkv", 32, 96)
    down, up = fused.values()
    split = {}
    for index, part in enumerate("qkv"):
        split[f"{block}.to_{part}.lora_A.weight"] = down
        split[f"{block}.to_{part}.lora_B.weight"] = up[32 * index : 32 * (index + 1)]

    as_one = drawing.draw(loras.write(tmp_path, loras.bytes_of(fused), name="fused"))
    as_three = drawing.draw(loras.write(tmp_path, loras.bytes_of(split), name="split"))

    assert np.array_equal(as_one, as_three)


@pytest.mark.parametrize(
    ("published", "own"),
    [
        ("x_embedder", "all_x_embedder.2-1"),
        ("final_layer.linear", "all_final_layer.2-1.linear"),
        ("final_layer.adaLN_modulation.1", "all_final_layer.2-1.adaLN_modulation.1"),
        ("cap_embedder.1", "cap_embedder.1"),
        ("t_embedder.mlp.0", "t_embedder.mlp.0"),
        ("context_refiner.0.attention.out", "context_refiner.0.attention.to_out.0"),
        ("layers.1.adaLN_modulation.0", "layers.1.adaLN_modulation.0"),
    ],
)
def test_every_layer_is_found_by_its_published_name(drawing: Adapted, published: str, own: str) -> None:
    drawing.draw()
    names = drawing.runner.adapter_names()

    assert [layer.name for layer in names.find(f"diffusion_model.{published}") or ()] == [own]


def test_a_layer_around_the_blocks_is_adapted(drawing: Adapted, tmp_path: Path) -> None:
    layer = drawing.runner.pipeline.transformer.all_x_embedder["2-1"]
    tensors = loras.pair("diffusion_model.x_embedder", layer.in_features, layer.out_features)

    assert apart(drawing.draw(), drawing.draw(loras.write(tmp_path, loras.bytes_of(tensors)))) > 1e-3


def test_two_adapters_add_up_in_any_order(drawing: Adapted, tmp_path: Path) -> None:
    first, second = lora(tmp_path, 1, weight=0.5), lora(tmp_path, 2, weight=0.8, rank=7)

    alone = drawing.draw(first), drawing.draw(second)
    together = drawing.draw(first, second)
    turned = drawing.draw(second, first)

    assert min(apart(together, each) for each in alone) > 1e-3
    assert apart(together, turned) < 1e-5
    assert np.array_equal(drawing.draw(first), alone[0])


def test_adapters_of_different_layers_keep_to_their_own(drawing: Adapted, tmp_path: Path) -> None:
    first, second = (
        loras.write(tmp_path, loras.bytes_of(loras.pair(f"transformer.{layer}", 32, 32)), name=layer)
        for layer in ("layers.0.attention.to_q", "layers.1.attention.to_v")
    )
    alone = drawing.draw(first)

    together = drawing.draw(first, second)

    assert apart(alone, together) > 1e-4
    assert np.array_equal(drawing.draw(first), alone)


def test_the_least_recently_used_gives_way(drawing: Adapted, tmp_path: Path) -> None:
    adapters = drawing.runner._loaded_adapters()
    adapters._bytes_max = 2 * BYTES_OF_ONE
    one, two, three = (lora(tmp_path, seed) for seed in (1, 2, 3))
    pictures = [drawing.draw(each) for each in (one, two)]

    drawing.draw(one)
    drawing.draw(three)

    assert drawing.loaded == (one.sha256, three.sha256)
    assert np.array_equal(drawing.draw(one), pictures[0])
    assert np.array_equal(drawing.draw(two), pictures[1])
    assert len(drawing.loaded) == 2


def test_one_that_fills_the_room_alone_takes_the_place_of_all(drawing: Adapted, tmp_path: Path) -> None:
    base = drawing.draw()
    drawing.runner._loaded_adapters()._bytes_max = BYTES_OF_ONE

    for seed in (1, 2):
        drawing.draw(lora(tmp_path, seed))

    assert len(drawing.loaded) == 1
    assert np.array_equal(drawing.draw(), base)


def test_a_set_that_passes_the_room_is_refused(drawing: Adapted, tmp_path: Path) -> None:
    drawing.runner._loaded_adapters()._bytes_max = 2 * BYTES_OF_ONE - 1

    with pytest.raises(RunnerError, match="too large") as refused:
        drawing.draw(lora(tmp_path, 1), lora(tmp_path, 2))

    assert refused.value.code == "ADAPTER_INVALID"
    assert drawing.loaded == ()


def test_one_that_is_loaded_is_not_read_again(drawing: Adapted, tmp_path: Path) -> None:
    adapter = lora(tmp_path)
    before = drawing.draw(adapter)
    Path(adapter.path).unlink()

    assert np.array_equal(drawing.draw(adapter), before)


def test_the_same_adapter_twice_is_refused(drawing: Adapted, tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="twice") as refused:
        drawing.draw(lora(tmp_path), lora(tmp_path))

    assert refused.value.code == "ADAPTER_INVALID"


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_wrong_one_leaves_the_model_as_it_is(drawing: Adapted, tmp_path: Path, is_loaded: bool) -> None:
    base = drawing.draw()
    good = lora(tmp_path, 1)
    if is_loaded:
        drawing.draw(good)
    tensors = {**tensors_of(2), "transformer.layers.0.attention.to_q.lokr_w1": np.zeros((2, 2), np.float32)}
    wrong = loras.write(tmp_path, loras.bytes_of(tensors), name="wrong")

    with pytest.raises(RunnerError, match="LoKr") as refused:
        drawing.draw(good, wrong)
    run(drawing.runner, [item()], Told())

    assert refused.value.code == "ADAPTER_INVALID"
    assert np.array_equal(drawing.pictures[-1], base)


def out_of_memory(*_: Any, **__: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("place", ["before", "half", "after"])
def test_one_that_does_not_fit_leaves_the_model_usable(
    drawing: Adapted, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import peft

    base = drawing.draw()
    adapter, other = lora(tmp_path), lora(tmp_path, 5)
    pictures = drawing.draw(other), drawing.draw()
    owner, name = {
        "before": (drawing.runner.pipeline, "load_lora_weights"),
        "half": (peft, "set_peft_model_state_dict"),
        "after": (drawing.runner.pipeline, "set_adapters"),
    }[place]

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, out_of_memory)
        with pytest.raises(RunnerError) as raised:
            drawing.draw(adapter)
    run(drawing.runner, [item()], Told())

    assert raised.value.code == "OOM"
    # A chain would hold the frames, and with them the tensors that did not fit.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    # Nothing that was loaded stays behind: its room may be what was missing.
    assert drawing.loaded == ()
    assert np.array_equal(drawing.pictures[-1], base)
    assert np.array_equal(drawing.draw(other), pictures[0])
    assert apart(drawing.draw(adapter), base) > 1e-2


def test_a_call_that_runs_out_of_memory_puts_adapters_out(
    drawing: Adapted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawing.draw(lora(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(drawing.runner.pipeline.vae, "decode", out_of_memory)
        with pytest.raises(RunnerError):
            drawing.draw()

    assert drawing.loaded == ()


def test_a_model_of_half_precision_gets_adapters_of_its_own_type(models_dir: Path, tmp_path: Path) -> None:
    drawing = Adapted(kinds.Z_IMAGE, models_dir, dtype="bfloat16")
    base = drawing.draw()

    adapted = drawing.draw(lora(tmp_path))

    parameters = dict(drawing.runner.pipeline.transformer.named_parameters())
    assert {value.dtype for name, value in parameters.items() if "lora" in name} == {torch.bfloat16}
    assert apart(adapted, base) > 1e-2
    assert np.array_equal(drawing.draw(), base)


def test_a_file_that_diffusers_wrote_draws_as_it_does_there(models_dir: Path, tmp_path: Path) -> None:
    from peft import LoraConfig

    there = Adapted(kinds.Z_IMAGE, models_dir)
    transformer = there.runner.pipeline.transformer
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["to_q", "to_v", "w2"], init_lora_weights=False)
    torch.manual_seed(3)
    transformer.add_adapter(config, "theirs")
    run(there.runner, [item()], Told())
    transformer.save_lora_adapter(tmp_path, adapter_name="theirs", weight_name="theirs.safetensors")

    ours = Adapted(kinds.Z_IMAGE, models_dir).draw(
        loras.write(tmp_path, (tmp_path / "theirs.safetensors").read_bytes())
    )

    assert apart(ours, there.pictures[-1]) < 1e-5
