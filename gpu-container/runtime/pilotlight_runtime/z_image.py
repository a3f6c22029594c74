"""Z-Image-Turbo by diffusers: text to image in few steps, without guidance.

Facts that shape this file, measured with the pinned versions: a list of prompts is changed in place by the pipeline;
prompts past its token limit are cut without a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from .adapter_names import AdapterNames, linear_layers
from .picture_call import PictureCall
from .picture_runner import PictureRunner
from .runner import RunnerError

TOKENS_MAX = 512
"""What the model was trained with, chat template included."""


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Input of one item."""

    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    size: Annotated[int, msgspec.Meta(ge=16, le=4096)] = 1024
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None


class _Call(PictureCall[Params]):
    def draw(self, generators: list[Any]) -> Any:
        asked = self.items[0][1]
        return self.pipeline(
            prompt=None,
            prompt_embeds=self._embeddings(),
            height=self.size,
            width=self.size,
            num_inference_steps=asked.steps,
            # The distilled model needs none; any other value would run every step twice.
            guidance_scale=0.0,
            generator=generators,
            output_type="np",
            callback_on_step_end=self.after_step,
        ).images

    def _embeddings(self) -> list[Any]:
        """Each prompt is read once, however many pictures it asks for."""
        prompts = [asked.prompt for _, asked in self.items]
        read, _ = self.pipeline.encode_prompt(
            prompts, do_classifier_free_guidance=False, max_sequence_length=TOKENS_MAX
        )
        return [one for one, (_, asked) in zip(read, self.items, strict=True) for _ in range(asked.n)]


class ZImageRunner(PictureRunner[Params]):
    """One Z-Image pipeline."""

    params_type = Params
    call_type = _Call

    def load(self, weights: Path, dtype: Any) -> Any:
        from diffusers import ZImagePipeline

        return ZImagePipeline.from_pretrained(weights, dtype=dtype, use_safetensors=True, local_files_only=True)

    def adapter_names(self) -> AdapterNames:
        # The names of the model as it was published, where its attention has one layer for three of these.
        return AdapterNames(
            linear_layers(self.pipeline.transformer),
            renamed={
                ".attention.out": ".attention.to_out.0",
                "x_embedder": "all_x_embedder.2-1",
                "final_layer.linear": "all_final_layer.2-1.linear",
                "final_layer.adaLN_modulation.1": "all_final_layer.2-1.adaLN_modulation.1",
            },
            fused={".attention.qkv": (".attention.to_q", ".attention.to_k", ".attention.to_v")},
        )

    def check(self, params: Params) -> None:
        tokens = self._tokens_of(params.prompt)
        if tokens > TOKENS_MAX:
            raise RunnerError("INVALID_INPUT", f"prompt: has {tokens} tokens, and the model reads {TOKENS_MAX}")

    def batch_key(self, params: Params) -> str:
        return f"{params.size}:{params.steps}"

    def _tokens_of(self, prompt: str) -> int:
        tokenizer = self.pipeline.tokenizer
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True, enable_thinking=True
        )
        return len(tokenizer(text).input_ids)
