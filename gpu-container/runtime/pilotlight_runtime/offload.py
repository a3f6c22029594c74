"""A model that stays in main memory and computes on the card all the same: each layer is brought as it runs.

Of a picture model the text encoder is needed once a call, for a fraction of its time, and takes as much of a card as
many pictures do. Bringing all of its layers costs one way over the bus: what was brought is dropped, not taken back.
"""

from __future__ import annotations

from typing import Any


def place(pipeline: Any, device: str, offload: str | None) -> Any:
    """Moves the parts of a pipeline to their device, but for the one that is to stay in main memory."""
    if offload is None:
        return pipeline.to(device)
    from torch.nn import Module

    for name, part in pipeline.components.items():
        if not isinstance(part, Module):
            continue
        if name == offload:
            keep_in_main_memory(part, device)
        else:
            part.to(device)
    # All at once takes as much memory for each picture more, and gains next to no time.
    pipeline.vae.enable_slicing()
    return pipeline


def keep_in_main_memory(model: Any, device: str) -> None:
    """Lets a model on the CPU compute on `device`, holding of it there what runs: about one layer.

    Buffers, which are small, move for good. Inputs are to be on the device.
    """
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = buffer.to(device)
        parameters = list(module.parameters(recurse=False))
        if parameters:
            _bring_as_it_runs(module, parameters, device)


def _bring_as_it_runs(module: Any, parameters: list[Any], device: str) -> None:
    import torch

    for parameter in parameters:
        if device.startswith("cuda"):
            # Memory that is pinned is read by the card itself.
            parameter.data = parameter.data.pin_memory()
    kept = [parameter.data for parameter in parameters]

    def bring(*_: Any) -> None:
        # A copy also where the device is the same, so that a CPU shows what a card does.
        with torch.inference_mode(False):
            for parameter, data in zip(parameters, kept, strict=True):
                parameter.data = data.to(device, non_blocking=True, copy=True)

    def drop(*_: Any) -> None:
        for parameter, data in zip(parameters, kept, strict=True):
            parameter.data = data

    module.register_forward_pre_hook(bring)
    # Also when it raised: out of memory, it would hold what is to be given back.
    module.register_forward_hook(drop, always_call=True)
