"""What the edge refuses as too long is too long: it counts no more than the tokenizer of Qwen splits a text into."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PARTS = json.loads((ROOT / "core" / "prompt" / "qwen2-parts.json").read_text("utf-8"))
MARKS = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")


def _parts_of(text: str) -> int:
    """As many tokens at least: what the vocabulary does to a part makes one or more of it."""
    tokenizers: Any = pytest.importorskip("tokenizers", reason="the rule is run by tokenizers")
    qwen2: Any = pytest.importorskip("transformers.models.qwen2.tokenization_qwen2", reason="the rule is in there")
    normalizer = tokenizers.normalizers.NFC()
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(qwen2.PRETOKENIZE_REGEX), behavior="isolated")
    for mark in MARKS:
        text = text.replace(mark, "\0mark\0")
    pieces = text.split("\0")
    return sum(
        1 if piece == "mark" else len(split.pre_tokenize_str(normalizer.normalize_str(piece)))
        for piece in pieces
        if piece
    )


@pytest.mark.parametrize(("text", "parts", "counted"), PARTS)
def test_no_more_is_counted_at_the_edge_than_the_tokenizer_makes(text: str, parts: int, counted: int) -> None:
    assert _parts_of(text) == parts
    assert counted <= parts


@pytest.mark.parametrize("model", ["z-image-turbo", "z-image-turbo-24gb", "z-image-turbo-2k"])
def test_the_edge_refuses_what_has_more_parts_than_the_model_reads_tokens(model: str) -> None:
    from pilotlight_runtime.z_image import TOKENS_MAX

    manifest = json.loads((ROOT / "gpu-container" / "models" / model / "manifest.json").read_text("utf-8"))

    assert manifest["prompt_tokens"] == {"kind": "qwen2", "max": TOKENS_MAX}
