"""Weights of fewer bits than they are computed with: kept narrow, and widened layer by layer as they run.

Nothing is computed in fewer bits, so a picture or an answer depends on its batch mates no more than with whole weights.
Norms, embeddings and what else a model names as delicate stay as they are, and so do adapters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from .runner import RunnerError

FP8 = "fp8"
"""Eight bits of floating point, by diffusers: a byte for each weight, rounded without a scale."""

INT8 = "int8"
"""Whole numbers of eight bits with a scale for each row, by torchao: a byte for each weight."""

INT4 = "int4"
"""Normal floats of four bits with a scale for every 64, by bitsandbytes (NF4): 0.56 bytes for each weight."""

_LIBRARIES = {FP8: "diffusers", INT8: "torchao", INT4: "bitsandbytes"}

CAPABILITY_MIN = (7, 5)
"""Of a card (Turing): what the three are published for."""

_DELICATE = ("norm", "embed", "lm_head", "^proj_in$", "^proj_out$")


def check_quant(quant: str | None, device: str) -> None:
    """Refuses what this runtime or its card cannot do, before anything is read.

    Raises:
        RunnerError: `MODEL_NOT_LOADED`.
    """
    if quant is None:
        return
    library = _LIBRARIES.get(quant)
    if library is None:
        raise RunnerError("MODEL_NOT_LOADED", f"quant: this runtime knows {', '.join(_LIBRARIES)}, not {quant}")
    if find_spec(library) is None:
        raise RunnerError("MODEL_NOT_LOADED", f"quant: {quant} needs {library}, which is not installed here")
    capability = _capability_of(device)
    if capability is not None and capability < CAPABILITY_MIN:
        has, needs = (".".join(map(str, each)) for each in (capability, CAPABILITY_MIN))
        raise RunnerError("MODEL_NOT_LOADED", f"quant: {quant} needs a card of capability {needs}, and this has {has}")


def apply_quant(model: Any, quant: str | None, dtype: Any) -> None:
    """Narrows a model where it lies. What is still wide then (`int4`) is narrowed as it moves to its device."""
    if quant == FP8:
        _cast_layers(model, dtype)
    elif quant == INT8:
        _narrow_to_int8(model)
    elif quant == INT4:
        _narrow_to_int4(model, dtype)


def _capability_of(device: str) -> tuple[int, int] | None:
    """None without a card."""
    if not device.startswith("cuda"):
        return None
    import torch

    return torch.cuda.get_device_capability(device)


def _cast_layers(model: Any, dtype: Any) -> None:
    import torch
    from diffusers.hooks import apply_layerwise_casting

    apply_layerwise_casting(model, torch.float8_e4m3fn, dtype, skip_modules_pattern=_delicate_of(model))


def _narrow_to_int8(model: Any) -> None:
    from torchao.quantization import Int8WeightOnlyConfig, quantize_

    wanted = {layer for _, _, layer in _layers_of(model)}
    quantize_(model, Int8WeightOnlyConfig(), filter_fn=lambda layer, _: layer in wanted)


def _narrow_to_int4(model: Any, dtype: Any) -> None:
    from bitsandbytes.nn import Linear4bit, Params4bit

    for parent, name, layer in list(_layers_of(model)):
        narrow = Linear4bit(
            layer.in_features, layer.out_features, layer.bias is not None, dtype, quant_type="nf4", device="meta"
        )
        narrow.weight = Params4bit(layer.weight.data, requires_grad=False, quant_type="nf4")
        narrow.bias = layer.bias
        # On a processor with AVX-512 BF16 they would be packed for a kernel that computes in bfloat16, and of some
        # shapes alone.
        narrow.support_avx512bf16_for_cpu = False
        setattr(parent, name, narrow)


def _layers_of(model: Any) -> Iterator[tuple[Any, str, Any]]:
    """The linear layers that may be narrowed, each with what holds it and by which name."""
    from torch.nn import Linear

    delicate = _delicate_of(model)
    for path, layer in model.named_modules():
        if type(layer) is Linear and not any(re.search(pattern, path) for pattern in delicate):
            parent, _, name = path.rpartition(".")
            yield model.get_submodule(parent), name, layer


def _delicate_of(model: Any) -> tuple[str, ...]:
    return (*_DELICATE, *(getattr(model, "_skip_layerwise_casting_patterns", None) or ()))
