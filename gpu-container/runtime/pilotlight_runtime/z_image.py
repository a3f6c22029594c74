"""Z-Image-Turbo by diffusers: text, or text and image, to image in few steps, without guidance.

Facts that shape this file, measured with the pinned versions: a list of prompts is changed in place by the pipeline;
prompts past its token limit are cut without a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec

from .adapter_names import AdapterNames, linear_layers
from .input_pictures import MASK_MIN, Source, read_source
from .picture_call import PictureCall
from .picture_runner import PictureRunner
from .pictures import pixels_of
from .runner import RunnerError

TOKENS_MAX = 512
"""What the model was trained with, chat template included."""

STRENGTH = 0.6
STRENGTH_MASKED = 1.0
"""What diffusers takes where nothing is said: a mask says by itself what is to stay."""


class Params(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Input of one item: with an image it is drawn from that one, with a mask in that part of it."""

    prompt: Annotated[str, msgspec.Meta(min_length=1)]
    size: Annotated[int, msgspec.Meta(ge=16, le=4096)] = 1024
    n: Annotated[int, msgspec.Meta(ge=1, le=16)] = 1
    steps: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None
    image: str | None = None
    mask: str | None = None
    strength: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None


class Asked(Params, frozen=True):
    """The same, with its pictures decoded."""

    source: Source | None = None


class _Call(PictureCall[Asked]):
    def draw(self, generators: list[Any]) -> Any:
        asked = self.items[0][1]
        pipeline, own = self._pipeline_of(asked)
        return pipeline(
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
            **own,
        ).images

    def steps_of(self, asked: Asked) -> int:
        return steps_run(asked)

    def complete(self, asked: Asked, picture: Any) -> Any:
        source = asked.source
        if source is None or source.mask is None:
            return picture
        import numpy as np

        # What is no picture must not pass because most of it is covered.
        pixels_of(picture)
        kept, opacity = (np.asarray(each, np.float32) / 255 for each in (source.picture, source.mask))
        return kept + (picture - kept) * opacity[..., None]

    def _pipeline_of(self, asked: Asked) -> tuple[Any, dict[str, Any]]:
        """The pipeline that draws such items, of the same parts as the one that was loaded, and what it takes more."""
        if asked.source is None:
            return self.pipeline, {}
        from diffusers import ZImageImg2ImgPipeline, ZImageInpaintPipeline

        kind = ZImageImg2ImgPipeline if asked.source.mask is None else ZImageInpaintPipeline
        pipeline = kind(**self.pipeline.components)
        pipeline.set_progress_bar_config(disable=True)
        sources = [source for _, each in self.items if (source := each.source) is not None for _ in range(each.n)]
        pictures = [source.picture.resize((self.size, self.size)) for source in sources]
        own = {"image": pictures, "strength": strength_of(asked)}
        masks = [self._drawn_anew(source.mask) for source in sources if source.mask is not None]
        return pipeline, own | ({"mask_image": masks} if masks else {})

    def _drawn_anew(self, mask: Any) -> Any:
        """The mask by whole latents: one is drawn anew where any of its pixels is, so that no thin line is missed."""
        import numpy as np

        # Halved where the picture is to be doubled; the brightest of four pixels counts.
        factor = mask.width // self.size
        cell = self.pipeline.vae_scale_factor
        rows = (np.asarray(mask) >= MASK_MIN).reshape(self.size // cell, cell * factor, -1, cell * factor)
        return rows.any(axis=(1, 3)).repeat(cell, 0).repeat(cell, 1).astype(np.float32)

    def _embeddings(self) -> list[Any]:
        """Each prompt is read once, however many pictures it asks for."""
        prompts = [asked.prompt for _, asked in self.items]
        read, _ = self.pipeline.encode_prompt(
            prompts, do_classifier_free_guidance=False, max_sequence_length=TOKENS_MAX
        )
        return [one for one, (_, asked) in zip(read, self.items, strict=True) for _ in range(asked.n)]


def strength_of(asked: Params) -> float:
    """How much of the image's place noise takes at the start: 1 leaves nothing of it."""
    if asked.strength is not None:
        return asked.strength
    return STRENGTH if asked.mask is None else STRENGTH_MASKED


def steps_run(asked: Params) -> int:
    """Of the steps asked for, those that start late enough: as diffusers' `get_timesteps` counts them."""
    if asked.image is None:
        return asked.steps
    return asked.steps - int(max(asked.steps - asked.steps * strength_of(asked), 0))


class ZImageRunner(PictureRunner[Asked]):
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

    def read(self, params: Params) -> Asked:
        tokens = self._tokens_of(params.prompt)
        if tokens > TOKENS_MAX:
            raise RunnerError("INVALID_INPUT", f"prompt: has {tokens} tokens, and the model reads {TOKENS_MAX}")
        for name in ("mask", "strength"):
            if params.image is None and getattr(params, name) is not None:
                raise RunnerError("INVALID_INPUT", f"{name}: needs an image")
        if steps_run(params) < 1:
            raise RunnerError("INVALID_INPUT", "strength: leaves no step to run")
        source = None if params.image is None else read_source(params.image, params.mask, params.size)
        return Asked(**msgspec.structs.asdict(params), source=source)

    def batch_key(self, asked: Asked) -> str:
        key = f"{asked.size}:{asked.steps}"
        if asked.source is None:
            return key
        return f"{key}:{'image' if asked.source.mask is None else 'mask'}:{strength_of(asked)}"

    def _tokens_of(self, prompt: str) -> int:
        tokenizer = self.pipeline.tokenizer
        text = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True, enable_thinking=True
        )
        return len(tokenizer(text).input_ids)
