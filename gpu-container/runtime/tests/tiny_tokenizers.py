"""Tokenizers of tiny models: one token a byte, nothing downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

SYMBOLS = len(pre_tokenizers.ByteLevel.alphabet())


def tokenizer_of(special: Sequence[str], template: str = "$A", **options: Any) -> Any:
    """One token a byte, then the special ones in their order. `template` says what stands around a text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: index for index, symbol in enumerate([*alphabet, *special])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if template != "$A":
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[(symbol, vocabulary[symbol]) for symbol in special]
        )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, additional_special_tokens=list(special), **options)
    fast.padding_side = "right"
    return fast
