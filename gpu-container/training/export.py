"""Exports the trained networks to ONNX with weights stored as fp16, checks them, and writes weights.json.

Weights are stored in half precision and cast back when a session is created, so files halve and all arithmetic
stays fp32. Every file is run against torch on random inputs; a difference beyond TOLERANCE stops the export.
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
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from loss_curve import draw_loss_curve
from network import PICTURE_PX, PLAN_SIDE, WIDTH, Denoiser
from sample import load_network
from scenes import MODEL_DIRECTORY, SLOT_COUNT, TOKEN_COUNT
from train_judge import ANSWERS, Judge
from train_upscaler import Upscaler

OPSET = 18
FILE_BYTES_MAX = 8_000_000
# Largest difference to torch allowed, as a share of the output's own range; half precision rounds at 2^-11.
TOLERANCE = 5e-3
# Small tensors (biases, norms) stay fp32: nothing to save there.
HALVED_ELEMENTS_MIN = 256


class PictureDenoiser(nn.Module):
    """The denoiser without its mask output, which only training needs."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, x: Tensor, t: Tensor, vectors: Tensor, plan: Tensor) -> Tensor:
        predicted: Tensor = self.denoiser(x, t, vectors, plan)
        return predicted[:, :3]


class ByteUpscaler(nn.Module):
    """One size of the upscaler: picture -1..1 in, bytes (batch, side, side, 3) out, ready for a PNG encoder."""

    def __init__(self, upscaler: Upscaler, factor: int) -> None:
        super().__init__()
        self.upscaler, self.factor = upscaler, factor

    def forward(self, x: Tensor) -> Tensor:
        picture = (x / 2 + 0.5).clamp(0, 1)
        large = self.upscaler.enlarge(picture, self.upscaler.features(picture), self.factor)
        return (large.clamp(0, 1) * 255 + 0.5).floor().to(torch.uint8).permute(0, 2, 3, 1)


