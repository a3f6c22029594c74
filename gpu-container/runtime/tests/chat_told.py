"""What a runner tells of chats, kept for a test to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pilotlight_runtime.messages import Answer
from pilotlight_runtime.runner import OutputFile


@dataclass
class Told:
    """A context that keeps what it is told; `stops` says after how many tokens an item is to stop."""

    stops: dict[str, int] = field(default_factory=dict)
    steps: dict[str, list[int]] = field(default_factory=dict)
    deltas: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer | None] = field(default_factory=dict)
    seeds: dict[str, list[int]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    ends: list[tuple[str, str]] = field(default_factory=list)

    def is_stopped(self, item_id: str) -> bool:
        return len(self.steps.get(item_id, [])) >= self.stops.get(item_id, 10**9)

    def progress(self, item_id: str, step: int, steps: int) -> None:
        self.steps.setdefault(item_id, []).append(step)

    def delta(self, item_id: str, text: str) -> None:
        assert text != ""
        self.deltas.setdefault(item_id, []).append(text)

    def write(self, item_id: str, file: OutputFile) -> None:
        assert (file.content_type, file.extension) == ("text/plain; charset=utf-8", "txt")
        assert item_id not in self.texts
        self.texts[item_id] = file.body.decode("utf-8")

    def succeed(self, item_id: str, seeds: Sequence[int], gpu_ms: float, answer: Answer | None = None) -> None:
        self.seeds[item_id] = list(seeds)
        self.answers[item_id] = answer
        self._end(item_id, "succeeded", gpu_ms)

    def stop(self, item_id: str, gpu_ms: float) -> None:
        self._end(item_id, "stopped", gpu_ms)

    def fail(self, item_id: str, code: str, message: str, gpu_ms: float = 0) -> None:
        self.reasons[item_id] = message
        self._end(item_id, code, gpu_ms)

    def _end(self, item_id: str, end: str, gpu_ms: float) -> None:
        assert item_id not in dict(self.ends)
        self.shares[item_id] = gpu_ms
        self.ends.append((item_id, end))
