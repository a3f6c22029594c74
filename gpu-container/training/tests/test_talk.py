"""The grammar of chats: answers that are right on scenes made by hand, and no question without one right answer."""

from __future__ import annotations

import random

import numpy as np
import pytest

import talk
from chat_tokens import load_tokenizer
from scenes import BESIDE, SINGLE, STACKED, sample_scenes
from talk import Seen, Thing, Turn

RED_RING = Thing("large", "red", "ring")
BLUE_STAR = Thing("small", "blue", "star")
BLUE_RING = Thing("small", "blue", "ring")
PAIR = Seen(STACKED, (RED_RING, BLUE_STAR), "white")
RINGS = Seen(BESIDE, (RED_RING, BLUE_RING), "navy")
ONE = Seen(SINGLE, (RED_RING,), "mint")


def drawn(seen: Seen | None, count: int = 30_000) -> dict[str, Turn]:
    """Many turns by their question."""
    chance = random.Random(3)
    turns = [talk.draw_turn(chance, seen) for _ in range(count)]
    return {turn.question: turn for turn in turns}


TURNS = {seen: drawn(seen) for seen in (PAIR, RINGS, ONE)}


@pytest.mark.parametrize(
    ("seen", "question", "answer", "brief"),
    [
        (PAIR, "Describe the picture.", "A large red ring above a small blue star on a white background.", None),
        (ONE, "Describe the picture.", "A large red ring on a mint background.", "a red ring"),
        (PAIR, "What colour is the star?", "The star is blue.", "blue"),
        (PAIR, "What colour is the cross?", "There is no cross.", "none"),
        (RINGS, "What colour is the ring?", "The left ring is red and the right ring is blue.", "red and blue"),
        (PAIR, "Which shape is red?", "The ring is red.", "ring"),
        (PAIR, "Which shape is green?", "Nothing is green.", "nothing"),
        (RINGS, "How many rings are there?", "There are two rings.", "two"),
        (ONE, "How many shapes are there?", "There is one shape.", "one"),
        (PAIR, "How many crosses are there?", "There are no crosses.", "no"),
        (PAIR, "Is there a blue star?", "Yes, there is a blue star.", "yes"),
        (PAIR, "Is there a red star?", "No, there is no red star.", "no"),
        (PAIR, "Is there anything green?", "No, there is nothing green.", "no"),
        (PAIR, "What is below the ring?", "A small blue star.", "a blue star"),
        (PAIR, "What is left of the ring?", "Nothing is left of the ring.", "nothing"),
        (RINGS, "What is left of the blue ring?", "A large red ring.", "a red ring"),
        (RINGS, "Where is the blue ring?", "The blue ring is right of the red ring.", "right of the red ring"),
        (ONE, "Where is the ring?", "The ring is in the middle.", "in the middle"),
        (PAIR, "Is the ring above the star?", "Yes, the ring is above the star.", "yes"),
        (PAIR, "Is the star left of the ring?", "No, the star is below the ring.", "no"),
        (RINGS, "What is on the right?", "A small blue ring.", "a blue ring"),
        (PAIR, "What is on the left?", "The shapes stand one above the other.", "one above the other"),
        (ONE, "What is at the top?", "There is only one shape.", "only one shape"),
        (PAIR, "What colour is the background?", "The background is white.", "white"),
        (RINGS, "Is the red ring large or small?", "The red ring is large.", "large"),
    ],
)
def test_answers_are_right(seen: Seen, question: str, answer: str, brief: str | None) -> None:
    turn = TURNS[seen][question]

    assert turn.answer == answer
    assert brief is None or turn.brief == brief


@pytest.mark.parametrize("seen", [PAIR, RINGS, ONE, talk.NOTHING_KNOWN, None])
def test_one_question_about_one_picture_has_one_answer(seen: Seen | None) -> None:
    chance, answers = random.Random(5), dict[str, tuple[str, str]]()
    for _ in range(4_000):
        turn = talk.draw_turn(chance, seen)

        assert answers.setdefault(turn.question, (turn.answer, turn.brief)) == (turn.answer, turn.brief)


def test_without_a_picture_nothing_is_said_to_be_seen() -> None:
    answers = {turn.answer for turn in drawn(None, 2_000).values()}
    said = {talk.NO_PICTURE[0], talk.OUT_OF_SCOPE[0], *(answer for _, answer, _ in talk.SMALL_TALK)}

    assert answers == said


def test_every_answer_is_made_of_known_words() -> None:
    tokenizer, chance = load_tokenizer(), random.Random(7)
    scenes = sample_scenes(np.random.default_rng(7), 300)
    for row in range(len(scenes)):
        turn = talk.draw_turn(chance, talk.seen_of(scenes, row))

        for text in (turn.answer, turn.brief):
            assert all(token >= 260 for token in tokenizer.encode(text)), text


def test_people_type_a_question_in_many_ways() -> None:
    chance = random.Random(9)
    typed = {talk.roughen(chance, "What colour is the ring?") for _ in range(400)}

    assert {"what colour is the ring?", "What color is the ring", "Please what color is the ring?"} <= typed
