"""NewBie-image: text to image with guidance, from tags, sentences, or the XML that the platform has rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from .adapter_names import AdapterNames, linear_layers
from .picture_call import PictureCall
from .picture_runner import PictureRunner
from .runner import RunnerError

TOKENS_MAX = 512
"""What the model was trained with, the system prompt included."""

TOWER_TOKENS_MAX = 2048
"""What the published code lets its text tower read; a tower of fewer says so in its tokenizer."""


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Input of one item. A guidance of 1 is none, and takes half the time."""

    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    negative_prompt: str = ""
    size: Annotated[int, msgspec.Meta(ge=16, le=4096)] = 1024
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 28
    guidance_scale: Annotated[float, msgspec.Meta(ge=1, le=20)] = 4.0
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None


class _Call(PictureCall[Params]):
    def draw(self, generators: list[Any]) -> Any:
        asked = self.items[0][1]
        negative = None if asked.guidance_scale == 1 else self._encoded("negative_prompt")
        return self.pipeline(
            self._encoded("prompt"),
            negative,
            size=self.size,
            num_inference_steps=asked.steps,
            guidance_scale=asked.guidance_scale,
            generator=generators,
            callback_on_step_end=self.after_step,
        )

    def _encoded(self, name: str) -> Any:
        """Each prompt is read once, however many pictures it asks for."""
        from .newbie_pipeline import repeated

        encoded = self.pipeline.encode([getattr(asked, name) for _, asked in self.items])
        return repeated(encoded, [asked.n for _, asked in self.items])


class NewbieRunner(PictureRunner[Params]):
    """One NewBie pipeline."""

    params_type = Params
    call_type = _Call

    def load(self, weights: Path, dtype: Any) -> Any:
        from .newbie_pipeline import NewbiePipeline

        return NewbiePipeline.from_pretrained(weights, dtype=dtype, use_safetensors=True, local_files_only=True)

    def adapter_names(self) -> AdapterNames:
        # The names of the model as it was published, which its trainers write.
        return AdapterNames(
            linear_layers(self.pipeline.transformer),
            renamed={
                ".attention.out": ".attn.to_out.0",
                ".feed_forward.w1": ".feed_forward.linear_1",
                ".feed_forward.w2": ".feed_forward.linear_2",
                ".feed_forward.w3": ".feed_forward.linear_3",
                ".adaLN_modulation.1": ".norm1.linear",
                "final_layer.adaLN_modulation.1": "norm_out.linear_1",
                "final_layer.linear": "norm_out.linear_2",
                "cap_embedder.1": "time_caption_embed.caption_embedder.1",
                "t_embedder.mlp.0": "time_caption_embed.timestep_embedder.linear_1",
                "t_embedder.mlp.2": "time_caption_embed.timestep_embedder.linear_2",
                "time_text_embed.1": "time_caption_embed.time_text_embed.1",
                "clip_text_pooled_proj.1": "time_caption_embed.clip_text_pooled_proj.1",
            },
            fused={".attention.qkv": (".attn.to_q", ".attn.to_k", ".attn.to_v")},
        )

    def read(self, params: Params) -> Params:
        if params.negative_prompt and params.guidance_scale == 1:
            raise RunnerError("INVALID_INPUT", "negative_prompt: does nothing without guidance")
        for name in ("prompt", "negative_prompt"):
            self._check_tokens(name, getattr(params, name))
        return params

    def _check_tokens(self, name: str, prompt: str) -> None:
        tokens = self.pipeline.tokens_of(prompt)
        if tokens > TOKENS_MAX:
            raise RunnerError("INVALID_INPUT", f"{name}: has {tokens} tokens, and the model reads {TOKENS_MAX}")
        allowed = min(TOWER_TOKENS_MAX, self.pipeline.tokenizer_2.model_max_length)
        tokens = self.pipeline.tower_tokens_of(prompt)
        if tokens > allowed:
            raise RunnerError("INVALID_INPUT", f"{name}: has {tokens} tokens, and its text tower reads {allowed}")

    def batch_key(self, asked: Params) -> str:
        return f"{asked.size}:{asked.steps}:{asked.guidance_scale}"
