"""Z-Image-Turbo by diffusers: text to image in few steps, without guidance.

Facts that shape this file, measured with the pinned versions: a pipeline is not thread-safe; a list of prompts is
changed in place by it; prompts past its token limit are cut without a word; a generator list of the wrong length is
taken as it is; an exception out of the step callback leaves the pipeline sound.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec

from .devices import failure_of
from .pictures import png_of
from .runner import BatchItem, OutputFile, Plan, RunContext, RunnerError, Setup
from .shares import Shares

TOKENS_MAX = 512
"""What the model was trained with, chat template included."""


class _Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    size: Annotated[int, msgspec.Meta(ge=16, le=4096)] = 1024
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None


class _Options(msgspec.Struct, frozen=True):
    """`runtime` of the manifest."""

    runner: str
    dtype: str = "bfloat16"


class _AllStoppedError(Exception):
    """Leaves a call whose items were all stopped."""


Encode = Callable[[Any], OutputFile]


class ZImageRunner:
    """One Z-Image pipeline."""

    def __init__(self, encode: Encode = png_of) -> None:
        self._pipeline: Any = None
        self._encode = encode

    def setup(self, setup: Setup) -> None:
        import torch
        from diffusers import ZImagePipeline

        options = msgspec.convert(setup.options, _Options)
        weights = setup.model_dir / "weights"
        if not (weights / "model_index.json").is_file():
            raise RunnerError("MODEL_NOT_LOADED", "the folder of the model has no weights")
        with setup.phases.timed("readMs"):
            pipeline = ZImagePipeline.from_pretrained(
                weights, dtype=getattr(torch, options.dtype), use_safetensors=True, local_files_only=True
            )
        pipeline.set_progress_bar_config(disable=True)
        with setup.phases.timed("toDeviceMs"):
            self._pipeline = pipeline.to(setup.device)

    def plan(self, item: BatchItem) -> Plan:
        params = self._params_of(item)
        return Plan(batch_key=f"{params.size}:{params.steps}", asked=params)

    def run(self, asked: Mapping[str, _Params], context: RunContext) -> None:
        failure = _Call(self._pipeline, self._encode, asked, context).run()
        # Out of reach of the exception, whose frames hold the tensors that did not fit.
        if failure is not None:
            raise failure

    def unload(self) -> None:
        self._pipeline = None

    def _params_of(self, item: BatchItem) -> _Params:
        try:
            params = msgspec.convert(dict(item.params), _Params)
        except msgspec.ValidationError as error:
            raise RunnerError("INVALID_INPUT", str(error)) from None
        step = self._pipeline.vae_scale_factor * 2
        if params.size % step != 0:
            raise RunnerError("INVALID_INPUT", f"size: must be a multiple of {step}")
        tokens = self._tokens_of(params.prompt)
        if tokens > TOKENS_MAX:
            raise RunnerError("INVALID_INPUT", f"prompt: has {tokens} tokens, and the model reads {TOKENS_MAX}")
        return params

    def _tokens_of(self, prompt: str) -> int:
        tokenizer = self._pipeline.tokenizer
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True, enable_thinking=True
        )
        return len(tokenizer(text).input_ids)


class _Call:
    """One call of the pipeline for items that share size and steps."""

    def __init__(self, pipeline: Any, encode: Encode, params: Mapping[str, _Params], context: RunContext) -> None:
        self._pipeline = pipeline
        self._encode = encode
        self._context = context
        self._open = dict(params)
        self._items = list(params.items())
        self._shares = Shares({item_id: asked.n for item_id, asked in params.items()})
        # One generator a picture, of the CPU: a picture depends neither on its mates nor on the card.
        self._seeds = {item_id: _seeds_of(asked) for item_id, asked in params.items()}

    def run(self) -> RunnerError | None:
        """Ends every item, or returns why the call as a whole failed."""
        try:
            self._deliver(self._draw())
        except _AllStoppedError:
            return None
        except RunnerError as error:
            return RunnerError(error.code, error.message)
        except Exception as error:
            code = failure_of(error)
            return RunnerError(code, "out of memory" if code == "OOM" else type(error).__name__)
        return None

    def _draw(self) -> Any:
        import torch

        asked = self._items[0][1]
        with torch.inference_mode():
            embeddings = self._embeddings()
            generators = [torch.Generator("cpu").manual_seed(seed) for seeds in self._seeds.values() for seed in seeds]
            return self._pipeline(
                prompt=None,
                prompt_embeds=embeddings,
                height=asked.size,
                width=asked.size,
                num_inference_steps=asked.steps,
                # The distilled model needs none; any other value would run every step twice.
                guidance_scale=0.0,
                generator=generators,
                output_type="np",
                callback_on_step_end=self._after_step,
            ).images

    def _embeddings(self) -> list[Any]:
        """Each prompt is read once, however many pictures it asks for."""
        prompts = [asked.prompt for _, asked in self._items]
        read, _ = self._pipeline.encode_prompt(
            prompts, do_classifier_free_guidance=False, max_sequence_length=TOKENS_MAX
        )
        return [one for one, (_, asked) in zip(read, self._items, strict=True) for _ in range(asked.n)]

    def _after_step(self, pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        device = pipeline.device
        if device.type == "cuda":
            import torch

            # Kernels run behind: without this, progress would be told of steps that have not happened.
            torch.cuda.synchronize(device)
        self._shares.tick()
        for item_id, asked in list(self._open.items()):
            if self._context.is_stopped(item_id):
                del self._open[item_id]
                self._context.stop(item_id, self._shares.close(item_id))
            else:
                self._context.progress(item_id, index + 1, asked.steps)
        if not self._open:
            raise _AllStoppedError
        return tensors

    def _deliver(self, pictures: Any) -> None:
        self._shares.tick()
        start = 0
        for item_id, asked in self._items:
            own = pictures[start : start + asked.n]
            start += asked.n
            if item_id in self._open:
                self._end(item_id, own)

    def _end(self, item_id: str, pictures: Any) -> None:
        gpu_ms = self._shares.close(item_id)
        try:
            files = [self._encode(picture) for picture in pictures]
        except RunnerError as error:
            return self._context.fail(item_id, error.code, error.message, gpu_ms)
        for file in files:
            self._context.write(item_id, file)
        self._context.succeed(item_id, self._seeds[item_id], gpu_ms)


def _seeds_of(asked: _Params) -> list[int]:
    first = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    return [(first + index) % 2**32 for index in range(asked.n)]
