"""Writes tokenizer.json: every piece that the grammar of `talk.py` gives.

Names of other things stay unknown on purpose, so that the model learns what an unknown word looks like. A new word in
the grammar changes ids and needs a new training.
"""

from __future__ import annotations

import json
import random

import numpy as np

import talk
from chat_tokens import TOKENIZER_PATH, pieces_of
from scenes import sample_scenes

DRAWS = 40_000
SEED = 1


def known_words() -> list[str]:
    """The pieces, sorted; the same each time."""
    chance, words = random.Random(SEED), set[str]()
    for _ in range(DRAWS):
        scenes = sample_scenes(np.random.default_rng(chance.randrange(1 << 30)), 1)
        turn = talk.draw_question(chance, talk.seen_of(scenes, 0))
        for text in (talk.roughen(chance, turn.question), turn.answer, turn.brief):
            words.update(pieces_of(text))
    for questions, answer, brief in talk.SMALL_TALK:
        for text in [*questions, answer, brief]:
            words.update([*pieces_of(text), *pieces_of(text.lower())])
    for text in [*talk.ELSEWHERE, *talk.BRIEF_WISHES, *talk.OTHER_WISHES]:
        words.update([*pieces_of(text.replace("{}", "")), *pieces_of(f" {text.lower()}".replace("{}", ""))])
    for text in (*talk.UNKNOWN_PICTURE, *talk.NO_PICTURE, *talk.OUT_OF_SCOPE):
        words.update(pieces_of(text))
    return sorted(words)


def main() -> None:
    """Writes the file beside the weights."""
    words = ", ".join(json.dumps(word) for word in known_words())
    TOKENIZER_PATH.write_text(f'{{ "version": 1, "words": [{words}] }}\n', "utf-8")


if __name__ == "__main__":
    main()
