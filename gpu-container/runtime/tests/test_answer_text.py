"""Text while it is made: no library needed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight_runtime.answer_text import StopWatch, TokenText


def decode(tokens: Sequence[int]) -> str:
    """One token a byte, as byte-level tokenizers do with what they have no word for."""
    return bytes(tokens).decode("utf-8", errors="replace")


def told_of(text: str, cuts: Sequence[int], stops: Sequence[str]) -> tuple[str, bool]:
    watch = StopWatch(stops)
    told = ""
    start = 0
    for size in [*cuts, len(text)]:
        told += watch.add(text[start : start + size])
        start += size
    return told + watch.rest(), watch.is_stopped


@given(st.text(max_size=40))
def test_characters_come_whole_and_all_of_them(text: str) -> None:
    read = TokenText(decode)

    pieces = [read.add(token) for token in text.encode()] + [read.rest()]

    assert "".join(pieces) == text
    assert [piece for piece in pieces if len(piece) > 1] == []


@given(st.binary(max_size=40))
def test_any_tokens_give_a_text_that_can_be_written(tokens: bytes) -> None:
    read = TokenText(decode)

    told = "".join([read.add(token) for token in tokens] + [read.rest()])

    assert told.encode("utf-8").decode("utf-8") == told


def test_a_character_that_is_cut_off_is_told_at_the_end() -> None:
    read = TokenText(decode)

    pieces = [read.add(token) for token in "a☕".encode()[:-1]]

    assert pieces == ["a", "", ""]
    assert read.rest() == "\N{REPLACEMENT CHARACTER}"
    assert read.rest() == ""


@given(
    st.text("ab", max_size=30),
    st.lists(st.integers(0, 4), max_size=10),
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=3),
)
def test_text_is_told_up_to_the_first_stop_string_however_it_is_split(
    text: str, cuts: list[int], stops: list[str]
) -> None:
    told, is_stopped = told_of(text, cuts, stops)

    places = [text.find(stop) for stop in stops if stop in text]
    assert is_stopped == bool(places)
    assert not any(stop in told for stop in stops)
    assert text.startswith(told)
    if not places:
        assert told == text
    if len(stops) == 1 and places:
        assert told == text[: places[0]]


@given(st.text("ab", max_size=20))
def test_nothing_is_held_back_that_no_stop_string_begins_with(text: str) -> None:
    watch = StopWatch(["ccc"])

    assert watch.add(text) == text


@pytest.mark.parametrize("pieces", [["one ST", "OP two"], ["one S", "T", "O", "P two"], ["one STOP two"]])
def test_a_stop_string_that_arrives_in_pieces_is_never_told(pieces: list[str]) -> None:
    watch = StopWatch(["STOP"])

    assert "".join([watch.add(piece) for piece in pieces]) == "one "
    assert watch.is_stopped
    assert watch.add("more") + watch.rest() == ""
