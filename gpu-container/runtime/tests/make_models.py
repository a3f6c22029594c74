"""Writes every tiny model in one process, since importing the libraries takes longer: `python make_models.py DIR`."""

from __future__ import annotations

import sys
from pathlib import Path

import kinds
import loras
import tiny_qwen_vl
import tiny_upscaler

LAYERS = {
    kinds.Z_IMAGE: ("layers.0.attention.to_q", "layers.1.attention.to_v", 32),
    kinds.NEWBIE: ("layers.0.attn.to_q", "layers.1.attn.to_out.0", 24),
}
"""Of each kind, the square layers that its two adapters change, and their sides."""


def write_adapters(folder: Path, kind: kinds.Kind) -> None:
    """Two adapters that change what the model draws: `adapters/0.safetensors` and `adapters/1.safetensors`."""
    (folder / kind.model / "adapters").mkdir()
    *layers, side = LAYERS[kind]
    for index, layer in enumerate(layers):
        tensors = loras.pair(f"transformer.{layer}", side, side, seed=index)
        loras.write(folder / kind.model / "adapters", loras.bytes_of(tensors), name=str(index))


if __name__ == "__main__":
    for kind in kinds.ALL:
        kind.make(Path(sys.argv[1]))
        write_adapters(Path(sys.argv[1]), kind)
    tiny_upscaler.write(Path(sys.argv[1]) / kinds.Z_IMAGE.model / "weights")
    tiny_qwen_vl.main(Path(sys.argv[1]))
