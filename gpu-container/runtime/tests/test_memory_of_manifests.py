"""Figures of memory in a manifest, held to what a model of full size takes by its shapes. Nothing of it ran on a card.

Every tensor of a phase is counted from when it is made until nobody holds it, on tensors without contents: so many
bytes live at once at the least. What a card takes beside them, workspaces of convolutions and fragments, is not.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests count with torch")

import models
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pilotlight_runtime.offload import keep_in_main_memory

CONTAINER = Path(__file__).parent.parent.parent
TOKENS = 512
MB = 10**6

BESIDE = 1.5
"""How much more than what was counted a row says: for what was not."""


class Counted(TorchDispatchMode):
    """Bytes of the tensors that are made within, at the most at once."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._bytes = 0
        self._live: set[int] = set()

    def __torch_dispatch__(self, op: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = op(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor):
                self._count(each.untyped_storage())
        return made

    def _count(self, storage: Any) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._live:
            return
        self._live.add(key)
        self._bytes += size
        self.peak = max(self.peak, self._bytes)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._live.discard(key)
        self._bytes -= size


CALLS = [(512, 1), (512, 8), (768, 1), (768, 6), (1024, 1), (1024, 3), (1024, 6)]
"""A prompt for each picture, so that the text encoder grows with them too."""


def peak_mb(act: Any) -> float:
    with Counted() as counted:
        act()
    return counted.peak / MB


def mb_of(part: Any) -> float:
    return sum(each.nbytes for each in part.parameters()) / MB


@pytest.fixture(scope="module")
def full() -> Iterator[Any]:
    """The parts of Z-Image-Turbo in bfloat16, without contents."""
    before = torch.get_default_dtype()
    with FakeTensorMode(), torch.inference_mode():
        torch.set_default_dtype(torch.bfloat16)
        try:
            transformer, vae, text_encoder = (part.eval() for part in models.full_z_image())
            # As the runtime places them, with a device whose copies can be told from what they are made of.
            keep_in_main_memory(text_encoder, "cpu")
            vae.enable_slicing()
            yield SimpleNamespace(transformer=transformer, vae=vae, text_encoder=text_encoder)
        finally:
            torch.set_default_dtype(before)


def memory_of(model: str) -> Any:
    return json.loads((CONTAINER / "models" / model / "manifest.json").read_text("utf-8"))["memory"]


def phases_mb(full: Any, size: int, pictures: int) -> dict[str, float]:
    """Of a call with the text encoder in main memory: on top of transformer and autoencoder."""
    side = size // 8
    latents = [torch.empty(16, 1, side, side) for _ in range(pictures)]
    prompts = [torch.empty(TOKENS, full.text_encoder.config.hidden_size) for _ in range(pictures)]
    ids = torch.zeros(pictures, TOKENS, dtype=torch.long)
    return {
        "encode": peak_mb(lambda: full.text_encoder(input_ids=ids, output_hidden_states=True)),
        "denoise": peak_mb(lambda: full.transformer(latents, torch.empty(pictures), prompts, return_dict=False)),
        "decode": peak_mb(lambda: full.vae.decode(torch.stack(latents)[:, :, 0], return_dict=False)),
    }


def test_weights_of_the_offloaded_model_are_those_of_transformer_and_autoencoder(full: Any) -> None:
    resident = mb_of(full.transformer) + mb_of(full.vae)

    assert resident <= memory_of("z-image-turbo-24gb")["weights_mb"] < resident * 1.05


@pytest.mark.parametrize(("size", "pictures"), CALLS)
def test_a_row_is_half_as_much_again_as_what_its_pictures_hold_at_once(full: Any, size: int, pictures: int) -> None:
    rows = memory_of("z-image-turbo-24gb")["per_image"]
    row = next(each for each in rows if each["pixels"] == size * size)
    said = row["call_mb"] + pictures * row["mb"]

    phases = phases_mb(full, size, pictures)

    assert max(phases.values()) * BESIDE <= said, phases
    if pictures == 1:
        assert said < max(phases.values()) * BESIDE * 1.1, phases
