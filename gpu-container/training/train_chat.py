"""Trains the chat model: pictures of scenes, chats about them from the grammar in `talk.py`, loss on the answers.

Every step draws its pictures and chats from (seed, step) alone. The eye starts from the picture model's judge, as it
is released, and learns on at a lower rate: without a GPU, seeing is most of the work. Scenes that are held back from
the picture model's training are held back here, and the measure asks for those only.

With `--resume` a training goes on where it was left and comes out as if it had not been: it may be ended at any time,
and leaves by itself after `--piece-minutes`.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import talk
from chat_network import EYE_TOKENS, ChatNetwork, empty_past
from chat_tokens import ASSISTANT, END, SYSTEM, USER, Tokenizer, load_tokenizer
from degrade import degrade
from muon import Muon
from onnx_weights import read_weights
from render import render
from scenes import BACKGROUND_RGB, MODEL_DIRECTORY, Floats, sample_scenes

MUON_RATE = 0.02
ADAMW_RATE = 2e-3
EYE_RATE = 2e-4
WARMUP_STEPS = 20
EMA_DECAY = 0.995
BATCH = 48
NO_PICTURE_SHARE, UNKNOWN_SHARE = 0.08, 0.08
TOKENS_MAX = 80
# Every so many steps the chats are longer and fewer, so that far places are trained too.
LONG_EVERY, LONG_TOKENS_MAX, LONG_BATCH = 10, 250, 18
LOG_STEPS = 20
SAVE_STEPS = 200
KEPT_STEPS = 20
"""Of a training that is ended at any time, so many at most are trained again."""
MEASURED_BETWEEN, MEASURED_END = 110, 550
IGNORED = -100
BRIEF_SHARE = 0.3


def main() -> None:
    """Trains until a limit, measures and stores the moving average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/chat"))
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="wall-clock bound of training")
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--start", type=Path, help="a checkpoint to train on from")
    parser.add_argument("--rate", type=float, default=1, help="of the learning rates, for a run that goes on")
    parser.add_argument("--resume", action="store_true", help="go on from what --out holds, or begin where it is empty")
    parser.add_argument("--piece-minutes", type=float, default=math.inf, help="leave after so many, to be resumed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    run = Run(load_tokenizer(), options)
    print(f"training the chat model with one thread, torch {torch.__version__}", flush=True)
    while run.progress < 1 and run.piece_minutes() < options.piece_minutes:
        run.step()
    if run.progress < 1:
        run.keep()
        print(f"left at step {run.step_count}; --resume goes on from there", flush=True)
    else:
        run.save(MEASURED_END)


@dataclass(frozen=True)
class Batch:
    """Pictures (rows, 3, 64, 64), chats as ids, and the token wanted after each id."""

    picture: Tensor
    ids: Tensor
    wanted: Tensor


class Run:
    """State of a training."""

    def __init__(self, tokenizer: Tokenizer, options: argparse.Namespace) -> None:
        self.tokenizer, self.options = tokenizer, options
        self.network = ChatNetwork(tokenizer.size)
        start_eye(self.network)
        if options.start is not None:
            self.network.load_state_dict(torch.load(options.start, weights_only=True)["network"])
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizers = _optimizers(self.network)
        self.step_count, self.images, self.progress = 0, 0, 0.0
        self.loss_sum, self.minutes_before, self.started_s = 0.0, 0.0, time.monotonic()
        if options.resume and self._kept.exists():
            self._resume()

    @property
    def _kept(self) -> Path:
        return Path(self.options.out) / "training.pt"

    def piece_minutes(self) -> float:
        """Since this process began to train."""
        return (time.monotonic() - self.started_s) / 60

    def minutes(self) -> float:
        """Of training, earlier pieces included."""
        return self.minutes_before + self.piece_minutes()

    def keep(self) -> None:
        """Writes all that a training goes on from, beside the old one first."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "seed": self.options.seed,
            "step_count": self.step_count,
            "images": self.images,
            "loss_sum": self.loss_sum,
            "minutes": self.minutes(),
        }
        torch.save(state, self._kept.with_suffix(".new"))
        self._kept.with_suffix(".new").replace(self._kept)

    def _resume(self) -> None:
        state = torch.load(self._kept, weights_only=True)
        if state["seed"] != self.options.seed:
            raise SystemExit(f"{self._kept} is of a training with --seed {state['seed']}")
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        self.step_count, self.images = state["step_count"], state["images"]
        self.loss_sum, self.minutes_before = state["loss_sum"], state["minutes"]
        self._count_progress()
        print(f"goes on from step {self.step_count}", flush=True)

    def step(self) -> None:
        """Trains on one batch."""
        warmup = min(1.0, (self.step_count + 1) / WARMUP_STEPS)
        rate = self.options.rate * warmup * (0.02 + 0.98 * _cosine(self.progress))
        for optimizer, peak in zip(self.optimizers, (MUON_RATE, ADAMW_RATE, EYE_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * rate
            optimizer.zero_grad(set_to_none=True)
        batch = draw_batch(self.tokenizer, self.options.seed, self.step_count)
        loss = chat_loss(self.network, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            optimizer.step()
        self.step_count += 1
        self.images += len(batch.ids)
        self._average()
        self._count_progress()
        self._log(self.minutes(), loss.item())
        if self.step_count % KEPT_STEPS == 0:
            self.keep()

    def _count_progress(self) -> None:
        self.progress = max(self.step_count / self.options.steps, self.minutes() / self.options.minutes)

    def _average(self) -> None:
        decay = min(EMA_DECAY, (1 + self.step_count) / (10 + self.step_count))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - decay)

    def _log(self, minutes: float, loss: float) -> None:
        self.loss_sum += loss
        if self.step_count % LOG_STEPS:
            return
        mean, self.loss_sum = self.loss_sum / LOG_STEPS, 0.0
        with (self.options.out / "loss.csv").open("a", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(["images", "minutes", "loss"])
            writer.writerow([self.images, f"{minutes:.2f}", f"{mean:.4f}"])
        print(f"step {self.step_count}, {minutes:.1f} min, loss {mean:.4f}", flush=True)
        if self.step_count % SAVE_STEPS == 0:
            self.save(MEASURED_BETWEEN)

    def save(self, measured: int) -> None:
        """Writes the moving average and what it can do, beside the old one first."""
        minutes = self.minutes()
        network = ChatNetwork(self.tokenizer.size)
        network.load_state_dict(self.average)
        figures = measure(network.eval(), self.tokenizer, self.options.seed + 1, measured)
        print(f"step {self.step_count}, exact on held-back scenes: {figures}", flush=True)
        counts = {"steps": self.step_count, "images": self.images, "minutes": minutes}
        state = {"network": self.average, "measured": figures, **counts}
        target = self.options.out / "chat.pt"
        torch.save(state, target.with_suffix(".new"))
        target.with_suffix(".new").replace(target)


def draw_batch(tokenizer: Tokenizer, seed: int, step: int) -> Batch:
    """Draws a batch; the same arguments give the same."""
    is_long = step % LONG_EVERY == LONG_EVERY - 1
    count, tokens_max = (LONG_BATCH, LONG_TOKENS_MAX) if is_long else (BATCH, TOKENS_MAX)
    rng, chance = np.random.default_rng([seed, step]), random.Random(seed * 1_000_003 + step)
    unknown, blind = round(count * UNKNOWN_SHARE), round(count * NO_PICTURE_SHARE)
    scenes = sample_scenes(rng, count - unknown - blind)
    clean = np.concatenate([render(scenes, 64)[0], unknown_pictures(rng, unknown)])
    picture = dirty(torch.from_numpy(clean), torch.Generator().manual_seed(seed * 1_000_003 + step))
    seens: list[talk.Seen | None] = [talk.seen_of(scenes, row) for row in range(len(scenes))]
    seens += [talk.NOTHING_KNOWN] * unknown + [None] * blind
    chats = [draw_chat(chance, tokenizer, seen, row, tokens_max) for row, seen in enumerate(seens)]
    length = max(len(ids) for ids, _ in chats)
    ids, wanted = torch.full((count, length), END), torch.full((count, length), IGNORED)
    for row, (chat, answers) in enumerate(chats):
        ids[row, : len(chat)] = torch.tensor(chat)
        wanted[row, : len(chat)] = torch.tensor(answers)
    return Batch(picture, ids, wanted)


def dirty(picture: Tensor, generator: torch.Generator) -> Tensor:
    """Two thirds of the pictures as a small diffusion model might have made them; the rest stay clean."""
    changed = degrade(picture, generator)
    return torch.where(torch.rand(len(picture), 1, 1, 1, generator=generator) < 0.67, changed, picture)


def unknown_pictures(rng: np.random.Generator, count: int) -> Floats:
    """Pictures without any known shape: plain, striped, chequered, clouded or noisy."""
    ticks = np.arange(64)
    pictures = np.empty((count, 3, 64, 64), np.float32)
    for row in range(count):
        first, second = rng.random((2, 3, 1, 1), dtype=np.float32)
        period, kind = int(rng.integers(2, 24)), int(rng.integers(6))
        stripes = (ticks[None, :] // period) % 2
        if kind == 0:
            pictures[row] = BACKGROUND_RGB[int(rng.integers(len(BACKGROUND_RGB)))][:, None, None]
        elif kind == 1:
            pictures[row] = first
        elif kind == 2:
            pictures[row] = first + (second - first) * (stripes if rng.random() < 0.5 else stripes.T)
        elif kind == 3:
            pictures[row] = first + (second - first) * ((stripes + stripes.T) % 2)
        else:
            side = int(rng.choice([2, 4, 8])) if kind == 4 else 64
            coarse = torch.from_numpy(rng.random((1, 3, side, side), dtype=np.float32))
            pictures[row] = F.interpolate(coarse, size=(64, 64), mode="bilinear", align_corners=False)[0].numpy()
    return pictures


def draw_chat(
    chance: random.Random, tokenizer: Tokenizer, seen: talk.Seen | None, row: int, tokens_max: int
) -> tuple[list[int], list[int]]:
    """A chat of several turns as ids, and for each the token wanted next; only answers are wanted."""
    ids: list[int] = []
    is_brief = chance.random() < BRIEF_SHARE
    wish = chance.random()
    if is_brief or wish < 0.15:
        ids += [SYSTEM, *tokenizer.encode(talk.draw_wish(chance, is_brief))]
    wanted = [IGNORED] * len(ids)
    waits = seen is not None
    # Now and then a turn or two come before the picture.
    blind_turns = chance.choice([1, 1, 2]) if waits and chance.random() < 0.08 else 0
    while True:
        shows = waits and blind_turns == 0
        turn = talk.draw_turn(chance, None if waits and not shows else seen)
        blind_turns -= 1
        asked, answer = _worded(chance, tokenizer, turn, is_brief)
        if shows:
            waits = False
            eyes = list(range(tokenizer.size + row * EYE_TOKENS, tokenizer.size + (row + 1) * EYE_TOKENS))
            asked = [*eyes, *asked] if chance.random() < 0.7 else [*asked, *eyes]
        before = [USER, *asked, ASSISTANT]
        if ids and len(ids) + len(before) + len(answer) + 1 > tokens_max:
            return ids, wanted
        ids += [*before, *answer, END]
        # The marker of the assistant wants the first token, the last token wants the end.
        wanted += [IGNORED] * (len(before) - 1) + [*answer, END, IGNORED]


def _worded(
    chance: random.Random, tokenizer: Tokenizer, turn: talk.Turn, is_brief: bool
) -> tuple[list[int], list[int]]:
    question = talk.roughen(chance, turn.question)
    if not is_brief and chance.random() < 0.06:
        is_brief, question = True, f"{question} {chance.choice(talk.BRIEF_WISHES)}"
    return tokenizer.encode(question), tokenizer.encode(turn.brief if is_brief else turn.answer)


def chat_loss(network: ChatNetwork, batch: Batch) -> Tensor:
    """Mean cross-entropy of the answers' tokens."""
    vectors = network.eye(batch.picture)
    hidden, _ = network.decoder(batch.ids, vectors.flatten(0, 1), empty_past(len(batch.ids)))
    is_wanted = batch.wanted != IGNORED
    return F.cross_entropy(network.decoder.logits(hidden[is_wanted]), batch.wanted[is_wanted])


def start_eye(network: ChatNetwork) -> None:
    """Gives the eye the layers of the released judge, whose convolutions stand in its file in order."""
    weights = read_weights(MODEL_DIRECTORY / "judge.onnx")
    convolutions = [name for name, weight in weights.items() if weight.ndim == 4]
    names, hidden = list(weights), "layers.16"
    pairs = [(weights[name], weights[names[names.index(name) + 1]]) for name in convolutions]
    pairs.append((weights[f"{hidden}.weight"], weights[f"{hidden}.bias"]))
    layers = [layer for layer in network.eye.layers if isinstance(layer, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers, pairs, strict=True):
            layer.load_state_dict({"weight": torch.from_numpy(weight.copy()), "bias": torch.from_numpy(bias.copy())})


@torch.no_grad()
def measure(network: ChatNetwork, tokenizer: Tokenizer, seed: int, count: int) -> dict[str, float]:
    """Share of answers that are right to the letter on fresh held-out scenes, clean renders, by what was asked."""
    rng, chance = np.random.default_rng(seed), random.Random(seed)
    scenes = sample_scenes(rng, count, held_out=True)
    pictures = torch.cat([torch.from_numpy(render(scenes, 64)[0]), torch.from_numpy(unknown_pictures(rng, 60))])
    vectors = network.eye(pictures)
    rights: dict[str, list[bool]] = {}
    for row in range(len(pictures)):
        seen = talk.seen_of(scenes, row) if row < count else talk.NOTHING_KNOWN
        kind, turn = _measured(chance, seen, row)
        told = answer(network, tokenizer, vectors[row], turn.question)
        rights.setdefault(kind, []).append(told == turn.answer)
    for turn in (talk.draw_turn(chance, None) for _ in range(count // 10)):
        told = answer(network, tokenizer, vectors[0, :0], turn.question)
        rights.setdefault("no picture", []).append(told == turn.answer)
    return {kind: round(sum(row) / len(row), 4) for kind, row in sorted(rights.items())}


def _measured(chance: random.Random, seen: talk.Seen, row: int) -> tuple[str, talk.Turn]:
    if not seen.things:
        return "unknown picture", talk.draw_question(chance, seen)
    kinds = [family.__name__.removeprefix("_ask_").removeprefix("draw_") for family in talk.FAMILIES]
    at = row % len(kinds)
    turn = talk.FAMILIES[at](chance, seen)
    return (kinds[at], turn) if turn is not None else ("description", talk.draw_description(chance, seen))


@torch.no_grad()
def answer(network: ChatNetwork, tokenizer: Tokenizer, vectors: Tensor, question: str, tokens_max: int = 64) -> str:
    """The likeliest answer to one question about a picture, whose vectors are (8, 128), or (0, 128) for none."""
    eyes = [tokenizer.size + index for index in range(len(vectors))]
    ids, past, told = torch.tensor([[USER, *eyes, *tokenizer.encode(question), ASSISTANT]]), empty_past(1), []
    for _ in range(tokens_max):
        hidden, past = network.decoder(ids, vectors, past)
        token = int(network.decoder.logits(hidden[:, -1]).argmax())
        if token == END:
            break
        told.append(token)
        ids = torch.tensor([[token]])
    return tokenizer.decode(told)


def _optimizers(network: ChatNetwork) -> list[torch.optim.Optimizer]:
    """Muon for hidden matrices; AdamW for embeddings, norms and biases, and at a lower rate for the judge's layers."""
    hidden: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not name.startswith("eye.layers."):
            is_outer = parameter.ndim < 2 or "token" in name or "place" in name
            (rest if is_outer else hidden).append(parameter)
    # Without half precision in hardware, full precision is several times as fast.
    muon = Muon(hidden, MUON_RATE, dtype=torch.float32)
    adams = [
        torch.optim.AdamW(parameters, rate, weight_decay=0.0, betas=(0.9, 0.98))
        for parameters, rate in ((rest, ADAMW_RATE), (list(network.eye.layers.parameters()), EYE_RATE))
    ]
    return [muon, *adams]


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


if __name__ == "__main__":
    main()