def main() -> None:
    """Exports what the given checkpoints hold; a file already exported stays if its checkpoint is not given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--denoiser", type=Path, default=Path("runs/denoiser/checkpoint.pt"))
    parser.add_argument("--judge", type=Path, default=Path("runs/judge/judge.pt"))
    parser.add_argument("--upscaler", type=Path, default=Path("runs/upscaler/upscaler.pt"))
    parser.add_argument("--out", type=Path, default=MODEL_DIRECTORY)
    parser.add_argument("--device-note", required=True, help='what training ran on, e.g. "2 CPU cores"')
    options = parser.parse_args()
    torch.manual_seed(0)
    files = {}
    for name, (module, inputs, outputs) in _exports(options).items():
        files[name] = export_module(module.eval(), inputs, outputs, options.out / name)
        print(f"{name}: {files[name]['bytes']:,} bytes, difference {files[name]['differenceMax']:.1e}", flush=True)
    loss_log = options.denoiser.parent / "loss.csv"
    shutil.copyfile(loss_log, options.out / "loss-curve.csv")
    (options.out / "loss-curve.svg").write_text(draw_loss_curve(loss_log, "pilotlight-shapes"), "utf-8")
    manifest = {"name": "pilotlight-shapes", "opset": OPSET, "precision": "fp16 weights, fp32 compute"}
    manifest |= {"training": _training_facts(options), "files": files}
    (options.out / "weights.json").write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def export_module(module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], path: Path) -> dict[str, Any]:
    """Writes one ONNX file with a dynamic batch and returns its entry in weights.json."""
    axes = {name: {0: "batch"} for name in [*inputs, *outputs]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    halve_weights(path)
    data = path.read_bytes()
    if len(data) > FILE_BYTES_MAX:
        raise ValueError(f"{path.name} has {len(data)} bytes, more than {FILE_BYTES_MAX}")
    difference, shapes = _compare(module, inputs, outputs, path)
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "inputs": {name: ["batch", *tensor.shape[1:]] for name, tensor in inputs.items()},
        "outputs": shapes,
        "differenceMax": float(f"{difference:.2e}"),
    }


def halve_weights(path: Path) -> None:
    """Stores large fp32 weights as fp16 followed by a cast, which the runtime folds when a session is created."""
    model = onnx.load(path)
    casts = []
    for index, tensor in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < HALVED_ELEMENTS_MIN:
            continue
        stored = f"{tensor.name}_half"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
        model.graph.initializer[index].CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _compare(
    module: nn.Module, inputs: dict[str, Tensor], outputs: list[str], path: Path
) -> tuple[float, dict[str, list[Any]]]:
    """Runs torch and ONNX Runtime on one larger batch; returns the largest relative difference and the shapes."""
    larger = {name: torch.cat([tensor, tensor.flip(0), tensor[:1]]) for name, tensor in inputs.items()}
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    results = session.run(outputs, {name: tensor.numpy() for name, tensor in larger.items()})
    with torch.no_grad():
        expected = module(*larger.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    difference, shapes = 0.0, {}
    for name, result, truth in zip(outputs, results, expected, strict=True):
        reference = truth.numpy().astype(np.float32)
        span = float(reference.max() - reference.min())
        difference = max(difference, float(np.abs(result.astype(np.float32) - reference).max()) / span)
        shapes[name] = ["batch", *result.shape[1:]]
    # Bytes may round to either side, so one level of 255 is no difference.
    if difference > max(TOLERANCE, 1.5 / 255 if results[0].dtype == np.uint8 else 0):
        raise ValueError(f"{path.name} differs from torch by {difference}")
    return difference, shapes


def _exports(options: argparse.Namespace) -> dict[str, tuple[nn.Module, dict[str, Tensor], list[str]]]:
    network = load_network(options.denoiser, torch.device("cpu"))
    judge, upscaler = Judge(), Upscaler()
    judge.load_state_dict(torch.load(options.judge, map_location="cpu", weights_only=True)["judge"])
    upscaler.load_state_dict(torch.load(options.upscaler, map_location="cpu", weights_only=True)["upscaler"])
    slots = torch.randint(1, TOKEN_COUNT, (2, SLOT_COUNT))
    x, t = torch.randn(2, 3, PICTURE_PX, PICTURE_PX).clamp(-1, 1), torch.rand(2)
    vectors, plan = torch.randn(2, SLOT_COUNT, WIDTH), torch.randn(2, WIDTH, PLAN_SIDE, PLAN_SIDE)
    denoiser_inputs = {"x": x, "t": t, "vectors": vectors, "plan": plan}
    return {
        "slot-encoder.onnx": (network.slots, {"slots": slots}, ["vectors", "plan"]),
        "denoiser.onnx": (PictureDenoiser(network.denoiser), denoiser_inputs, ["clean"]),
        "upscaler-256.onnx": (ByteUpscaler(upscaler, 4), {"x": x}, ["rgb"]),
        "upscaler-512.onnx": (ByteUpscaler(upscaler, 8), {"x": x}, ["rgb"]),
        "judge.onnx": (judge, {"picture": x / 2 + 0.5}, ["logits"]),
    }


def _training_facts(options: argparse.Namespace) -> dict[str, Any]:
    denoiser = torch.load(options.denoiser, map_location="cpu", weights_only=True)
    judge = torch.load(options.judge, map_location="cpu", weights_only=True)
    upscaler = torch.load(options.upscaler, map_location="cpu", weights_only=True)
    return {
        "ranOn": options.device_note,
        "denoiserImages": denoiser["step_count"] * denoiser["batch"],
        "denoiserMinutes": round(denoiser["minutes"], 1),
        "denoiserFinished": denoiser["progress"] >= 1,
        "judgeSteps": judge["steps"],
        "judgeAnswers": ANSWERS,
        "judgeAccuracy": {name: round(share, 4) for name, share in judge["accuracy"].items()},
        "upscalerSteps": upscaler["steps"],
    }


if __name__ == "__main__":
    main()
