"""What the code of a model must do, free of sockets, frames and threads.

A *runner* holds one model. The host makes it, calls `setup` once, then `run` for one batch at a time, and `unload` at
the end, all from one thread: pipelines are not safe to share (12 wrong pictures of 12 were measured).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from .messages import Adapter, Answer, FailureCode


class RunnerError(Exception):
    """Ends what is open with its code. Of `CUDA_FATAL` the whole process ends: such a context serves nothing more."""

    def __init__(self, code: FailureCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Phases:
    """How long each part of a load took, in milliseconds, in the order they ended."""

    def __init__(self) -> None:
        self.ms: dict[str, int] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Adds what passes within to the phase; a part that raises counts too."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.ms[name] = self.ms.get(name, 0) + round((time.perf_counter() - start_s) * 1000)


@dataclass(frozen=True)
class Setup:
    """What a runner is made from."""

    model_dir: Path
    """Holds the manifest, and the weights below `weights/`. Read only."""
    options: Mapping[str, Any]
    """`runtime` of the manifest: dtype and whatever this kind of runner takes."""
    device: str
    """As torch names it: `cuda`, `cuda:1`, `cpu`."""
    phases: Phases = field(default_factory=Phases)
    """A runner times its own here: `readMs` of the weights, `toDeviceMs`."""


@dataclass(frozen=True)
class BatchItem:
    """One job of a batch, with the input that the platform validated."""

    id: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class OutputFile:
    """A file of an item."""

    body: bytes
    content_type: str
    extension: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Plan:
    """What one item asks for, as its runner read it."""

    batch_key: str
    """Items of one key may share a call."""
    asked: Any
    """The runner's own: `run` is given it back."""


class RunContext(Protocol):
    """How a runner tells what becomes of its items. Every item ends exactly once; one that is left open fails."""

    def is_stopped(self, item_id: str) -> bool:
        """True once the item should end without a result; then `stop` it."""
        ...

    def progress(self, item_id: str, step: int, steps: int) -> None: ...

    @property
    def wants_previews(self) -> bool:
        """Whether anybody looks at what is being drawn."""
        ...

    def preview(self, item_id: str, step: int, picture: OutputFile) -> None:
        """A small picture of how the item looks after a step, to be shown and forgotten. One too large is left out."""
        ...

    def delta(self, item_id: str, text: str) -> None:
        """A piece of the item's text, in order."""
        ...

    def write(self, item_id: str, file: OutputFile) -> None:
        """Stores a file of the item before the item ends."""
        ...

    def succeed(self, item_id: str, seeds: Sequence[int], gpu_ms: float, answer: Answer | None = None) -> None:
        """Ends the item well; one that wrote text says how with `answer`."""
        ...

    def stop(self, item_id: str, gpu_ms: float) -> None:
        """After `is_stopped`: the host knows whether that was a cancel or the deadline."""
        ...

    def fail(self, item_id: str, code: FailureCode, message: str, gpu_ms: float = 0) -> None: ...


class Runner(Protocol):
    """One model on one device."""

    def setup(self, setup: Setup) -> None:
        """Makes the model ready to run.

        Raises:
            RunnerError: `MODEL_NOT_LOADED` when files are missing or are not what they should be, `OOM` when it does
                not fit. Nothing of it is left on the device then.
        """
        ...

    def plan(self, item: BatchItem) -> Plan:
        """Reads the parameters of one item.

        Raises:
            RunnerError: `INVALID_INPUT`, with a message that a tenant may see.
        """
        ...

    def run(self, asked: Mapping[str, Any], context: RunContext) -> None:
        """Runs what `plan` read of items of one batch key, by item, together and in that order.

        A raise ends every open item with its code, `INTERNAL` without one.
        """
        ...

    def unload(self) -> None:
        """Gives the device back. Nothing is called afterwards."""
        ...


@runtime_checkable
class AdaptingRunner(Runner, Protocol):
    """A runner whose model takes adapters."""

    def adapt(self, adapters: Sequence[Adapter]) -> None:
        """Makes this set the one that `run` uses until the next; none of them gives the model as it is.

        Raises:
            RunnerError: `ADAPTER_INVALID`, with a message that a tenant may see, before the device is touched; `OOM`
                when they do not fit, which leaves the model usable.
        """
        ...
