"""Tokenizer of the chat model: known words whole, all else byte by byte; and the template that a chat is put in.

`tokenizer.json` beside the weights holds the words; the engine in TypeScript reads the same file, and
`tests/chat-tokens.json` holds texts that both sides must read alike. Nothing that a person writes can give a marker.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

CHAT_DIRECTORY = Path(__file__).resolve().parent.parent / "models" / "pilotlight-scenes"
TOKENIZER_PATH = CHAT_DIRECTORY / "tokenizer.json"
END, SYSTEM, USER, ASSISTANT = range(4)
MARKERS = ["end", "system", "user", "assistant"]
BYTE_START = len(MARKERS)
WORD_START = BYTE_START + 256
# A word or any one other character, each with the space before it.
PIECE = re.compile(r" ?[A-Za-z]+| ?[^A-Za-z ]| ")


def pieces_of(text: str) -> list[str]:
    """Cuts a text into pieces; joined they are the text."""
    return PIECE.findall(text)


class Tokenizer:
    """Reads texts as token ids."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.ids = {word: WORD_START + index for index, word in enumerate(words)}

    @property
    def size(self) -> int:
        """How many ids there are; rows of a picture are numbered from here."""
        return WORD_START + len(self.words)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text. A word in capitals that is not known so is read in lower case."""
        ids: list[int] = []
        for piece in pieces_of(text):
            known = self.ids.get(piece, self.ids.get(piece.lower()))
            ids += [known] if known is not None else [BYTE_START + byte for byte in piece.encode("utf-8")]
        return ids

    def decode(self, ids: list[int]) -> str:
        """The text of tokens; markers give nothing."""
        parts = [
            self.words[i - WORD_START].encode() if i >= WORD_START else bytes([i - BYTE_START])
            for i in ids
            if i >= BYTE_START
        ]
        return b"".join(parts).decode("utf-8", "replace")


def load_tokenizer(path: Path = TOKENIZER_PATH) -> Tokenizer:
    """The tokenizer that ships."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return Tokenizer(content["words"])
