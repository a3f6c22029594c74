"""A context for runners in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pilotlight_runtime.runner import BatchItem, OutputFile, Runner


@dataclass
class Told:
    """Keeps what it is told; `stops` says at which step an item is to stop."""

    stops: dict[str, int] = field(default_factory=dict)
    steps: dict[str, list[int]] = field(default_factory=dict)
    files: dict[str, list[OutputFile]] = field(default_factory=dict)
    ends: dict[str, Any] = field(default_factory=dict)
    gpu_ms: dict[str, float] = field(default_factory=dict)
    wants_previews: bool = False
    previews: dict[str, list[tuple[int, OutputFile]]] = field(default_factory=dict)

    def is_stopped(self, item_id: str) -> bool:
        return len(self.steps.get(item_id, [])) >= self.stops.get(item_id, 10**9)

    def progress(self, item_id: str, step: int, steps: int) -> None:
        self.steps.setdefault(item_id, []).append(step)

    def preview(self, item_id: str, step: int, picture: OutputFile) -> None:
        self.previews.setdefault(item_id, []).append((step, picture))

    def delta(self, item_id: str, text: str) -> None:
        raise AssertionError("pictures are no text")

    def write(self, item_id: str, file: OutputFile) -> None:
        self.files.setdefault(item_id, []).append(file)

    def succeed(self, item_id: str, seeds: Sequence[int], gpu_ms: float) -> None:
        self._end(item_id, list(seeds), gpu_ms)

    def stop(self, item_id: str, gpu_ms: float) -> None:
        self._end(item_id, "stopped", gpu_ms)

    def fail(self, item_id: str, code: str, message: str, gpu_ms: float = 0) -> None:
        self._end(item_id, code, gpu_ms)

    def _end(self, item_id: str, end: Any, gpu_ms: float) -> None:
        assert item_id not in self.ends
        self.ends[item_id] = end
        self.gpu_ms[item_id] = gpu_ms


def run(runner: Runner, items: Sequence[BatchItem], told: Told) -> None:
    """Plans and runs items of one batch key."""
    plans = {each.id: runner.plan(each) for each in items}
    assert len({plan.batch_key for plan in plans.values()}) == 1
    runner.run({item_id: plan.asked for item_id, plan in plans.items()}, told)
