"""Exports the chat model to ONNX with weights stored as fp16, checks it against torch, and writes its weights.json.

Two files: `eye.onnx` sees a picture, `decoder.onnx` reads ids and hands its keys and values on. One file serves a whole
prompt and one new token alike; both are run against torch here, the token upon what ONNX itself handed on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from chat_network import CONTEXT_TOKENS_MAX, EYE_TOKENS, HEAD_WIDTH, HEADS, LAYERS, WIDTH, ChatNetwork, empty_past
from chat_tokens import ASSISTANT, CHAT_DIRECTORY, TOKENIZER_PATH, USER, load_tokenizer
from export import OPSET, TOLERANCE, halve_weights
from loss_curve import draw_loss_curve

FILE_BYTES_MAX = 4_000_000


class NextToken(nn.Module):
    """The decoder, with scores for the token after the last one alone."""

    def __init__(self, network: ChatNetwork) -> None:
        super().__init__()
        self.decoder = network.decoder

    def forward(self, ids: Tensor, rows: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        hidden, present = self.decoder(ids, rows, past)
        return self.decoder.logits(hidden[:, -1]), present


def main() -> None:
    """Exports a checkpoint of train_chat.py."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chat", type=Path, default=Path("runs/chat/chat.pt"))
    parser.add_argument("--out", type=Path, default=CHAT_DIRECTORY)
    parser.add_argument("--device-note", required=True, help='what training ran on, e.g. "1 CPU core"')
    options = parser.parse_args()
    torch.manual_seed(0)
    state = torch.load(options.chat, map_location="cpu", weights_only=True)
    network = ChatNetwork(load_tokenizer().size)
    network.load_state_dict(state["network"])
    network.eval()
    differences = {"eye.onnx": _export_eye(network, options.out), "decoder.onnx": _export_decoder(network, options.out)}
    files = {name: _entry(options.out / name, difference) for name, difference in differences.items()}
    files[TOKENIZER_PATH.name] = _entry(TOKENIZER_PATH, None)
    loss_log = options.chat.parent / "loss.csv"
    shutil.copyfile(loss_log, options.out / "loss-curve.csv")
    (options.out / "loss-curve.svg").write_text(draw_loss_curve(loss_log, "pilotlight-scenes"), "utf-8")
    training = {"ranOn": options.device_note, "steps": state["steps"], "minutes": round(state["minutes"], 1)}
    manifest = {
        "name": "pilotlight-scenes",
        "opset": OPSET,
        "precision": "fp16 weights, fp32 compute",
        "contextTokens": CONTEXT_TOKENS_MAX,
        "pictureTokens": EYE_TOKENS,
        "past": {"layers": LAYERS, "heads": HEADS, "headWidth": HEAD_WIDTH},
        "training": training | {"pictures": state["images"], "measured": state["measured"]},
        "files": files,
    }
    (options.out / "weights.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def _export_eye(network: ChatNetwork, folder: Path) -> float:
    path, picture = folder / "eye.onnx", torch.rand(2, 3, 64, 64)
    _export(network.eye, {"picture": picture}, {"vectors": {0: "batch"}}, {"picture": {0: "batch"}}, path)
    larger = torch.rand(3, 3, 64, 64)
    (vectors,) = onnxruntime.InferenceSession(str(path)).run(None, {"picture": larger.numpy()})
    with torch.no_grad():
        return _difference(path, [(vectors, network.eye(larger))])


def _export_decoder(network: ChatNetwork, folder: Path) -> float:
    path, module = folder / "decoder.onnx", NextToken(network)
    size = network.decoder.token.num_embeddings
    past = torch.randn(LAYERS, 2, 1, HEADS, 3, HEAD_WIDTH)
    axes = {"ids": {0: "batch", 1: "new"}, "rows": {0: "rows"}, "past": {2: "batch", 4: "old"}}
    inputs = {"ids": torch.tensor([[USER, size, 9]]), "rows": torch.randn(1, WIDTH), "past": past}
    _export(module, inputs, {"logits": {0: "batch"}, "present": {2: "batch", 4: "all"}}, axes, path)
    return _difference(path, _answers_of(path, module, size))


def _answers_of(path: Path, module: NextToken, size: int) -> list[tuple[Any, Tensor]]:
    """What ONNX and torch make of a prompt with a picture, of one token upon it, and of a long prompt without one."""
    session = onnxruntime.InferenceSession(str(path))
    picture = torch.randn(EYE_TOKENS, WIDTH)
    prompt = torch.tensor([[USER, *range(size, size + EYE_TOKENS), *range(260, 280), ASSISTANT]])
    steps = [(prompt, picture), (torch.tensor([[270]]), picture[:0])]
    compared: list[tuple[Any, Tensor]] = []
    past, own = empty_past(1), empty_past(1).numpy()
    for ids, rows in steps:
        logits, own = session.run(None, {"ids": ids.numpy(), "rows": rows.numpy(), "past": own})
        with torch.no_grad():
            expected, past = module(ids, rows, past)
        compared += [(logits, expected), (own, past)]
    ids = torch.randint(0, size, (1, CONTEXT_TOKENS_MAX))
    feeds = {"ids": ids.numpy(), "rows": picture[:0].numpy(), "past": empty_past(1).numpy()}
    with torch.no_grad():
        return [*compared, (session.run(None, feeds)[0], module(ids, picture[:0], empty_past(1))[0])]


def _export(
    module: nn.Module,
    inputs: dict[str, Tensor],
    outputs: dict[str, dict[int, str]],
    axes: dict[str, dict[int, str]],
    path: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes=axes | outputs,
            opset_version=OPSET,
            dynamo=False,
        )
    halve_weights(path)


def _difference(path: Path, pairs: list[tuple[Any, Tensor]]) -> float:
    """The largest difference as a share of the span; one beyond the tolerance stops the export."""
    shares = [float(np.abs(got - want.numpy()).max() / (want.max() - want.min())) for got, want in pairs]
    if max(shares) > TOLERANCE:
        raise ValueError(f"{path.name} differs from torch by {max(shares)}")
    return max(shares)


def _entry(path: Path, difference: float | None) -> dict[str, Any]:
    data = path.read_bytes()
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"{path.name} has {len(data)} bytes, more than {FILE_BYTES_MAX}")
    print(f"{path.name}: {len(data):,} bytes, difference {difference}", flush=True)
    entry: dict[str, Any] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return entry if difference is None else entry | {"differenceMax": float(f"{difference:.2e}")}


if __name__ == "__main__":
    main()
