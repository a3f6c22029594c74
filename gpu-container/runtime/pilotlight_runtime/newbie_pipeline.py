"""NewBie-image as a diffusers pipeline: Lumina 2 with a second, pooled text vector beside the time embedding.

diffusers has no such pipeline. Differences to Lumina 2, from the published code (NewBieAI-Lab/NewBie-image-Exp0.1,
`demo.py` and `models/model.py`): a text tower gives one vector a prompt, which is normed, projected and joined with the
time embedding; the system prompt is for the language model alone; a negative prompt gets it too unless it is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, Lumina2Pipeline, Lumina2Transformer2DModel
from diffusers.configuration_utils import register_to_config

# diffusers looks for it in the module that holds a class, to tell a model from anything else.
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401
from diffusers.models.normalization import RMSNorm
from diffusers.models.transformers.transformer_lumina2 import Lumina2CombinedTimestepCaptionEmbedding
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

SYSTEM_PROMPT = (
    "You are an assistant designed to generate high-quality anime images with the highest degree of image-text "
    "alignment based on textual prompts. <Prompt Start> "
)


class Caption(NamedTuple):
    """What a transformer reads of prompts: words of the language model, and one vector of the text tower."""

    words: Tensor
    pooled: Tensor


@dataclass(frozen=True)
class Encoded:
    """Prompts as the transformer takes them."""

    caption: Caption
    mask: Tensor


class PooledTimeCaptionEmbedding(Lumina2CombinedTimestepCaptionEmbedding):
    """Joins the pooled vector with the time embedding. Its layers have the names that adapters know."""

    def __init__(self, hidden_size: int, cap_feat_dim: int, norm_eps: float, pooled_dim: int) -> None:
        super().__init__(hidden_size=hidden_size, cap_feat_dim=cap_feat_dim, norm_eps=norm_eps)
        time_dim = min(hidden_size, 1024)
        self.clip_text_pooled_proj = nn.Sequential(RMSNorm(pooled_dim, eps=norm_eps), nn.Linear(pooled_dim, pooled_dim))
        self.time_text_embed = nn.Sequential(nn.SiLU(), nn.Linear(time_dim + pooled_dim, time_dim))

    def forward(self, hidden_states: Tensor, timestep: Tensor, caption: Caption) -> tuple[Tensor, Tensor]:
        time, words = super().forward(hidden_states, timestep, caption.words)
        pooled = self.clip_text_pooled_proj(caption.pooled)
        return self.time_text_embed(torch.cat([time, pooled], dim=-1)), words


class NewbieTransformer2DModel(Lumina2Transformer2DModel):
    """Lumina 2's transformer; `encoder_hidden_states` is a `Caption`, which only the embedding looks into."""

    @register_to_config
    def __init__(
        self,
        sample_size: int = 128,
        patch_size: int = 2,
        in_channels: int = 16,
        out_channels: int | None = None,
        hidden_size: int = 2304,
        num_layers: int = 36,
        num_refiner_layers: int = 2,
        num_attention_heads: int = 24,
        num_kv_heads: int = 8,
        multiple_of: int = 256,
        ffn_dim_multiplier: float | None = None,
        norm_eps: float = 1e-5,
        scaling_factor: float = 1.0,
        axes_dim_rope: tuple[int, int, int] = (32, 32, 32),
        axes_lens: tuple[int, int, int] = (1024, 512, 512),
        cap_feat_dim: int = 2560,
        pooled_dim: int = 1024,
    ) -> None:
        super().__init__(
            sample_size=sample_size,
            patch_size=patch_size,
            in_channels=in_channels,
            out_channels=out_channels,
            hidden_size=hidden_size,
            num_layers=num_layers,
            num_refiner_layers=num_refiner_layers,
            num_attention_heads=num_attention_heads,
            num_kv_heads=num_kv_heads,
            multiple_of=multiple_of,
            ffn_dim_multiplier=ffn_dim_multiplier,
            norm_eps=norm_eps,
            scaling_factor=scaling_factor,
            axes_dim_rope=axes_dim_rope,
            axes_lens=axes_lens,
            cap_feat_dim=cap_feat_dim,
        )
        self.time_caption_embed = PooledTimeCaptionEmbedding(hidden_size, cap_feat_dim, norm_eps, pooled_dim)


