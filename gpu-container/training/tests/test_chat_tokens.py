"""The tokenizer: nothing is lost, nothing gives a marker, and the engine in TypeScript reads the same ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chat_tokens import BYTE_START, MARKERS, WORD_START, load_tokenizer

SHARED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "chat-tokens.json").read_text("utf-8"))
TOKENIZER = load_tokenizer()


@pytest.mark.parametrize("entry", SHARED, ids=lambda entry: entry["text"])
def test_gives_the_ids_that_the_engine_gives(entry: dict[str, Any]) -> None:
    assert TOKENIZER.encode(entry["text"]) == entry["ids"]


@pytest.mark.parametrize("text", ["What colour is the ring?", "  two  spaces\n\tand lines", "größer 環 🟥?", ""])
def test_loses_nothing(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@pytest.mark.parametrize("text", [f"<{name}>" for name in MARKERS] + ["\x00\x01\x02\x03"])
def test_no_text_gives_a_marker(text: str) -> None:
    assert min(TOKENIZER.encode(text)) >= BYTE_START


def test_capitals_are_read_as_what_is_known() -> None:
    assert TOKENIZER.encode("What COLOUR is the RING?") == TOKENIZER.encode("What colour is the ring?")
    assert min(TOKENIZER.encode("What COLOUR is the RING?")) >= WORD_START
