"""The adapters of one pipeline: which are loaded, and which of them the next call uses.

Adapters are global state of a diffusers pipeline, so a call has one set of them; a worker forms its batches so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from .adapter_files import AdapterFile, read_adapter
from .adapter_names import AdapterNames, Layer
from .devices import failure_of
from .messages import Adapter
from .runner import RunnerError

_TORCH_TYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


class Adapters:
    """Keeps adapters loaded, by their sha256, until others need their room: least recently used first."""

    def __init__(self, pipeline: Any, names: AdapterNames, bytes_max: int) -> None:
        self._pipeline = pipeline
        self._names = names
        self._bytes_max = bytes_max
        self._bytes: OrderedDict[str, int] = OrderedDict()

    @property
    def loaded(self) -> tuple[str, ...]:
        """The sha256 of each, least recently used first."""
        return tuple(self._bytes)

    def use(self, adapters: Sequence[Adapter]) -> None:
        """Makes this set, with its weights, the one that calls use from now on; none gives the model as it is.

        Raises:
            RunnerError: `ADAPTER_INVALID`, with a message that the owner may see, before the device is touched; `OOM`.
                The pipeline then draws as without adapters.
        """
        if self._bytes:
            self._pipeline.disable_lora()
        if not adapters:
            return
        failure = self._prepare(adapters, self._read(adapters))
        # Out of reach of the exception, whose frames hold the tensors that did not fit.
        if failure is not None:
            if failure.code != "CUDA_FATAL":
                self.clear()
            raise failure

    def clear(self) -> None:
        """Puts every adapter out."""
        if self._bytes:
            self._bytes.clear()
            self._pipeline.unload_lora_weights()

    def _read(self, adapters: Sequence[Adapter]) -> dict[str, AdapterFile]:
        """The files that are not loaded yet, all checked."""
        files: dict[str, AdapterFile] = {}
        used: dict[str, int] = {}
        for adapter in adapters:
            sha256 = adapter.sha256
            if sha256 in used:
                raise RunnerError("ADAPTER_INVALID", f"adapter {adapter.id}: the same adapter is there twice")
            if sha256 not in self._bytes:
                files[sha256] = read_adapter(adapter, self._names)
            used[sha256] = self._bytes.get(sha256) or files[sha256].elements * self._item_bytes
            if sum(used.values()) > self._bytes_max:
                allowed = f"and {self._bytes_max} bytes are allowed together"
                raise RunnerError("ADAPTER_INVALID", f"adapter {adapter.id}: the adapters are too large, {allowed}")
        return files

    def _prepare(self, adapters: Sequence[Adapter], files: dict[str, AdapterFile]) -> RunnerError | None:
        try:
            self._make_room({adapter.sha256 for adapter in adapters}, files)
            for adapter in adapters:
                self._load(adapter, files)
            self._pipeline.enable_lora()
            names = [_name_of(adapter.sha256) for adapter in adapters]
            self._pipeline.set_adapters(names, [adapter.weight for adapter in adapters])
        except Exception as error:
            code = failure_of(error)
            return RunnerError(code, "the adapter does not fit" if code == "OOM" else type(error).__name__)
        return None

    def _make_room(self, kept: set[str], files: dict[str, AdapterFile]) -> None:
        needed = sum(file.elements for file in files.values()) * self._item_bytes
        for sha256 in [each for each in self._bytes if each not in kept]:
            if sum(self._bytes.values()) + needed <= self._bytes_max:
                return
            self._put_out(sha256)

    def _load(self, adapter: Adapter, files: dict[str, AdapterFile]) -> None:
        sha256 = adapter.sha256
        if sha256 in self._bytes:
            return self._bytes.move_to_end(sha256)
        file = files[sha256]
        state = self._tensors_of(file)
        # Known before it is loaded, so that `clear` reaches what was half loaded.
        self._bytes[sha256] = file.elements * self._item_bytes
        # As tensors: a loader of the library never opens the file, and so cannot fall back to pickle.
        self._pipeline.load_lora_weights(state, adapter_name=_name_of(sha256))
        self._restore(_name_of(sha256), state)

    def _restore(self, name: str, state: dict[str, Any]) -> None:
        """An adapter gets the type in which its layer is kept from peft, which may be too narrow to compute in."""
        for key, tensor in state.items():
            layer, _, matrix = key.removeprefix("transformer.").removesuffix(".weight").rpartition(".")
            weight = getattr(self._pipeline.transformer.get_submodule(layer), matrix)[name].weight
            if weight.dtype != tensor.dtype:
                weight.data = tensor

    def _tensors_of(self, file: AdapterFile) -> dict[str, Any]:
        """In the layout of peft, in the model's own type and place."""
        import torch

        transformer = self._pipeline.transformer
        state: dict[str, Any] = {}
        for lora in file.loras:
            down, up = (
                torch.frombuffer(
                    bytearray(file.data[slice(*tensor.data_offsets)]), dtype=getattr(torch, _TORCH_TYPES[tensor.dtype])
                ).reshape(tensor.shape)
                for tensor in (lora.down, lora.up)
            )
            scaled = up.float() * lora.scale
            for layer, rows in zip(lora.layers, scaled.split([each.outputs for each in lora.layers]), strict=True):
                state[_key(layer, "A")] = down.to(transformer.device, transformer.dtype)
                state[_key(layer, "B")] = rows.to(transformer.device, transformer.dtype).contiguous()
        return state

    def _put_out(self, sha256: str) -> None:
        del self._bytes[sha256]
        if self._bytes:
            self._pipeline.delete_adapters(_name_of(sha256))
        else:
            self._pipeline.unload_lora_weights()

    @property
    def _item_bytes(self) -> int:
        return int(self._pipeline.transformer.dtype.itemsize)


def _name_of(sha256: str) -> str:
    """Adapters are told apart by what they hold: names of tenants may repeat."""
    return f"sha256_{sha256}"


def _key(layer: Layer, matrix: str) -> str:
    return f"transformer.{layer.name}.lora_{matrix}.weight"
