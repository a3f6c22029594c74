"""Weights of fewer bits than they are computed with."""

from __future__ import annotations

from typing import Any

from .runner import RunnerError

FP8 = "fp8"
"""Eight bits of floating point for the layers that are most of a transformer, widened as each of them runs: half of its
memory, by diffusers alone. Norms, embeddings and what else diffusers names stay as they are, and so do adapters."""


def check_quant(quant: str | None) -> None:
    """Refuses what this runtime cannot do, before anything is read.

    Raises:
        RunnerError: `MODEL_NOT_LOADED`.
    """
    if quant not in (None, FP8):
        raise RunnerError("MODEL_NOT_LOADED", f"quant: this runtime has no library for {quant}; it knows {FP8}")


def apply_quant(pipeline: Any, quant: str | None, dtype: Any) -> None:
    """Narrows the transformer of a pipeline where it lies; a narrower one is also moved sooner."""
    import torch

    if quant == FP8:
        pipeline.transformer.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype)
