"""What a card does while something runs: seconds, the share of them in which it computes, memory at the peak."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

MEGABYTE = 1_000_000

Work = Callable[[], Any]


class Card:
    """A device as torch names it. Of one that is no card, memory and shares are not known."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.is_card = device.startswith("cuda")

    def name(self) -> str:
        return torch.cuda.get_device_name(0) if self.is_card else "no card"

    def seconds(self, work: Work) -> float:
        self._settle()
        start = time.perf_counter()
        work()
        self._settle()
        return time.perf_counter() - start

    def compare(self, ours: Work, plain: Work, rounds: int) -> tuple[float, float]:
        """Medians of both in seconds after one run of each, in turns, so that what drifts hits both."""
        ours()
        plain()
        pairs = [(self.seconds(ours), self.seconds(plain)) for _ in range(rounds)]
        return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)

    def busy(self, work: Work) -> float | None:
        """Share of the time in which a kernel runs; the profiler slows what is between, so the truth is above."""
        if not self.is_card:
            return None
        activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
        with torch.profiler.profile(activities=activities) as profile:
            took_s = self.seconds(work)
        spans = sorted(
            (event.time_range.start, event.time_range.end)
            for event in profile.events()
            if event.device_type == torch.autograd.DeviceType.CUDA
        )
        return _covered(spans) / 1e6 / took_s

    def peak_mb(self, work: Work) -> float | None:
        """What the work takes at its peak, on top of what is there before."""
        if not self.is_card:
            return None
        self._settle()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        self._settle()
        return (torch.cuda.max_memory_allocated() - before) / MEGABYTE

    def held_mb(self, load: Work) -> tuple[Any, float | None]:
        """What was loaded, and what it keeps of the card."""
        # What was unloaded before may still be in a cycle.
        gc.collect()
        before = self._allocated()
        loaded = load()
        return loaded, (self._allocated() - before) / MEGABYTE if self.is_card else None

    def _allocated(self) -> int:
        return int(torch.cuda.memory_allocated()) if self.is_card else 0

    def _settle(self) -> None:
        if self.is_card:
            torch.cuda.synchronize()


def _covered(spans: list[tuple[float, float]]) -> float:
    """Length of the union of spans, which are sorted by their start."""
    total = 0.0
    until = float("-inf")
    for start, end in spans:
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
