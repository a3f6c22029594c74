"""Qwen3-VL with random weights: the real model on a CPU."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests answer with torch")

import tiny_qwen_vl
import torch
from chat_told import Told
from PIL import Image

from pilotlight_runtime.messages import Answer
from pilotlight_runtime.qwen_vl import QwenVlRunner
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import BatchItem, RunnerError, Setup


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_qwen_vl.main(folder)
    return folder


@pytest.fixture(scope="module")
def runner(models_dir: Path) -> QwenVlRunner:
    made = QwenVlRunner()
    made.setup(Setup(models_dir / tiny_qwen_vl.MODEL, tiny_qwen_vl.RUNTIME, "cpu"))
    return made


def run(runner: QwenVlRunner, items: Sequence[BatchItem], told: Told | None = None) -> Told:
    told = Told() if told is None else told
    runner.run({each.id: runner.plan(each).asked for each in items}, told)
    return told


def item(item_id: str = "a", text: str = "what is this?", picture: str | None = None, **params: Any) -> BatchItem:
    content: Any = text if picture is None else [part_of(picture), {"type": "text", "text": text}]
    asked = {"messages": [{"role": "user", "content": content}], "max_tokens": 12, "temperature": 0, **params}
    return BatchItem(item_id, asked)


def part_of(colour: str, size: tuple[int, int] = (70, 40)) -> dict[str, Any]:
    body = io.BytesIO()
    Image.new("RGB", size, colour).save(body, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(body.getvalue()).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def test_an_answer_does_not_depend_on_its_batch_mates(runner: QwenVlRunner) -> None:
    items = [
        item("plain", "hello"),
        item("red", picture="red"),
        item("long", "a question that is a good deal longer than the others are", picture="lime", max_tokens=30),
        item("sampled", "tell me more", temperature=1.0, top_p=0.95, seed=5, max_tokens=20),
    ]

    alone = [run(runner, [each]) for each in items]
    together = run(runner, items)

    for each, own in zip(items, alone, strict=True):
        assert own.texts[each.id] == together.texts[each.id]
        assert own.answers[each.id] == together.answers[each.id]
    assert len(set(together.texts.values())) == len(items)


def test_an_item_that_is_done_ends_while_its_mates_go_on(runner: QwenVlRunner) -> None:
    told = run(runner, [item("long", max_tokens=20), item("short", "hello", max_tokens=2)])

    assert told.ends == [("short", "succeeded"), ("long", "succeeded")]
    assert told.steps == {"long": list(range(1, 21)), "short": [1, 2]}
    assert told.shares["short"] < told.shares["long"]


def test_a_picture_changes_the_answer_and_counts_its_tokens(runner: QwenVlRunner) -> None:
    told = run(runner, [item("none"), item("red", picture="red"), item("blue", picture="blue")])

    assert len(set(told.texts.values())) == 3
    none, red = told.answers["none"], told.answers["red"]
    assert none is not None
    assert red is not None
    # 70 x 40 pixels are read as 64 x 32: two tokens of 32 x 32, and one before and after them.
    assert red.prompt_tokens == none.prompt_tokens + 4


def test_it_answers_as_the_library_itself_does(runner: QwenVlRunner) -> None:
    asked = runner.plan(item(picture="red")).asked
    ids = torch.tensor([asked.tokens])
    types = (ids == runner._model.config.image_token_id).int()
    expected = runner._model.generate(
        input_ids=ids, mm_token_type_ids=types, max_new_tokens=12, do_sample=False, **asked.pictures
    )

    told = run(runner, [item(picture="red")])

    assert told.texts["a"] == runner._tokenizer.decode(expected[0, ids.shape[1] :], skip_special_tokens=True)


def test_deltas_come_one_by_one_and_make_the_whole_text(runner: QwenVlRunner) -> None:
    told = run(runner, [item("a", max_tokens=40), item("b", "hello", max_tokens=40)])

    for item_id in ("a", "b"):
        assert "".join(told.deltas[item_id]) == told.texts[item_id]
        assert len(told.deltas[item_id]) > 5


def test_tokens_are_counted_and_the_end_is_named(runner: QwenVlRunner) -> None:
    told = run(runner, [item("a", "hello", max_tokens=3)])

    prompt = runner._tokenizer.apply_chat_template(
        [{"role": "user", "content": "hello"}], tokenize=False, add_generation_prompt=True
    )
    tokens = len(runner._tokenizer(prompt).input_ids)
    assert told.answers["a"] == Answer(finish_reason="length", prompt_tokens=tokens, completion_tokens=3)


def test_the_model_may_end_its_answer_itself(runner: QwenVlRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    said = [*b"hi", tiny_qwen_vl.tokenizer_of().convert_tokens_to_ids("<|im_end|>")]
    say(runner, said, monkeypatch)

    told = run(runner, [item()])

    assert told.texts == {"a": "hi"}
    assert told.answers["a"] is not None
    assert (told.answers["a"].finish_reason, told.answers["a"].completion_tokens) == ("stop", 3)


@pytest.mark.parametrize("stop", ["STOP", ["never", "STOP"]])
def test_a_stop_string_of_several_tokens_is_never_told(
    runner: QwenVlRunner, stop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(runner, list(b"go on STOp. STOP this"), monkeypatch)

    told = run(runner, [item(stop=stop, max_tokens=21)])

    assert told.texts == {"a": "go on STOp. "}
    assert "".join(told.deltas["a"]) == "go on STOp. "
    assert told.answers["a"] is not None
    assert (told.answers["a"].finish_reason, told.answers["a"].completion_tokens) == ("stop", 16)


def test_what_a_stop_string_might_have_begun_with_is_told_at_the_end(
    runner: QwenVlRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(runner, list(b"so ST"), monkeypatch)

    told = run(runner, [item(stop="STOP", max_tokens=5)])

    assert told.texts == {"a": "so ST"}
    assert told.answers["a"] is not None
    assert told.answers["a"].finish_reason == "length"


def test_a_seed_repeats_its_answer_and_another_gives_another(runner: QwenVlRunner) -> None:
    sampled = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 30}

    items = [item("once", seed=1, **sampled), item("again", seed=1, **sampled), item("other", seed=2, **sampled)]

    told = run(runner, items)
    later = run(runner, [item("once", seed=1, **sampled)])

    assert told.texts["once"] == told.texts["again"] == later.texts["once"]
    assert told.texts["once"] != told.texts["other"]
    assert told.seeds == {"once": [1], "again": [1], "other": [2]}


def test_without_a_seed_one_is_drawn_by_lot_and_told(runner: QwenVlRunner) -> None:
    told = run(runner, [item("a"), item("b")])

    assert told.seeds["a"] != told.seeds["b"]


def test_a_nucleus_of_nothing_but_the_likeliest_is_greedy(runner: QwenVlRunner) -> None:
    told = run(runner, [item("greedy"), item("narrow", temperature=2.0, top_p=1e-6, seed=9)])

    assert told.texts["greedy"] == told.texts["narrow"]


def test_tokens_are_chosen_as_often_as_they_are_likely(runner: QwenVlRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    # Of a half, three tenths and a fifth the nucleus of three quarters leaves the first two, at five to three.
    scores = torch.full((1, 263), -100.0)
    scores[0, [symbol_of(runner, token) for token in b"xyz"]] = torch.tensor([0.5, 0.3, 0.2]).log()
    say_scores(runner, lambda _: scores, monkeypatch)

    told = run(runner, [item(temperature=1.0, top_p=0.75, seed=3, max_tokens=400)])

    counts = {letter: told.texts["a"].count(letter) for letter in "xyz"}
    assert counts["z"] == 0
    assert counts["x"] + counts["y"] == 400
    assert abs(counts["x"] / 400 - 0.625) < 0.07


def test_one_that_is_canceled_stops_within_a_token_and_its_mates_go_on(runner: QwenVlRunner) -> None:
    expected = run(runner, [item("kept", max_tokens=20)])
    told = Told(stops={"gone": 3, "never": 0})

    run(runner, [item("gone", "hello", max_tokens=20), item("never"), item("kept", max_tokens=20)], told)

    assert told.ends == [("never", "stopped"), ("gone", "stopped"), ("kept", "succeeded")]
    assert told.steps["gone"] == [1, 2, 3]
    assert "gone" not in told.texts
    assert told.texts["kept"] == expected.texts["kept"]


def test_when_all_are_canceled_the_call_ends_and_the_next_one_is_right(runner: QwenVlRunner) -> None:
    before = run(runner, [item(max_tokens=20)])
    told = run(runner, [item("a", max_tokens=500), item("b", max_tokens=500)], Told(stops={"a": 2, "b": 3}))
    after = run(runner, [item(max_tokens=20)])

    assert told.ends == [("a", "stopped"), ("b", "stopped")]
    assert told.steps == {"a": [1, 2], "b": [1, 2, 3]}
    assert before.texts == after.texts


@pytest.mark.parametrize("part", ["visual", "language_model"])
def test_a_call_that_runs_out_of_memory_says_so_and_the_next_one_is_right(
    runner: QwenVlRunner, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = run(runner, [item(picture="red")])
    with monkeypatch.context() as patch:
        patch.setattr(getattr(runner._model.model, part), "forward", out_of_memory)

        with pytest.raises(RunnerError) as raised:
            run(runner, [item(picture="red")])
    after = run(runner, [item(picture="red")])

    assert raised.value.code == "OOM"
    # A chain would hold the frames, and with them the tensors that did not fit.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert before.texts == after.texts


def test_a_row_without_numbers_fails_its_item_alone(runner: QwenVlRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(scores: Any) -> Any:
        scores[0] = float("nan")
        return scores

    expected = run(runner, [item("good")])
    say_scores(runner, spoil, monkeypatch)

    told = run(runner, [item("bad"), item("good")])

    assert dict(told.ends) == {"bad": "NAN_OUTPUT", "good": "succeeded"}
    assert told.texts == expected.texts


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 2.5}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": "x", "name": "y"}]}, "name"),
        ({"messages": [{"role": "user", "content": [{"type": "audio", "audio": "x"}]}]}, "type"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}]}, "url"),
        ({"messages": [{"role": "user", "content": "a <|image_pad|>"}]}, "messages.0.content"),
        ({"logprobs": True}, "logprobs"),
        ({"n": 2}, "n"),
        ({"presence_penalty": 1}, "presence_penalty"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name_and_never_dropped(
    runner: QwenVlRunner, params: dict[str, Any], names: str
) -> None:
    with pytest.raises(RunnerError) as refused:
        runner.plan(item(**params))

    assert refused.value.code == "INVALID_INPUT"
    assert names in refused.value.message


def test_a_prompt_is_read_whole_or_refused(runner: QwenVlRunner) -> None:
    around = len(runner.plan(item(text="")).asked.tokens)
    room = tiny_qwen_vl.CONTEXT_TOKENS - 12 - around

    runner.plan(item(text="x" * room))
    with pytest.raises(
        RunnerError, match=f"messages: have {room + 1 + around} tokens, which with max_tokens of 12 pass"
    ):
        runner.plan(item(text="x" * (room + 1)))


def test_a_manifest_may_bound_the_pixels_that_are_read(models_dir: Path) -> None:
    bounded = QwenVlRunner()
    options = {**tiny_qwen_vl.RUNTIME, "image_pixels_max": 32 * 32}
    bounded.setup(Setup(models_dir / tiny_qwen_vl.MODEL, options, "cpu"))

    grid = bounded.plan(item(picture="red")).asked.pictures["image_grid_thw"]

    assert grid.tolist() == [[1, 2, 2]]


def test_a_model_without_weights_or_of_another_revision_is_not_loaded(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    manifest = (models_dir / tiny_qwen_vl.MODEL / "manifest.json").read_text()
    (tmp_path / "bare" / "manifest.json").write_text(manifest)

    for registry, name, revision in [
        (Registry(models_dir), tiny_qwen_vl.MODEL, "2"),
        (Registry(tmp_path), "bare", "1"),
    ]:
        with pytest.raises(RunnerError) as failed:
            registry.create(name, revision, "cpu")
        assert failed.value.code == "MODEL_NOT_LOADED"


def say(runner: QwenVlRunner, tokens: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the model find these tokens likeliest, one after another."""
    left = list(tokens)

    def prefer(scores: Any) -> Any:
        scores[:, symbol_of(runner, left.pop(0))] = 1e6
        return scores

    say_scores(runner, prefer, monkeypatch)


