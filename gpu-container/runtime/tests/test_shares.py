"""Time of a call is paid for once, whoever leaves it when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pilotlight_runtime.shares import Shares


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 4), min_size=1, max_size=6), st.data())
def test_shares_add_up_to_the_time_that_passed(pictures: dict[str, int], data: st.DataObject) -> None:
    clock = [0.0]
    shares = Shares(pictures, lambda: clock[0])
    paid = 0.0

    for item_id in data.draw(st.permutations(list(pictures))):
        clock[0] += data.draw(st.floats(0, 10))
        shares.tick()
        paid += shares.close(item_id)

    assert abs(paid - clock[0] * 1000) < 1e-6


def test_an_item_pays_by_its_pictures_and_for_nothing_after_it_left() -> None:
    clock = [0.0]
    shares = Shares({"one": 1, "three": 3}, lambda: clock[0])

    clock[0] = 4.0
    shares.tick()
    left = shares.close("three")
    clock[0] = 6.0
    shares.tick()

    assert (left, shares.close("one")) == (3000, 3000)
