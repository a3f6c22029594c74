"""One batch on its way through a runner.

Every item ends in exactly one frame, whatever the runner does or leaves undone.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import UNSET

from .devices import runner_error_of
from .messages import (
    PREVIEW_CHARACTERS_MAX,
    Answer,
    Delta,
    Failed,
    FailureCode,
    File,
    Preview,
    Progress,
    Result,
    Run,
    RunnerMessage,
    is_retryable,
)
from .runner import BatchItem, OutputFile, Plan, Runner, RunnerError

Send = Callable[[RunnerMessage], None]


@dataclass
class _OpenItem:
    index: int
    """Place in the batch, which names the item's files: an id may hold any character."""
    stop_at_s: float
    files: list[File] = field(default_factory=list)
    last_step: int = 0
    is_canceled: bool = False


class BatchRun:
    """The context of one batch. `cancel` may come from another thread; everything else from the device's."""

    def __init__(self, message: Run, send: Send) -> None:
        """Deadlines count from here, so make it when `accepted` is sent."""
        now_s = time.monotonic()
        self.message = message
        self._send = send
        self._open = {
            item.id: _OpenItem(index, now_s + (float("inf") if item.deadline_ms is None else item.deadline_ms / 1000))
            for index, item in enumerate(message.items)
        }

    def execute(self, runner: Runner) -> FailureCode | None:
        """Runs to the end, and gives back the code of what ended it for every item still open.

        Raises:
            RunnerError: `CUDA_FATAL`, which makes the process unusable.
        """
        try:
            for asked in self._readable(runner):
                runner.run(asked, self)
            self._fail_open("INTERNAL", "the runner left the item open")
        except Exception as error:
            failure = runner_error_of(error)
        else:
            return None
        if failure.code == "CUDA_FATAL":
            raise failure
        self._fail_open(failure.code, failure.message)
        return failure.code

    def _readable(self, runner: Runner) -> list[dict[str, Any]]:
        """What the runner read of the items that it can read, by batch key; every other one is ended, alone."""
        by_key: dict[str, dict[str, Any]] = {}
        for item in self.message.items:
            plan = self._plan_of(runner, BatchItem(item.id, item.params))
            if plan is not None:
                by_key.setdefault(plan.batch_key, {})[item.id] = plan.asked
        return list(by_key.values())

    def _plan_of(self, runner: Runner, item: BatchItem) -> Plan | None:
        try:
            return runner.plan(item)
        except Exception as error:
            failure = runner_error_of(error)
        # A card that is gone is nobody's fault; anything else is the item's own, and none of its mates'.
        if failure.code == "CUDA_FATAL":
            raise failure
        self.fail(item.id, failure.code, failure.message)
        return None

    def cancel(self, item_id: str) -> None:
        """Marks an open item to be stopped; any other id changes nothing."""
        item = self._open.get(item_id)
        if item is not None:
            item.is_canceled = True

    def is_stopped(self, item_id: str) -> bool:
        item = self._open.get(item_id)
        return item is None or item.is_canceled or item.stop_at_s <= time.monotonic()

    def progress(self, item_id: str, step: int, steps: int) -> None:
        item = self._open[item_id]
        if not item.last_step < step <= steps:
            raise RunnerError("INTERNAL", f"progress went from {item.last_step} to {step} of {steps}")
        item.last_step = step
        self._send(Progress(id=item_id, step=step, steps=steps))

    @property
    def wants_previews(self) -> bool:
        return self.message.previews is True

    def preview(self, item_id: str, step: int, picture: OutputFile) -> None:
        if item_id not in self._open or picture.width is None or picture.height is None:
            return
        data = base64.b64encode(picture.body).decode("ascii")
        if len(data) > PREVIEW_CHARACTERS_MAX:
            return
        self._send(
            Preview(
                id=item_id,
                step=step,
                content_type=picture.content_type,
                width=picture.width,
                height=picture.height,
                data=data,
            )
        )

    def delta(self, item_id: str, text: str) -> None:
        if item_id in self._open:
            self._send(Delta(id=item_id, text=text))

    def write(self, item_id: str, file: OutputFile) -> None:
        item = self._open[item_id]
        path = f"{item.index}-{len(item.files)}.{file.extension}"
        entry = File(
            path=path,
            content_type=file.content_type,
            bytes=len(file.body),
            sha256=hashlib.sha256(file.body).hexdigest(),
            width=file.width,
            height=file.height,
        )
        item.files.append(entry)
        with (Path(self.message.scratch_dir) / path).open("xb") as output:
            output.write(file.body)

    def succeed(self, item_id: str, seeds: Sequence[int], gpu_ms: float, answer: Answer | None = None) -> None:
        item = self._open.pop(item_id)
        result = Result(
            id=item_id,
            files=item.files,
            seeds=list(seeds),
            unknown_words=[],
            gpu_ms=round(gpu_ms),
            answer=UNSET if answer is None else answer,
        )
        self._send(result)

    def stop(self, item_id: str, gpu_ms: float) -> None:
        item = self._open[item_id]
        if item.is_canceled:
            self.fail(item_id, "CANCELLED", "canceled on request", gpu_ms)
        else:
            self.fail(item_id, "DEADLINE", "the deadline of the item passed", gpu_ms)

    def fail(self, item_id: str, code: FailureCode, message: str, gpu_ms: float = 0) -> None:
        del self._open[item_id]
        retryable = is_retryable(code)
        self._send(
            Failed(scope="item", id=item_id, code=code, message=message, retryable=retryable, gpu_ms=round(gpu_ms))
        )

    def _fail_open(self, code: FailureCode, message: str) -> None:
        for item_id in list(self._open):
            self.fail(item_id, code, message)
