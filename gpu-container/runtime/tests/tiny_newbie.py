"""Makes a NewBie pipeline of a million random parameters: the real classes, nothing downloaded.

A tiny CLIP stands in for Jina CLIP, whose code transformers does not ship; four VAE blocks, as the real one has, so
that pictures have the size that was asked for. Written as `DIR/tiny-newbie/{manifest.json,weights/}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler
from tiny_tokenizers import SYMBOLS, tokenizer_of
from transformers import CLIPConfig, CLIPModel, Gemma3TextConfig, Gemma3TextModel

from pilotlight_runtime.newbie_pipeline import NewbiePipeline, NewbieTransformer2DModel

MODEL = "tiny-newbie"

GEMMA = ("<pad>", "<eos>", "<bos>")
TOWER = ("<pad>", "<bos>", "<eos>")

POOLED = 12
TOWER_TOKENS = 400


def main(folder: Path) -> None:
    """Writes the model below the folder."""
    model_dir = folder / MODEL
    weights = model_dir / "weights"
    weights.mkdir(parents=True)
    pipeline_of().save_pretrained(weights, safe_serialization=True)
    runtime = {"runner": "newbie", "dtype": "float32", "preview_every_steps": 2}
    manifest = {"revision": "1", "memory": {"adapters_mb": 100}, "runtime": runtime}
    (model_dir / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def pipeline_of() -> NewbiePipeline:
    """The same weights every time."""
    torch.manual_seed(0)
    transformer = NewbieTransformer2DModel(
        hidden_size=24,
        num_layers=2,
        num_refiner_layers=1,
        num_attention_heads=3,
        num_kv_heads=1,
        multiple_of=16,
        axes_dim_rope=(4, 2, 2),
        axes_lens=(1024, 64, 64),
        cap_feat_dim=16,
        pooled_dim=POOLED,
    )
    vae = AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[16, 16, 32, 32],
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        sample_size=32,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    )
    return NewbiePipeline(
        transformer=transformer.eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
        vae=vae.eval(),
        text_encoder=_language_model().eval(),
        tokenizer=tokenizer_of(GEMMA, "<bos> $A", pad_token="<pad>", eos_token="<eos>", bos_token="<bos>"),
        text_encoder_2=_tower().eval(),
        tokenizer_2=tokenizer_of(
            TOWER,
            "<bos> $A <eos>",
            pad_token="<pad>",
            eos_token="<eos>",
            bos_token="<bos>",
            model_max_length=TOWER_TOKENS,
        ),
    )


def _language_model() -> Gemma3TextModel:
    return Gemma3TextModel(
        Gemma3TextConfig(
            vocab_size=SYMBOLS + len(GEMMA),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            sliding_window=64,
            pad_token_id=SYMBOLS,
            eos_token_id=SYMBOLS + 1,
            bos_token_id=SYMBOLS + 2,
        )
    )


def _tower() -> CLIPModel:
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {"pad_token_id": SYMBOLS, "bos_token_id": SYMBOLS + 1, "eos_token_id": SYMBOLS + 2}
    text = {**sizes, **ids, "vocab_size": SYMBOLS + len(TOWER), "max_position_embeddings": TOWER_TOKENS}
    vision = {**sizes, "image_size": 8, "patch_size": 8}
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=POOLED))
