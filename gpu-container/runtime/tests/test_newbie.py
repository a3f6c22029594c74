"""NewBie with random weights: guidance, the pooled branch, and what it reads of prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
pytest.importorskip("peft", reason="adapters need peft")

import kinds
import loras
import numpy as np
import tiny_newbie
import torch
from kinds import Drawing, item
from told import Told, run

from pilotlight_runtime.newbie import TOKENS_MAX
from pilotlight_runtime.newbie_pipeline import SYSTEM_PROMPT, Caption, Encoded, _pooled_of, repeated
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import RunnerError

XML = (
    "<character_1>\n<n>mira</n>\n<gender>1girl</gender>\n</character_1>\n"
    "<general_tags>\n<count>1girl</count>\n</general_tags>\n<caption>she reads</caption>"
)


@pytest.fixture
def drawing(models_dir: Path) -> Drawing:
    return kinds.shared(Drawing, kinds.NEWBIE, models_dir)


def drawn(drawing: Drawing, **params: Any) -> Any:
    run(drawing.runner, [item(**params)], Told())
    return drawing.pictures[-1]


def apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).max())


def test_the_registry_makes_it(models_dir: Path) -> None:
    runner = Registry(models_dir).create(tiny_newbie.MODEL, "1", "cpu")
    told = Told()

    run(runner, [item(prompt=XML)], told)

    assert told.ends == {"a": [7]}


def test_guidance_changes_the_picture_and_one_is_none(drawing: Drawing) -> None:
    pictures = [drawn(drawing, guidance_scale=scale) for scale in (1, 2.5, 4)]
    default = drawn(drawing)

    assert apart(pictures[0], pictures[1]) > 1e-4
    assert apart(pictures[1], pictures[2]) > 1e-4
    assert np.array_equal(default, pictures[2])


@pytest.mark.parametrize(("scale", "passes"), [(1, 3), (4, 6)])
def test_guidance_takes_a_second_pass_of_every_step(
    drawing: Drawing, scale: float, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    transformer = drawing.runner.pipeline.transformer
    forward = transformer.forward

    def counted(*args: Any, **named: Any) -> Any:
        calls.append(1)
        return forward(*args, **named)

    monkeypatch.setattr(transformer, "forward", counted)

    drawn(drawing, guidance_scale=scale)

    assert len(calls) == passes


def test_a_negative_prompt_changes_the_picture(drawing: Drawing) -> None:
    assert apart(drawn(drawing), drawn(drawing, negative_prompt="blurry")) > 1e-4


def test_negative_prompts_of_mates_do_not_mix(drawing: Drawing) -> None:
    alone = drawn(drawing, negative_prompt="blurry")

    mates = [item("b", negative_prompt="a much longer list of what is not wanted"), item(negative_prompt="blurry")]
    run(drawing.runner, [*mates, item("c")], Told())

    assert apart(alone, drawing.pictures[2]) < 1e-5


def test_the_pooled_vector_changes_the_picture(drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    before = drawn(drawing)
    tower = drawing.runner.pipeline.text_encoder_2
    features = tower.get_text_features

    def turned(**inputs: Any) -> torch.Tensor:
        return -features(**inputs).pooler_output

    monkeypatch.setattr(tower, "get_text_features", turned)

    assert apart(before, drawn(drawing)) > 1e-5


def test_the_system_prompt_is_for_the_language_model_alone(drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    read: dict[str, list[str]] = {"tokenizer": [], "tokenizer_2": []}
    pipeline = drawing.runner.pipeline
    params = drawing.runner.plan(item(prompt="a ring", negative_prompt="blurry")).asked
    for name, texts in read.items():
        tokenizer = getattr(pipeline, name)

        def reading(prompts: list[str], tokenizer: Any = tokenizer, texts: list[str] = texts, **named: Any) -> Any:
            texts.extend(prompts)
            return tokenizer(prompts, **named)

        monkeypatch.setattr(pipeline, name, reading)

    drawing.runner.run({"a": params}, Told())
    pipeline.encode([""])

    assert read["tokenizer"] == [f"{SYSTEM_PROMPT}blurry", f"{SYSTEM_PROMPT}a ring", ""]
    assert read["tokenizer_2"] == ["blurry", "a ring", ""]


def test_the_last_states_but_one_are_what_the_transformer_reads(drawing: Drawing) -> None:
    pipeline = drawing.runner.pipeline
    inputs = pipeline.tokenizer([SYSTEM_PROMPT + "a ring"], return_tensors="pt")

    with torch.inference_mode():
        states = pipeline.text_encoder(**inputs, output_hidden_states=True).hidden_states
        encoded = pipeline.encode(["a ring", "a ring and a much longer text"])

    assert torch.allclose(encoded.caption.words[0, : inputs.input_ids.shape[1]], states[-2][0], atol=1e-5)
    assert encoded.mask.sum(dim=1).tolist() == [inputs.input_ids.shape[1], encoded.mask.shape[1]]


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_a_prompt_is_read_whole_or_refused(drawing: Drawing, name: str) -> None:
    around = drawing.runner.pipeline.tokens_of("x") - 1
    whole = "x" * (TOKENS_MAX - around)

    drawing.runner.plan(item(**{name: whole}))
    with pytest.raises(RunnerError, match=f"{name}: has {TOKENS_MAX + 1} tokens, and the model reads {TOKENS_MAX}"):
        drawing.runner.plan(item(**{name: whole + "x"}))


def test_a_prompt_that_the_text_tower_would_cut_is_refused(drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing.runner.pipeline.tokenizer_2, "model_max_length", 12)

    drawing.runner.plan(item(prompt="x" * 10))
    with pytest.raises(RunnerError, match="has 13 tokens, and its text tower reads 12"):
        drawing.runner.plan(item(prompt="x" * 11))


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"guidance_scale": 0.5}, "guidance_scale"),
        ({"guidance_scale": 21}, "guidance_scale"),
        ({"guidance_scale": float("nan")}, "guidance_scale"),
        ({"guidance_scale": 1, "negative_prompt": "blurry"}, "negative_prompt"),
        ({"cfg_normalization": True}, "cfg_normalization"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(drawing: Drawing, params: dict[str, Any], names: str) -> None:
    with pytest.raises(RunnerError) as refused:
        drawing.runner.plan(item(**params))

    assert refused.value.code == "INVALID_INPUT"
    assert names in refused.value.message


def test_items_of_other_guidance_do_not_share_a_call(drawing: Drawing) -> None:
    assert drawing.runner.plan(item()).batch_key != drawing.runner.plan(item(guidance_scale=2)).batch_key


def test_the_scheduler_shifts_as_its_configuration_says(drawing: Drawing) -> None:
    before = drawn(drawing)

    drawing.runner.pipeline.scheduler.set_shift(1.0)
    other = drawn(drawing)
    drawing.runner.pipeline.scheduler.set_shift(6.0)

    assert apart(before, other) > 1e-4
    assert np.array_equal(before, drawn(drawing))


@pytest.mark.parametrize("form", [lambda vector: vector, lambda vector: (vector, "words"), lambda vector: [vector]])
def test_a_tower_may_give_its_vector_bare_or_as_the_first_of_several(form: Any) -> None:
    vector = torch.ones(2, 3)

    assert _pooled_of(form(vector)) is vector


def test_rows_are_repeated_in_order_with_their_masks() -> None:
    rows = torch.arange(2.0)
    encoded = Encoded(Caption(rows.view(2, 1, 1), rows.view(2, 1)), rows.view(2, 1))

    twice = repeated(encoded, [2, 1])

    assert [part.flatten().tolist() for part in (*twice.caption, twice.mask)] == [[0, 0, 1]] * 3


def test_adapters_find_its_layers_by_the_names_of_its_trainers(drawing: Drawing, tmp_path: Path) -> None:
    base = drawn(drawing)
    tensors = {
        **loras.pair("diffusion_model.layers.0.attention.qkv", 24, 24 + 8 + 8),
        **loras.pair("diffusion_model.layers.1.attention.out", 24, 24),
        **loras.pair("diffusion_model.layers.0.feed_forward.w2", 96, 24),
        **loras.pair("diffusion_model.time_text_embed.1", 24 + tiny_newbie.POOLED, 24),
        **loras.pair("diffusion_model.clip_text_pooled_proj.1", tiny_newbie.POOLED, tiny_newbie.POOLED),
    }

    drawing.runner.adapt([loras.write(tmp_path, loras.bytes_of(tensors))])
    adapted = drawn(drawing)
    drawing.runner.adapt([])

    assert apart(base, adapted) > 1e-3
    assert np.array_equal(base, drawn(drawing))


@pytest.mark.parametrize(
    ("published", "own"),
    [
        ("layers.1.attention.out", "layers.1.attn.to_out.0"),
        ("noise_refiner.0.feed_forward.w1", "noise_refiner.0.feed_forward.linear_1"),
        ("context_refiner.0.feed_forward.w3", "context_refiner.0.feed_forward.linear_3"),
        ("layers.0.adaLN_modulation.1", "layers.0.norm1.linear"),
        ("final_layer.adaLN_modulation.1", "norm_out.linear_1"),
        ("final_layer.linear", "norm_out.linear_2"),
        ("x_embedder", "x_embedder"),
        ("cap_embedder.1", "time_caption_embed.caption_embedder.1"),
        ("t_embedder.mlp.2", "time_caption_embed.timestep_embedder.linear_2"),
    ],
)
def test_every_layer_is_found_by_its_published_name(drawing: Drawing, published: str, own: str) -> None:
    drawn(drawing)
    names = drawing.runner.adapter_names()

    assert [layer.name for layer in names.find(f"diffusion_model.{published}") or ()] == [own]
