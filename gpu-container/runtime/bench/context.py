"""A context for runners that counts what became of items. A failure ends the bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pilotlight_runtime.messages import Answer, FailureCode
from pilotlight_runtime.runner import BatchItem, OutputFile, Runner, RunnerError


class Counting:
    """What ended, and how many tokens were written."""

    wants_previews = False

    def __init__(self) -> None:
        self.ended = 0
        self.tokens = 0

    def is_stopped(self, item_id: str) -> bool:
        return False

    def progress(self, item_id: str, step: int, steps: int) -> None:
        pass

    def preview(self, item_id: str, step: int, picture: OutputFile) -> None:
        raise AssertionError("nobody looks")

    def delta(self, item_id: str, text: str) -> None:
        pass

    def write(self, item_id: str, file: OutputFile) -> None:
        pass

    def succeed(self, item_id: str, seeds: Sequence[int], gpu_ms: float, answer: Answer | None = None) -> None:
        self.ended += 1
        self.tokens += 0 if answer is None else answer.completion_tokens

    def stop(self, item_id: str, gpu_ms: float) -> None:
        raise AssertionError("nothing was asked to stop")

    def fail(self, item_id: str, code: FailureCode, message: str, gpu_ms: float = 0) -> None:
        raise RunnerError(code, message)


def run(runner: Runner, params: Sequence[Mapping[str, Any]]) -> Counting:
    """One call for all of them, as the host makes it."""
    items = [BatchItem(str(index), each) for index, each in enumerate(params)]
    context = Counting()
    runner.run({item.id: runner.plan(item).asked for item in items}, context)
    return context
