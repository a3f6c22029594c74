"""Makes a Z-Image pipeline of a million random parameters: the real classes, nothing downloaded.

Sizes as in diffusers' own `tests/pipelines/z_image/test_z_image.py`; the tokenizer is ours, of single bytes.
Run as a script: `python tiny_z_image.py DIR` writes `DIR/tiny-z-image/{manifest.json,weights/}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, ZImagePipeline, ZImageTransformer2DModel
from tiny_tokenizers import tokenizer_of
from transformers import Qwen3Config, Qwen3Model

MODEL = "tiny-z-image"

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main(folder: Path) -> None:
    """Writes the model below the folder."""
    model_dir = folder / MODEL
    weights = model_dir / "weights"
    weights.mkdir(parents=True)
    pipeline_of().save_pretrained(weights, safe_serialization=True)
    runtime = {"runner": "z_image", "dtype": "float32", "preview_every_steps": 2}
    manifest = {"revision": "1", "memory": {"adapters_mb": 100}, "runtime": runtime}
    (model_dir / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def pipeline_of() -> ZImagePipeline:
    """The same weights every time."""
    torch.manual_seed(0)
    transformer = ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        qk_norm=True,
        cap_feat_dim=16,
        rope_theta=256.0,
        t_scale=1000.0,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 32, 32],
    )
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 2,
        up_block_types=["UpDecoderBlock2D"] * 2,
        block_out_channels=[32, 64],
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=32,
        sample_size=32,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    )
    text_encoder = Qwen3Model(
        Qwen3Config(
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            vocab_size=300,
            max_position_embeddings=512,
        )
    )
    return pipeline_from(transformer, vae, text_encoder)


def pipeline_from(transformer: Any, vae: Any, text_encoder: Any) -> ZImagePipeline:
    """The pipeline of these parts, with our tokenizer."""
    # Upstream leaves padding tokens uninitialized.
    with torch.no_grad():
        transformer.x_pad_token.copy_(torch.ones_like(transformer.x_pad_token))
        transformer.cap_pad_token.copy_(torch.ones_like(transformer.cap_pad_token))
    return ZImagePipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer_of(SPECIAL, pad_token=SPECIAL[0], chat_template=TEMPLATE),
        transformer=transformer.eval(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
