"""Qwen3-VL by transformers: messages with pictures in, text out as it is made.

Items of a batch share one `generate`, padded on the left: a card reads its weights once for all of them. Nothing of an
item depends on its mates: tokens are chosen here, one row at a time, each by a generator of its own, and `generate` is
left to take the greatest. On a CPU in float32 logits differ by 2e-5 beside mates, and answers not at all; in bfloat16
on a card two tokens that are all but equal may change places.

Facts that shape this file, measured with the pinned versions: without `mm_token_type_ids` logits are wrong and nothing
says so; the processor of pictures and video needs torchvision, the one of pictures alone (`...Pil`) does not; a text
that spells the token of a picture is taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec

from .answer_text import StopWatch, TokenText
from .chat_messages import Chat, ChatParams, chat_params, read_chat
from .devices import runner_error_of
from .messages import Answer, FinishReason
from .quants import apply_quant, check_quant
from .runner import BatchItem, OutputFile, Plan, RunContext, RunnerError, Setup
from .shares import Shares

IMAGE_TOKEN = "<|image_pad|>"


class _Options(msgspec.Struct, frozen=True):
    """`runtime` of the manifest."""

    runner: str
    dtype: str = "bfloat16"
    quant: str | None = None
    context_tokens_max: Annotated[int, msgspec.Meta(ge=1)] = 32_768
    """Prompt and answer together: what the cache of a batch was planned with."""
    image_pixels_max: Annotated[int, msgspec.Meta(ge=1024)] | None = None
    """A larger picture is read as one of so many pixels; absent: as the weights' own settings say."""


@dataclass(frozen=True)
class _Asked:
    """One item, read: nothing of it can be refused any more."""

    params: ChatParams
    tokens: list[int]
    """Of the prompt, one for every token of every picture."""
    pictures: Mapping[str, Any]
    """`pixel_values` and `image_grid_thw`; empty without a picture."""


