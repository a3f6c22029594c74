"""Trains the demo denoiser by flow matching, seeded and resumable.

x_t = (1 - t) x_0 + t noise; the network predicts x_0. Every step draws its scenes, noise and times from
(seed, process, step) alone, so a run limited by --images repeats on the same machine and a resumed run goes on
as if never stopped. --minutes bounds a run on a busy machine: the learning rate then follows whichever of the
two limits is nearer, and the log tells how many pictures were seen.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn
from torch.nn import functional as F

from muon import Muon
from network import ShapesNetwork
from render import render
from scenes import encode_slots, forget_slots, sample_scenes

MUON_RATE = 0.02
ADAMW_RATE = 1.5e-3
WARMUP_STEPS = 100
EMA_DECAY = 0.999
ANY_SHARE = 0.15
NULL_SHARE = 0.10
MASK_LOSS_SHARE = 0.2
LOG_STEPS = 50


def main() -> None:
    """Reads the options, prints the device and starts one process, or several that average gradients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/denoiser"), help="folder of checkpoints and log")
    parser.add_argument("--images", type=int, default=500_000, help="pictures to train on, all processes together")
    parser.add_argument("--minutes", type=float, default=math.inf, help="wall-clock bound of training")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--batch", type=int, default=48, help="pictures a step, all processes together")
    parser.add_argument("--processes", type=int, default=1 if torch.cuda.is_available() else 2)
    parser.add_argument("--checkpoint-minutes", type=float, default=3)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} CPU cores"
    print(f"training on {device}, {options.processes} process(es), torch {torch.__version__}", flush=True)
    if options.processes == 1:
        train(0, options)
        return
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29517")
    mp.spawn(train, args=(options,), nprocs=options.processes)  # type: ignore[attr-defined,no-untyped-call]


def train(rank: int, options: argparse.Namespace) -> None:
    """Runs one process's share of the training until a limit is reached; process 0 logs and saves."""
    if options.processes > 1:
        # Two one-thread processes beat two threads in one: less waiting at every small operator.
        torch.set_num_threads(1)
        dist.init_process_group("gloo", rank=rank, world_size=options.processes)
    run = Run(rank, options)
    run.resume()
    while run.progress < 1:
        run.step()
        if rank == 0:
            run.log_and_save()
    if rank == 0:
        run.save()
        print(f"done: {run.images} pictures in {run.elapsed_minutes():.1f} minutes", flush=True)


