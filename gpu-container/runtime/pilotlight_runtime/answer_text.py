"""Text out of tokens while they are made: whole characters, and never a piece of a stop string."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Decode = Callable[[Sequence[int]], str]

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""What decoding gives for the bytes of a character that is not complete yet."""


class TokenText:
    """Decodes tokens one by one: a character of several tokens comes with the last of them.

    Tokens are decoded with a few before them, because a tokenizer writes some differently at the start of a text; the
    scheme is that of vLLM and text-generation-inference.
    """

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._context_at = 0
        self._told_at = 0

    def add(self, token: int) -> str:
        """What the token completed; empty while a character is not whole."""
        self._tokens.append(token)
        told, text = self._window()
        if text.endswith(REPLACEMENT) and len(self._tokens) - self._told_at < CHARACTER_TOKENS_MAX:
            return ""
        self._context_at, self._told_at = self._told_at, len(self._tokens)
        return text[len(told) :]

    def rest(self) -> str:
        """What is left when no token follows: a broken character as its replacement."""
        told, text = self._window()
        self._context_at = self._told_at = len(self._tokens)
        return text[len(told) :]

    def _window(self) -> tuple[str, str]:
        told = self._decode(self._tokens[self._context_at : self._told_at])
        return told, self._decode(self._tokens[self._context_at :])


CHARACTER_TOKENS_MAX = 8
"""A character of UTF-8 has four bytes; more tokens than this are noise, and are told as what they are."""


class StopWatch:
    """Lets text through up to the first stop string, and holds back what may be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.is_stopped = False
        """A stop string came; nothing after it matters."""

    def add(self, text: str) -> str:
        """What may be told of the text so far and has not been."""
        if self.is_stopped:
            return ""
        self._held += text
        places = [place for place in (self._held.find(stop) for stop in self._stops) if place >= 0]
        if places:
            self.is_stopped = True
            return self._tell(min(places))
        return self._tell(len(self._held) - self._doubtful())

    def rest(self) -> str:
        """What was held back, when no text follows."""
        return "" if self.is_stopped else self._tell(len(self._held))

    def _doubtful(self) -> int:
        """Characters at the end that a stop string may begin with."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            end = self._held[-length:]
            if any(stop.startswith(end) for stop in self._stops):
                return length
        return 0

    def _tell(self, length: int) -> str:
        told, self._held = self._held[:length], self._held[length:]
        return told