def symbol_of(runner: QwenVlRunner, token: int) -> int:
    """The tokenizer's symbols are not in the order of the bytes."""
    return token if token > 255 else runner._tokenizer.encode(chr(token), add_special_tokens=False)[0]


def say_scores(runner: QwenVlRunner, change: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    head = runner._model.lm_head
    forward = head.forward

    def changed(hidden: Any) -> Any:
        scores = forward(hidden)
        scores[:, -1] = change(scores[:, -1])
        return scores

    monkeypatch.setattr(head, "forward", changed)


def out_of_memory(*_: Any, **__: Any) -> Callable[..., Any]:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


class TestFewerBits:
    """Its language model kept narrow; a float32 one of random weights has no large logits to tell apart."""

    @pytest.fixture(params=["fp8", "int8", "int4"])
    def narrow(self, request: pytest.FixtureRequest, models_dir: Path) -> QwenVlRunner:
        pytest.importorskip({"fp8": "diffusers", "int8": "torchao", "int4": "bitsandbytes"}[request.param])
        made = QwenVlRunner()
        made.setup(Setup(models_dir / tiny_qwen_vl.MODEL, {**tiny_qwen_vl.RUNTIME, "quant": request.param}, "cpu"))
        return made

    def test_the_language_model_is_narrow_and_what_sees_is_whole(self, narrow: QwenVlRunner) -> None:
        run(narrow, [item(picture="red")])

        def wide(part: Any) -> list[bool]:
            layers = [layer for layer in part.modules() if isinstance(layer, torch.nn.Linear)]
            weights = [layer.weight for layer in layers]
            return [type(each) is torch.nn.Parameter and each.dtype == torch.float32 for each in weights]

        model = narrow._model.model
        assert not any(wide(model.language_model))
        assert all(wide(model.visual))
        assert wide(narrow._model)[-1], "the head that chooses tokens stays whole"

    def test_an_answer_does_not_depend_on_its_batch_mates(self, narrow: QwenVlRunner) -> None:
        items = [item("plain", "hello"), item("red", picture="red", max_tokens=20)]

        alone = [run(narrow, [each]).texts[each.id] for each in items]

        assert alone == [run(narrow, items).texts[each.id] for each in items]
