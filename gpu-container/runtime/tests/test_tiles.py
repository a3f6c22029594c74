"""Tiles of upscaling: no torch needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilotlight_runtime.upscale import OVERLAP, spans_of


@given(st.integers(1, 5000), st.sampled_from([128, 256, 512]))
def test_tiles_lie_side_by_side_and_see_their_surroundings(length: int, tile: int) -> None:
    spans = spans_of(length, tile)

    assert [pixel for span in spans for pixel in range(span.start, span.end)] == list(range(length))
    for span in spans:
        assert span.end - span.start <= tile
        assert (span.seen_start == 0) or (span.start - span.seen_start == OVERLAP)
        assert (span.seen_end == length) or (span.seen_end - span.end == OVERLAP)
        assert 0 <= span.seen_start <= span.start < span.end <= span.seen_end <= length


def test_starts_are_even_for_networks_that_begin_with_halves() -> None:
    assert all(span.seen_start % 4 == 0 for tile in (128, 256, 512) for span in spans_of(2048, tile))
