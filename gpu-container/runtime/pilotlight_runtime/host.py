"""Serves the runner protocol for one worker, on a unix socket.

Two threads: the reader answers `cancel`, `ping` and `drain` the moment they are read, the device thread loads and runs
one thing after another. torch releases the interpreter in its kernels, so that a `ping` is answered while a step runs.
The first connection is the only one, and the socket file goes away with it.
"""

from __future__ import annotations

import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Literal

from .batch_run import BatchRun
from .devices import Device
from .framing import FrameFault, FrameReader, encode_frame
from .messages import (
    PROTOCOL_VERSION,
    Accepted,
    Bye,
    ByeReason,
    Cancel,
    Capabilities,
    Drain,
    Failed,
    FailureCode,
    Hello,
    Load,
    Loaded,
    Log,
    Ping,
    Pong,
    Ready,
    Run,
    RunnerMessage,
    Stats,
    Unload,
    WorkerMessage,
    is_retryable,
)
from .registry import Registry
from .runner import AdaptingRunner, Phases, Runner, RunnerError

START_S = 30.0
"""A worker that died before it connected must not leave its runner behind: `workerLimits.runnerStartMs`."""

OVER_MEMORY = "the process holds more than its memory cap"

EndReason = ByeReason | Literal["worker_lost", "no_worker"]


def serve(registry: Registry, device: Device, socket_path: str) -> EndReason:
    """Returns when the process should exit; work of a runner may still be going on then."""
    connection = _accept_worker(socket_path)
    if connection is None:
        return "no_worker"
    session = Session(registry, device, connection)
    threading.Thread(target=session.work, name="device", daemon=True).start()
    reader = FrameReader()
    while session.left is None:
        try:
            chunk = connection.recv(65_536)
        except OSError:
            chunk = b""
        if not chunk:
            return session.left or "worker_lost"
        for frame in reader.feed(chunk):
            session.receive(frame)
    return session.left


def _accept_worker(socket_path: str) -> socket.socket | None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(socket_path)
    listener.listen(1)
    listener.settimeout(START_S)
    try:
        connection, _ = listener.accept()
    except TimeoutError:
        return None
    finally:
        listener.close()
        os.unlink(socket_path)
    connection.settimeout(None)
    return connection