class Run:
    """State of one training process: network, moving average, optimizers, counters."""

    def __init__(self, rank: int, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.rank, self.options = rank, options
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = ShapesNetwork().to(self.device)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizers = _optimizers(self.network)
        self.step_count, self.progress, self.loss_sum = 0, 0.0, 0.0
        self.minutes_before, self.started_s = 0.0, time.monotonic()
        self.saved_minutes = 0.0

    @property
    def images(self) -> int:
        """Pictures seen so far by all processes."""
        return self.step_count * int(self.options.batch)

    def elapsed_minutes(self) -> float:
        """Wall-clock minutes of training, over all resumptions."""
        return self.minutes_before + (time.monotonic() - self.started_s) / 60

    def step(self) -> None:
        """Trains on one batch."""
        warmup = min(1.0, (self.step_count + 1) / WARMUP_STEPS)
        rate = warmup * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, self.progress))))
        for optimizer, peak in zip(self.optimizers, (MUON_RATE, ADAMW_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
        self.network.zero_grad(set_to_none=True)
        share = self.options.batch // self.options.processes
        picture, mask, slots, noise, t = draw_batch(self.options.seed, self.rank, self.step_count, share, self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = flow_loss(self.network, picture, mask, slots, noise, t)
        loss.backward()  # type: ignore[no-untyped-call]
        self.loss_sum += self._share(loss.item())
        for optimizer in self.optimizers:
            optimizer.step()
        self.step_count += 1
        decay = min(EMA_DECAY, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)

    def _share(self, loss: float) -> float:
        """Averages gradients, the loss and the progress over processes, so that all stop at the same step."""
        near = self._nearness(self.step_count + 1)
        if self.options.processes == 1:
            self.progress = near
            return loss
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients] + [torch.tensor([loss, near])])
        dist.all_reduce(flat)
        flat /= self.options.processes
        offset = 0
        for gradient in gradients:
            gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
            offset += gradient.numel()
        self.progress = float(flat[-1])
        return float(flat[-2])

    def _nearness(self, step_count: int) -> float:
        """How near the run is to its limits after so many steps: 1 ends it."""
        images = step_count * int(self.options.batch)
        nearness: float = max(images / self.options.images, self.elapsed_minutes() / self.options.minutes)
        return nearness

    def log_and_save(self) -> None:
        """Writes a log row every LOG_STEPS steps and a checkpoint every few minutes."""
        minutes = self.elapsed_minutes()
        if self.step_count % LOG_STEPS == 0:
            with (self.options.out / "loss.csv").open("a", newline="") as file:
                writer = csv.writer(file)
                if file.tell() == 0:
                    writer.writerow(["images", "minutes", "loss"])
                writer.writerow([self.images, f"{minutes:.2f}", f"{self.loss_sum / LOG_STEPS:.5f}"])
            print(f"{self.images} pictures, {minutes:.1f} min, loss {self.loss_sum / LOG_STEPS:.4f}", flush=True)
            self.loss_sum = 0.0
        if minutes - self.saved_minutes >= self.options.checkpoint_minutes:
            self.save()

    def save(self) -> None:
        """Writes the checkpoint beside the old one and swaps, so that a kill never leaves half a file."""
        self.saved_minutes = self.elapsed_minutes()
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step_count": self.step_count,
            "batch": self.options.batch,
            "minutes": self.saved_minutes,
            "progress": self.progress,
        }
        target = self.options.out / "checkpoint.pt"
        torch.save(state, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)

    def resume(self) -> None:
        """Goes on from the folder's checkpoint if there is one."""
        path = self.options.out / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step_count = state["step_count"]
        self.minutes_before = self.saved_minutes = state["minutes"]
        # From this run's limits, not the saved ones: a finished run can be prolonged by raising them.
        self.progress = self._nearness(self.step_count)


def draw_batch(
    seed: int, rank: int, step: int, count: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Draws (picture -1..1, mask 0..1, slots, noise, t 0..1); the same arguments give the same batch."""
    rng = np.random.default_rng([seed, rank, step])
    scenes = sample_scenes(rng, count)
    picture, mask = render(scenes, 64)
    slots = forget_slots(rng, encode_slots(scenes), ANY_SHARE, NULL_SHARE)
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    # Stratified times: every batch covers 0..1 evenly, which steadies the loss.
    t = ((np.arange(count) + rng.random(count)) / count).astype(np.float32)
    parts = (picture * 2 - 1, mask, slots, noise, t)
    picture_t, mask_t, slots_t, noise_t, t_t = (torch.from_numpy(part).to(device) for part in parts)
    return picture_t, mask_t, slots_t, noise_t, t_t


def flow_loss(network: ShapesNetwork, picture: Tensor, mask: Tensor, slots: Tensor, noise: Tensor, t: Tensor) -> Tensor:
    """Weighted error of the predicted clean picture, plus a share for predicting where objects are.

    Weight 1/max(t, .1) makes the error about even over t; object pixels weigh up to five times more near t = 0,
    where the background is long done and edges are not.
    """
    at = t[:, None, None, None]
    predicted = network((1 - at) * picture + at * noise, t, slots).float()
    weight = (1 + 4 * (1 - at) * mask) / at.clamp(min=0.1)
    error: Tensor = (weight * (predicted[:, :3] - picture).square()).mean()
    return error + MASK_LOSS_SHARE * F.binary_cross_entropy_with_logits(predicted[:, 3:], mask)


def _optimizers(network: ShapesNetwork) -> list[torch.optim.Optimizer]:
    """Muon for hidden matrices and kernels; AdamW for embeddings, masks, norms, biases, first and last layers."""
    outer = ("token", "place", "masks", "stem", "to_pixels", "smooth")
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_hidden = parameter.ndim >= 2 and not any(part in name.split(".") for part in outer)
        (hidden if is_hidden else rest).append(parameter)
    return [Muon(hidden, MUON_RATE), torch.optim.AdamW(rest, ADAMW_RATE, weight_decay=0.0, betas=(0.9, 0.98))]


if __name__ == "__main__":
    main()
