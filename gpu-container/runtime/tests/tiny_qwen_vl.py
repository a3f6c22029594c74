"""Makes a Qwen3-VL of a hundred thousand random parameters: the real classes, nothing downloaded.

Sizes after transformers' own `tests/models/qwen3_vl/test_modeling_qwen3_vl.py`; the tokenizer is ours, of single bytes.
Run as a script: `python tiny_qwen_vl.py DIR` writes `DIR/tiny-qwen-vl/{manifest.json,weights/}`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

MODEL = "tiny-qwen-vl"

CONTEXT_TOKENS = 1024

RUNTIME = {"runner": "qwen_vl", "dtype": "float32", "context_tokens_max": CONTEXT_TOKENS}

SPECIAL = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]

# As Qwen3-VL's own does with what the runner hands it: texts, and lists of parts.
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main(folder: Path) -> None:
    """Writes the model below the folder."""
    model_dir = folder / MODEL
    weights = model_dir / "weights"
    weights.mkdir(parents=True)
    model_of().save_pretrained(weights)
    tokenizer_of().save_pretrained(weights)
    # Four tokens a picture at most: 64 x 64 pixels.
    size = {"shortest_edge": 32 * 32, "longest_edge": 64 * 64}
    Qwen2VLImageProcessorPil(patch_size=16, merge_size=2, size=size).save_pretrained(weights)
    (model_dir / "manifest.json").write_text(json.dumps({"revision": "1", "runtime": RUNTIME}), "utf-8")


def model_of() -> Any:
    """The same weights every time."""
    torch.manual_seed(0)
    return model_from(
        text_config={
            "vocab_size": 263,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 2048,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]},
            # Wide enough that the answers of random weights differ from one question to the next.
            "initializer_range": 0.5,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 4,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0, 1],
            "initializer_range": 0.5,
        },
    )


def model_from(text_config: dict[str, Any], vision_config: dict[str, Any]) -> Any:
    """A model of these sizes that knows the special tokens of `tokenizer_of`, where torch makes tensors by default."""
    ids = {token: 256 + index for index, token in enumerate(SPECIAL)}
    config = Qwen3VLConfig(
        text_config=text_config,
        vision_config=vision_config,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    model = Qwen3VLForConditionalGeneration(config).eval()
    ends = [ids["<|im_end|>"], ids["<|endoftext|>"]]
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=ids["<|endoftext|>"])
    return model


def tokenizer_of() -> Any:
    """One token a byte, and the words of the chat template."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate([*alphabet, *SPECIAL])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=SPECIAL,
        chat_template=TEMPLATE,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