class QwenVlRunner:
    """One Qwen3-VL."""

    def __init__(self) -> None:
        self._model: Any = None
        self._tokenizer: Any = None
        self._pictures: Any = None
        self._context_tokens_max = 0
        self._reserved: Sequence[str] = ()

    def setup(self, setup: Setup) -> None:
        import torch
        from transformers import AutoTokenizer, Qwen2VLImageProcessorPil, Qwen3VLForConditionalGeneration

        options = msgspec.convert(setup.options, _Options)
        weights = setup.model_dir / "weights"
        if not (weights / "config.json").is_file():
            raise RunnerError("MODEL_NOT_LOADED", "the folder of the model has no weights")
        check_quant(options.quant, setup.device)
        self._tokenizer = AutoTokenizer.from_pretrained(weights, local_files_only=True)
        self._tokenizer.chat_template = _template_of(self._tokenizer, weights)
        added = self._tokenizer.added_tokens_decoder.values()
        self._reserved = [token.content for token in added if token.special]
        self._pictures = Qwen2VLImageProcessorPil.from_pretrained(weights, local_files_only=True)
        if options.image_pixels_max is not None:
            self._pictures.size = {**dict(self._pictures.size), "longest_edge": options.image_pixels_max}
        with setup.phases.timed("readMs"):
            dtype = getattr(torch, options.dtype)
            model = Qwen3VLForConditionalGeneration.from_pretrained(
                weights, dtype=dtype, use_safetensors=True, local_files_only=True
            )
            # What it sees with stays whole: it is a fourteenth of the weights, and small details rest on it.
            apply_quant(model.model.language_model, options.quant, dtype)
        with setup.phases.timed("toDeviceMs"):
            self._model = model.to(setup.device).eval()
        self._context_tokens_max = min(
            options.context_tokens_max, self._model.config.text_config.max_position_embeddings
        )

    def plan(self, item: BatchItem) -> Plan:
        params = chat_params(item)
        chat = read_chat(params.messages, self._reserved)
        asked = self._asked_of(params, chat)
        # Whatever they ask for, all may share a call: rows are padded, and chosen from one at a time.
        return Plan(batch_key="", asked=asked)

    def run(self, asked: Mapping[str, _Asked], context: RunContext) -> None:
        failure = _Call(self._model, self._tokenizer, asked, context).run()
        # Out of reach of the exception, whose frames hold the tensors that did not fit.
        if failure is not None:
            raise failure

    def unload(self) -> None:
        self._model = None

    def _asked_of(self, params: ChatParams, chat: Chat) -> _Asked:
        text = self._tokenizer.apply_chat_template(chat.turns, tokenize=False, add_generation_prompt=True)
        pictures: Mapping[str, Any] = {}
        if chat.pictures:
            pictures = dict(self._pictures(chat.pictures, return_tensors="pt"))
            text = self._with_room(text, pictures["image_grid_thw"])
        tokens = self._tokenizer(text, add_special_tokens=False).input_ids
        most = self._context_tokens_max
        if len(tokens) + params.max_tokens > most:
            with_answer = f"{len(tokens)} tokens, which with max_tokens of {params.max_tokens}"
            raise RunnerError("INVALID_INPUT", f"messages: have {with_answer} pass the {most} that the model holds")
        return _Asked(params, tokens, pictures)

    def _with_room(self, text: str, grids: Any) -> str:
        """As many tokens for each picture as it has pieces, where the template has one."""
        pieces = text.split(IMAGE_TOKEN)
        if len(pieces) != len(grids) + 1:
            raise RunnerError("INTERNAL", "the chat template does not name every picture once")
        merged = self._pictures.merge_size**2
        room = [IMAGE_TOKEN * (int(grid.prod()) // merged) for grid in grids]
        return "".join(part for pair in zip(pieces, [*room, ""], strict=True) for part in pair)


@dataclass
class _Row:
    """One item in the call."""

    item_id: str
    asked: _Asked
    text: TokenText
    stops: StopWatch
    seed: int
    generator: Any
    tokens: int = 0
    told: list[str] = field(default_factory=list)
    is_open: bool = True
    is_broken: bool = False
    """The model gave no numbers for it."""


class _Call:
    """One `generate` for all items of a batch. It is its own stopping criterion, and chooses the tokens."""

    def __init__(self, model: Any, tokenizer: Any, asked: Mapping[str, _Asked], context: RunContext) -> None:
        import torch

        self._torch = torch
        self._model = model
        self._tokenizer = tokenizer
        self._context = context
        self._shares = Shares(dict.fromkeys(asked, 1))
        ends = model.generation_config.eos_token_id
        self._ends = {ends} if isinstance(ends, int) else set(ends or [])
        self._rows = [self._row_of(item_id, each) for item_id, each in asked.items()]

    def _row_of(self, item_id: str, asked: _Asked) -> _Row:
        seed = asked.params.seed_or_lot()

        def decode(tokens: Sequence[int]) -> str:
            return self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)

        # Of the CPU: the choice depends neither on mates nor on the card.
        generator = self._torch.Generator("cpu").manual_seed(seed)
        return _Row(item_id, asked, TokenText(decode), StopWatch(asked.params.stops), seed, generator)

    def run(self) -> RunnerError | None:
        """Ends every item, or returns why the call as a whole failed."""
        try:
            self._stop_asked()
            self._rows = [row for row in self._rows if row.is_open]
            if self._rows:
                self._generate()
        except Exception as error:
            return runner_error_of(error)
        return None

    def _generate(self) -> None:
        from transformers import GenerationConfig

        defaults = self._model.generation_config
        config = GenerationConfig(
            # Everything else that the weights' own settings name is ours to choose.
            eos_token_id=defaults.eos_token_id,
            pad_token_id=self._pad(),
            do_sample=False,
            max_new_tokens=max(row.asked.params.max_tokens for row in self._rows),
        )
        with self._torch.inference_mode():
            self._model.generate(
                **self._inputs(),
                generation_config=config,
                logits_processor=[self._choose],
                stopping_criteria=[self._after_token],
            )

    def _pad(self) -> int:
        pad = self._model.generation_config.pad_token_id
        return self._tokenizer.pad_token_id if pad is None else pad

    def _inputs(self) -> dict[str, Any]:
        torch = self._torch
        longest = max(len(row.asked.tokens) for row in self._rows)
        short = [longest - len(row.asked.tokens) for row in self._rows]
        rows = list(zip(short, (row.asked.tokens for row in self._rows), strict=True))
        ids = torch.tensor([[self._pad()] * missing + tokens for missing, tokens in rows])
        inputs = {
            "input_ids": ids,
            "attention_mask": torch.tensor([[0] * missing + [1] * len(tokens) for missing, tokens in rows]),
            "mm_token_type_ids": (ids == self._model.config.image_token_id).int(),
        }
        with_pictures = [row.asked.pictures for row in self._rows if row.asked.pictures]
        if with_pictures:
            for name in ("pixel_values", "image_grid_thw"):
                inputs[name] = torch.cat([pictures[name] for pictures in with_pictures])
        return {name: tensor.to(self._model.device) for name, tensor in inputs.items()}

    def _choose(self, _ids: Any, scores: Any) -> Any:
        """Leaves one token of each row to be taken."""
        chosen = self._torch.full_like(scores, float("-inf"))
        finite = self._torch.isfinite(scores).all(dim=-1).tolist()
        for index, row in enumerate(self._rows):
            row.is_broken = row.is_open and not finite[index]
            if row.is_open and not row.is_broken:
                chosen[index, self._token_of(row, scores[index])] = 0
            else:
                chosen[index, self._pad()] = 0
        return chosen

    def _token_of(self, row: _Row, scores: Any) -> Any:
        """By nucleus sampling (Holtzman et al., 2020), with one number of the row's generator for each token."""
        params = row.asked.params
        if params.temperature == 0:
            return scores.argmax()
        likely, tokens = (scores.float() / params.temperature).softmax(-1).sort(descending=True, stable=True)
        up_to = likely.cumsum(-1)
        kept = int((up_to - likely < params.top_p).sum())
        point = self._torch.rand((), generator=row.generator).item() * up_to[kept - 1]
        return tokens[(up_to[:kept] <= point).sum().clamp(max=kept - 1)]

    def _after_token(self, ids: Any, _scores: Any, **_: Any) -> Any:
        """Tells what came, and which rows are done."""
        newest = ids[:, -1].tolist()
        self._shares.tick()
        for row, token in zip(self._rows, newest, strict=True):
            if row.is_open:
                self._take(row, token)
        return self._torch.tensor([not row.is_open for row in self._rows], device=ids.device)

    def _take(self, row: _Row, token: int) -> None:
        if row.is_broken:
            row.is_open = False
            gpu_ms = self._shares.close(row.item_id)
            return self._context.fail(row.item_id, "NAN_OUTPUT", "the next token is not finite", gpu_ms)
        if self._context.is_stopped(row.item_id):
            return self._stop(row)
        params = row.asked.params
        row.tokens += 1
        self._context.progress(row.item_id, row.tokens, params.max_tokens)
        if token in self._ends:
            return self._finish(row, "stop")
        self._tell(row, row.stops.add(row.text.add(token)))
        if row.stops.is_stopped:
            self._finish(row, "stop")
        elif row.tokens == params.max_tokens:
            self._finish(row, "length")
        return None

    def _finish(self, row: _Row, reason: FinishReason) -> None:
        self._tell(row, row.stops.add(row.text.rest()))
        self._tell(row, row.stops.rest())
        row.is_open = False
        gpu_ms = self._shares.close(row.item_id)
        body = "".join(row.told).encode("utf-8")
        self._context.write(row.item_id, OutputFile(body, "text/plain; charset=utf-8", "txt"))
        answer = Answer(
            finish_reason="stop" if row.stops.is_stopped else reason,
            prompt_tokens=len(row.asked.tokens),
            completion_tokens=row.tokens,
        )
        self._context.succeed(row.item_id, [row.seed], gpu_ms, answer)

    def _tell(self, row: _Row, text: str) -> None:
        if text != "":
            row.told.append(text)
            self._context.delta(row.item_id, text)

    def _stop_asked(self) -> None:
        for row in self._rows:
            if self._context.is_stopped(row.item_id):
                self._stop(row)

    def _stop(self, row: _Row) -> None:
        row.is_open = False
        self._context.stop(row.item_id, self._shares.close(row.item_id))


def _template_of(tokenizer: Any, weights: Path) -> str:
    """Of the tokenizer; older checkpoints keep it in a file of the processor."""
    if tokenizer.chat_template is not None:
        return tokenizer.chat_template
    file = weights / "chat_template.json"
    if not file.is_file():
        raise RunnerError("MODEL_NOT_LOADED", "the tokenizer has no chat template")
    return str(json.loads(file.read_text("utf-8"))["chat_template"])