class NewbiePipeline(Lumina2Pipeline):
    """Draws one picture for each prompt of a list."""

    def __init__(
        self,
        transformer: NewbieTransformer2DModel,
        scheduler: FlowMatchEulerDiscreteScheduler,
        vae: AutoencoderKL,
        text_encoder: Any,
        tokenizer: Any,
        text_encoder_2: Any,
        tokenizer_2: Any,
    ) -> None:
        """`text_encoder` is the language model, `text_encoder_2` the tower: any model with `get_text_features`."""
        super().__init__(
            transformer=transformer, scheduler=scheduler, vae=vae, text_encoder=text_encoder, tokenizer=tokenizer
        )
        self.register_modules(text_encoder_2=text_encoder_2, tokenizer_2=tokenizer_2)

    def tokens_of(self, prompt: str) -> int:
        """How many the language model reads, with the system prompt unless the prompt is empty."""
        return len(self.tokenizer(_prefixed(prompt)).input_ids)

    def tower_tokens_of(self, prompt: str) -> int:
        """How many the text tower reads."""
        return len(self.tokenizer_2(prompt).input_ids)

    def encode(self, prompts: Sequence[str]) -> Encoded:
        """Reads prompts whole: their lengths are the caller's to check."""
        device = self._execution_device
        inputs = self.tokenizer([_prefixed(prompt) for prompt in prompts], padding="longest", return_tensors="pt")
        mask = inputs.attention_mask.to(device)
        states = self.text_encoder(
            input_ids=inputs.input_ids.to(device), attention_mask=mask, output_hidden_states=True
        ).hidden_states
        bare = self.tokenizer_2(list(prompts), padding="longest", return_tensors="pt")
        pooled = _pooled_of(
            self.text_encoder_2.get_text_features(
                input_ids=bare.input_ids.to(device), attention_mask=bare.attention_mask.to(device)
            )
        )
        dtype = self.transformer.dtype
        return Encoded(Caption(states[-2].to(dtype), pooled.to(dtype)), mask)

    @torch.no_grad()
    def __call__(
        self,
        positive: Encoded,
        negative: Encoded | None,
        *,
        size: int,
        num_inference_steps: int,
        guidance_scale: float,
        generator: Sequence[torch.Generator],
        callback_on_step_end: Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]],
    ) -> Any:
        """Draws square pictures, one for each row of `positive`; without `negative` there is no guidance.

        Gives arrays of height x width x 3 floats from 0 to 1. What the callback raises ends the call.
        """
        latents = self._noise(size, generator)
        # The last step of the schedule ends at zero by itself.
        sigmas = np.linspace(1.0, 1 / num_inference_steps, num_inference_steps)
        self.scheduler.set_timesteps(sigmas=sigmas, device=latents.device)
        self.scheduler.set_begin_index(0)
        for index, timestep in enumerate(self.scheduler.timesteps):
            # The model's time runs from noise, 0, to the picture, 1.
            time = (1 - timestep / self.scheduler.config.num_train_timesteps).expand(len(latents))
            velocity = self._velocity(latents, time, positive)
            if negative is not None:
                without = self._velocity(latents, time, negative)
                velocity = without + guidance_scale * (velocity - without)
            latents = self.scheduler.step(-velocity, timestep, latents, return_dict=False)[0]
            callback_on_step_end(self, index, timestep, {"latents": latents})
        return self._decode(latents)

    def _noise(self, size: int, generator: Sequence[torch.Generator]) -> Tensor:
        side = size // self.vae_scale_factor
        shape = (len(generator), self.transformer.config.in_channels, side, side)
        return randn_tensor(shape, generator=list(generator), device=self._execution_device, dtype=torch.float32)

    def _velocity(self, latents: Tensor, time: Tensor, encoded: Encoded) -> Tensor:
        return self.transformer(
            hidden_states=latents.to(self.transformer.dtype),
            timestep=time,
            encoder_hidden_states=encoded.caption,
            encoder_attention_mask=encoded.mask,
            return_dict=False,
        )[0].float()

    def _decode(self, latents: Tensor) -> Any:
        config = self.vae.config
        scaled = latents.to(self.vae.dtype) / config.scaling_factor + config.shift_factor
        picture = self.vae.decode(scaled, return_dict=False)[0]
        return self.image_processor.postprocess(picture, output_type="np")


def repeated(encoded: Encoded, times: Sequence[int]) -> Encoded:
    """Row after row as often as it says. Lumina 2's own way to draw several of a prompt mixes up their masks."""
    rows = torch.repeat_interleave(torch.arange(len(times)), torch.tensor(times)).to(encoded.mask.device)
    words, pooled = encoded.caption
    return Encoded(Caption(words[rows], pooled[rows]), encoded.mask[rows])


def _prefixed(prompt: str) -> str:
    return f"{SYSTEM_PROMPT}{prompt}" if prompt else ""


def _pooled_of(features: Any) -> Tensor:
    """The vector of a tower: as a tensor, as the first of a tuple (Jina CLIP), or named (CLIP of transformers)."""
    if isinstance(features, Tensor):
        return features
    named = getattr(features, "pooler_output", None)
    return features[0] if named is None else named
