"""Models with random weights, written as the runtime reads them: in full size, or tiny for a test of the bench itself.

What a card takes for a picture or a token depends on the shape of a model, not on its values, so nothing is downloaded.
Sizes: the published configurations of Z-Image-Turbo (transformer 6.15 B parameters, text encoder of Qwen3-4B) and
Qwen3-VL-8B-Instruct. Tokenizers are ours, of single bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tiny_qwen_vl
import tiny_z_image
import torch

PICTURES = "z-image-turbo"
OFFLOADED = "z-image-turbo-24gb"
CHATS = "qwen3-vl-8b"
"""Names of the manifests whose figures are held to what is measured."""

MANIFESTS = Path(__file__).resolve().parents[2] / "models"

CONTEXT_TOKENS = 4096


def write_pictures(folder: Path, device: str, is_tiny: bool) -> None:
    """Writes a Z-Image to `folder`/`PICTURES`."""
    with _made_on(device, is_tiny):
        pipeline = tiny_z_image.pipeline_of() if is_tiny else tiny_z_image.pipeline_from(*full_z_image())
    weights = _model_folder(folder, PICTURES, {"runner": "z_image", "dtype": _dtype_name(is_tiny)})
    pipeline.save_pretrained(weights, safe_serialization=True)


def write_offloaded(folder: Path, is_tiny: bool) -> None:
    """The same Z-Image once more, as `folder`/`OFFLOADED`: its text encoder stays in main memory."""
    runtime = {"runner": "z_image", "dtype": _dtype_name(is_tiny), "offload": "text_encoder"}
    weights = _model_folder(folder, OFFLOADED, runtime)
    weights.rmdir()
    weights.symlink_to(folder / PICTURES / "weights")


def in_a_call_of(model: str) -> int:
    """Jobs that a worker puts into one call at most."""
    return int(json.loads((MANIFESTS / model / "manifest.json").read_text("utf-8"))["batch_max"])


def write_chats(folder: Path, device: str, is_tiny: bool) -> None:
    """Writes a Qwen3-VL to `folder`/`CHATS`."""
    from transformers import Qwen2VLImageProcessorPil

    context = tiny_qwen_vl.CONTEXT_TOKENS if is_tiny else CONTEXT_TOKENS
    runtime = {"runner": "qwen_vl", "dtype": _dtype_name(is_tiny), "context_tokens_max": context}
    weights = _model_folder(folder, CHATS, runtime)
    with _made_on(device, is_tiny):
        model = tiny_qwen_vl.model_of() if is_tiny else _full_qwen_vl()
    model.save_pretrained(weights)
    tiny_qwen_vl.tokenizer_of().save_pretrained(weights)
    most = 64 * 64 if is_tiny else 1024 * 1024
    size = {"shortest_edge": 32 * 32, "longest_edge": most}
    Qwen2VLImageProcessorPil(patch_size=16, merge_size=2, size=size).save_pretrained(weights)


def full_z_image() -> tuple[Any, Any, Any]:
    """Transformer, autoencoder and text encoder of Z-Image-Turbo."""
    from diffusers import AutoencoderKL, ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    # The defaults of the class are those of the published model.
    transformer = ZImageTransformer2DModel()
    vae = AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[128, 256, 512, 512],
        layers_per_block=2,
        latent_channels=16,
        sample_size=1024,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    text_encoder = Qwen3Model(
        Qwen3Config(
            vocab_size=151_936,
            hidden_size=2560,
            intermediate_size=9728,
            num_hidden_layers=36,
            num_attention_heads=32,
            num_key_value_heads=8,
            head_dim=128,
        )
    )
    return transformer, vae, text_encoder


def _full_qwen_vl() -> Any:
    return tiny_qwen_vl.model_from(
        text_config={
            "vocab_size": 151_936,
            "hidden_size": 4096,
            "intermediate_size": 12_288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": CONTEXT_TOKENS,
            "rope_parameters": {"rope_type": "default", "rope_theta": 5_000_000.0, "mrope_section": [24, 20, 20]},
        },
        vision_config={
            "depth": 27,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_heads": 16,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 4096,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [8, 16, 24],
        },
    )


def _model_folder(folder: Path, model: str, runtime: dict[str, Any]) -> Path:
    weights = folder / model / "weights"
    weights.mkdir(parents=True)
    manifest = {"revision": "1", "runtime": runtime, "memory": {"adapters_mb": 1000}}
    (folder / model / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return weights


def _dtype_name(is_tiny: bool) -> str:
    return "float32" if is_tiny else "bfloat16"


@contextmanager
def _made_on(device: str, is_tiny: bool) -> Iterator[None]:
    """Billions of random numbers in their final form: a processor would take minutes for them."""
    if is_tiny:
        yield
        return
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            yield
    finally:
        torch.set_default_dtype(before)