class Session:
    """One conversation with one worker."""

    def __init__(self, registry: Registry, device: Device, connection: socket.socket) -> None:
        self.left: ByeReason | None = None
        self._registry = registry
        self._device = device
        self._connection = connection
        self._sending = threading.Lock()
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._resident: dict[tuple[str, str], Runner] = {}
        self._runs: list[BatchRun] = []

    def receive(self, frame: WorkerMessage | FrameFault) -> None:
        """Answers at once what needs no device, and lines up the rest."""
        match frame:
            case FrameFault(kind, detail):
                self._die("protocol_fault", "INTERNAL", f"{kind} frame: {detail}")
            case Hello(protocol=version):
                if version == PROTOCOL_VERSION:
                    self._send(self._ready())
                else:
                    self._leave("protocol_version")
            case Load():
                self._tasks.put(lambda: self._load(frame))
            case Unload():
                self._tasks.put(lambda: self._unload(frame))
            case Run():
                self._accept(frame)
            case Cancel(id=item_id):
                for run in list(self._runs):
                    run.cancel(item_id)
            case Ping(sequence=sequence):
                self._send(Pong(sequence=sequence))
            case Drain():
                self._tasks.put(lambda: self._leave("drained"))

    def work(self) -> None:
        """The device thread: one task after another, for as long as the process lives."""
        self._registry.warm()
        while self.left is None:
            task = self._tasks.get()
            try:
                task()
            except RunnerError as error:
                self._die("fatal", error.code, error.message)
            except Exception as error:
                self._die("fatal", "INTERNAL", type(error).__name__)

    def _ready(self) -> Ready:
        return Ready(
            protocol=PROTOCOL_VERSION,
            engine="python",
            versions=dict(self._registry.versions()),
            capabilities=Capabilities(deltas=True, adapters=True),
            vram_total_bytes=self._device.total_bytes(),
        )

    def _load(self, message: Load) -> None:
        key = (message.model, message.revision)
        start_s = time.perf_counter()
        was_resident = key in self._resident
        phases = Phases()
        try:
            self._check_memory()
            if not was_resident:
                self._resident[key] = self._registry.create(message.model, message.revision, self._device.name, phases)
        except RunnerError as error:
            if error.code == "CUDA_FATAL":
                raise
            self._device.reclaim()
            return self._send(_load_failure(message, error.code, error.message))
        except Exception as error:
            return self._send(_load_failure(message, "INTERNAL", type(error).__name__))
        ms = 0 if was_resident else max(1, round((time.perf_counter() - start_s) * 1000))
        vram = self._device.allocated_bytes()
        if not was_resident:
            self._send(Log(level="info", event="model.phases", fields={"model": message.model, **phases.ms}))
        self._send(Loaded(model=message.model, revision=message.revision, ms=ms, vram_bytes=vram))
        self._send(self._stats())

    def _unload(self, message: Unload) -> None:
        runner = self._resident.pop((message.model, message.revision), None)
        if runner is not None:
            runner.unload()
            self._device.reclaim()
        self._send(self._stats())

    def _accept(self, message: Run) -> None:
        run = BatchRun(message, self._send)
        self._runs.append(run)
        self._send(Accepted(batch_id=message.batch_id))
        self._tasks.put(lambda: self._run(run))

    def _run(self, run: BatchRun) -> None:
        message = run.message
        refusal = self._refusal_of(message) or self._adapt(message)
        if refusal is None:
            ended_by = run.execute(self._resident[(message.model, message.revision)])
        else:
            ended_by = refusal[0]
            self._send(_batch_failure(message.batch_id, *refusal))
        # The allocator keeps what it has for the next batch, unless that was not enough.
        if ended_by == "OOM":
            self._device.reclaim()
        self._runs.remove(run)

    def _refusal_of(self, message: Run) -> tuple[FailureCode, str] | None:
        if self._device.is_over_memory():
            return "OOM", OVER_MEMORY
        if (message.model, message.revision) not in self._resident:
            return "MODEL_NOT_LOADED", "the model is not loaded"
        return None

    def _adapt(self, message: Run) -> tuple[FailureCode, str] | None:
        """Brings in the adapters of a batch, or says why not."""
        runner = self._resident[(message.model, message.revision)]
        if not isinstance(runner, AdaptingRunner):
            return ("ADAPTER_INVALID", "this model takes no adapters") if message.adapters else None
        try:
            runner.adapt(message.adapters)
        except RunnerError as error:
            if error.code == "CUDA_FATAL":
                raise
            return error.code, error.message
        return None

    def _check_memory(self) -> None:
        if self._device.is_over_memory():
            raise RunnerError("OOM", OVER_MEMORY)

    def _stats(self) -> Stats:
        return Stats(
            memory_bytes=self._device.resident_bytes(),
            vram_allocated_bytes=self._device.allocated_bytes(),
            vram_reserved_bytes=self._device.reserved_bytes(),
            gpu_util=None,
        )

    def _die(self, reason: ByeReason, code: FailureCode, message: str) -> None:
        self._send(Failed(scope="process", code=code, message=message, retryable=True))
        self._leave(reason)

    def _leave(self, reason: ByeReason) -> None:
        self._send(Bye(reason=reason))
        self.left = reason
        # Ends the reader's wait; what was sent is still delivered.
        self._connection.shutdown(socket.SHUT_RD)

    def _send(self, message: RunnerMessage) -> None:
        with self._sending:
            if self.left is not None:
                return
            try:
                self._connection.sendall(encode_frame(message))
            except OSError:
                # The worker is gone; the reader finds out, and the process ends.
                return


def _batch_failure(batch_id: str, code: FailureCode, text: str) -> Failed:
    return Failed(scope="batch", batch_id=batch_id, code=code, message=text, retryable=is_retryable(code))


def _load_failure(message: Load, code: FailureCode, text: str) -> Failed:
    return Failed(
        scope="model", model=message.model, revision=message.revision, code=code, message=text, retryable=code == "OOM"
    )
