"""Who pays for the time of a shared call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Shares:
    """Splits the time that passes over the items still in a call, by their pictures.

    Shares add up to what passed, less what was skipped.
    """

    def __init__(self, pictures: Mapping[str, int], now_s: Callable[[], float] = time.perf_counter) -> None:
        self._open = dict(pictures)
        self._gpu_ms = dict.fromkeys(pictures, 0.0)
        self._now_s = now_s
        self._since_s = now_s()

    def tick(self) -> None:
        """Gives what passed since the last tick to the items that are open."""
        now_s = self._now_s()
        passed_ms = (now_s - self._since_s) * 1000
        self._since_s = now_s
        pictures = sum(self._open.values())
        for item_id, own in self._open.items():
            self._gpu_ms[item_id] += passed_ms * own / pictures

    def skip(self) -> None:
        """Lets what passed since the last tick be paid for by nobody."""
        self._since_s = self._now_s()

    def close(self, item_id: str) -> float:
        """The item's share up to the last tick, in milliseconds; it pays for nothing after."""
        del self._open[item_id]
        return self._gpu_ms[item_id]
