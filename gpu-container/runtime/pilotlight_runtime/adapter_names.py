"""The names that trainers give the layers of a model, and the layers that they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layer:
    """A linear layer that an adapter may add to."""

    name: str
    """As the library calls it: `layers.0.attention.to_q`."""
    inputs: int
    outputs: int


PREFIXES = [
    wrapped + inner
    for wrapped in ("", "base_model.model.")
    for inner in ("", "transformer.", "diffusion_model.", "unet.")
]
"""Of peft around those of diffusers, of ComfyUI and of older trainers."""

FLAT_PREFIXES = ("lora_unet_", "lora_transformer_")
"""Of kohya's trainers, which write `_` for every dot after it."""


def linear_layers(model: Any) -> list[Layer]:
    """Every linear layer of a torch module, before any adapter was loaded into it."""
    import torch

    return [
        Layer(name, module.in_features, module.out_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    ]


class AdapterNames:
    """Finds the layers of one model by any of their names; the model itself is not touched."""

    def __init__(
        self,
        layers: Sequence[Layer],
        renamed: Mapping[str, str] | None = None,
        fused: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """`renamed` gives another end of a name its own, `fused` the ends of layers that another tree holds as one."""
        self._by_name: dict[str, tuple[Layer, ...]] = {}
        for name, means in _all_names(layers, renamed or {}, fused or {}):
            for prefix in PREFIXES:
                self._by_name[prefix + name] = means
            for prefix in FLAT_PREFIXES:
                self._by_name[prefix + name.replace(".", "_")] = means

    def find(self, name: str) -> tuple[Layer, ...] | None:
        """Several where the name is of a layer that the library splits: in the order of its rows."""
        return self._by_name.get(name)


def _all_names(
    layers: Sequence[Layer], renamed: Mapping[str, str], fused: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, tuple[Layer, ...]]]:
    by_name = {layer.name: layer for layer in layers}
    for layer in layers:
        yield layer.name, (layer,)
        for theirs, ours in renamed.items():
            if layer.name.endswith(ours):
                yield layer.name.removesuffix(ours) + theirs, (layer,)
        for theirs, parts in fused.items():
            base = layer.name.removesuffix(parts[0])
            if base != layer.name:
                yield base + theirs, tuple(by_name[base + part] for part in parts)
