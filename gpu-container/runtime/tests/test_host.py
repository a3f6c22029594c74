"""Frames to pictures and to the end of the process: a whole runner behind a real socket."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
pytest.importorskip("peft", reason="adapters need peft")

import loras
import msgspec
import tiny_z_image

from pilotlight_runtime import host
from pilotlight_runtime import registry as registries
from pilotlight_runtime.devices import Device
from pilotlight_runtime.messages import Adapter, Hello, Item, Load, Run
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import Plan, RunnerError


class Worker:
    """The other end of the conversation."""

    def __init__(self, connection: socket.socket, scratch: Path) -> None:
        self._scratch = scratch
        self._socket = connection
        self._lines = connection.makefile("rb")

    def ask(self, message: Any, *ends: str) -> dict[str, Any]:
        """Sends it and gives back the first answer of these types."""
        self._socket.sendall(msgspec.json.encode(message) + b"\n")
        return self.hear(*ends)

    def hear(self, *ends: str) -> dict[str, Any]:
        """The next answer of these types."""
        for line in self._lines:
            answer = json.loads(line)
            if answer["type"] in ends:
                return answer
        raise AssertionError("the runner left")

    def run(self, name: str, *adapters: Adapter, model: str = tiny_z_image.MODEL) -> dict[str, Any]:
        """Runs one item; gives back what ended it."""
        folder = self._scratch / name
        folder.mkdir()
        params = {"prompt": "a red ring", "size": 32, "steps": 2, "seed": 7}
        return self.ask(
            Run(
                batch_id=name,
                model=model,
                revision="1",
                scratch_dir=str(folder),
                items=[Item(id=name, params=params, deadline_ms=None)],
                adapters=list(adapters),
            ),
            "result",
            "failed",
        )

    def hang_up(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def broken_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_as_a_lazy_module_does() -> Any:
        raise RuntimeError("Failed to import diffusers.pipelines.z_image because of the following error")

    monkeypatch.setattr(registries, "KINDS", {"z_image": raise_as_a_lazy_module_does})


@pytest.fixture
def worker(models_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(host, "_accept_worker", lambda _: theirs)
    thread = threading.Thread(target=host.serve, args=(Registry(models_dir), Device("cpu"), ""))
    thread.start()
    worker = Worker(ours, tmp_path)
    yield worker
    worker.hang_up()
    thread.join()


def test_a_batch_is_drawn_with_its_adapters_and_the_next_without(worker: Worker, tmp_path: Path) -> None:
    tensors = loras.pair("transformer.layers.0.attention.to_q", 32, 32)
    adapter = loras.write(tmp_path, loras.bytes_of(tensors))

    ready = worker.ask(Hello(protocol=1), "ready")
    worker.ask(Load(model=tiny_z_image.MODEL, revision="1"), "loaded")
    hashes = [
        worker.run(f"batch_{index}", *adapters)["files"][0]["sha256"]
        for index, adapters in enumerate([(), (adapter,), (), (adapter,)])
    ]

    assert ready["capabilities"]["adapters"] is True
    assert hashes[0] == hashes[2] != hashes[1] == hashes[3]


def test_a_wrong_adapter_ends_its_batch_alone(worker: Worker, tmp_path: Path) -> None:
    body = loras.bytes_of(loras.pair("transformer.layers.0.attention.to_q", 32, 32))
    adapter = loras.write(tmp_path, body)
    wrong = msgspec.structs.replace(adapter, sha256=hashlib.sha256(b"").hexdigest())

    worker.ask(Load(model=tiny_z_image.MODEL, revision="1"), "loaded")
    refused = worker.run("refused", wrong)
    drawn = worker.run("drawn", adapter)

    assert (refused["scope"], refused["batchId"], refused["code"]) == ("batch", "refused", "ADAPTER_INVALID")
    assert (refused["retryable"], "sha256" in refused["message"]) == (False, True)
    assert drawn["type"] == "result"


def test_a_library_that_cannot_be_imported_fails_the_load_and_not_the_device_thread(
    broken_library: None, worker: Worker
) -> None:
    answers = [worker.ask(Load(model=tiny_z_image.MODEL, revision="1"), "failed") for _ in range(2)]

    assert [(answer["scope"], answer["code"]) for answer in answers] == [("model", "MODEL_NOT_LOADED")] * 2


class Plain:
    """A runner of a model without adapters."""

    def setup(self, setup: Any) -> None: ...

    def plan(self, item: Any) -> Plan:
        return Plan("", item)

    def run(self, asked: Any, context: Any) -> None:
        for item_id in asked:
            context.succeed(item_id, [], 1)

    def unload(self) -> None: ...


class Full(Plain):
    """A runner whose adapters never fit."""

    def adapt(self, adapters: Any) -> None:
        if adapters:
            raise RunnerError("OOM", "the adapter does not fit")


@pytest.mark.parametrize(("runner", "code"), [(Plain, "ADAPTER_INVALID"), (Full, "OOM")])
def test_a_model_that_cannot_take_them_says_so_and_goes_on(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, runner: Any, code: str
) -> None:
    monkeypatch.setattr(registries, "KINDS", {"z_image": runner})
    adapter = Adapter("adapter", "/nowhere.safetensors", "0" * 64, 1.0)

    worker.ask(Load(model=tiny_z_image.MODEL, revision="1"), "loaded")

    assert worker.run("with", adapter)["code"] == code
    assert worker.run("without")["type"] == "result"


class Poisoned(Plain):
    """A runner whose card falls over in the middle of a call."""

    def run(self, asked: Any, context: Any) -> None:
        context.progress(next(iter(asked)), 1, 2)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


class Gone(Plain):
    """A runner whose card falls over while it loads."""

    def setup(self, setup: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")


def test_a_card_that_fell_over_in_a_call_ends_the_process_and_takes_no_more_work(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "KINDS", {"z_image": Poisoned})
    worker.ask(Load(model=tiny_z_image.MODEL, revision="1"), "loaded")

    ended = worker.run("poisoned")

    assert (ended["scope"], ended["code"], ended["retryable"]) == ("process", "CUDA_FATAL", True)
    assert "illegal" not in ended["message"]
    assert worker.hear("bye") == {"type": "bye", "reason": "fatal"}


def test_a_card_that_fell_over_while_loading_ends_the_process(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "KINDS", {"z_image": Gone})

    ended = worker.ask(Load(model=tiny_z_image.MODEL, revision="1"), "failed")

    assert (ended["scope"], ended["code"]) == ("process", "CUDA_FATAL")
    assert worker.hear("bye") == {"type": "bye", "reason": "fatal"}
