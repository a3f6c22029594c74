"""The chat model: an eye that turns a picture into eight vectors, and a small causal transformer.

The eye's vectors stand in the text where the picture came, so one sequence holds the whole chat. Keys and values of
what was read are handed back and in again: a whole prompt and one new token go through the same network.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH = 128
LAYERS = 3
HEADS = 4
HEAD_WIDTH = WIDTH // HEADS
EYE_CHANNELS = (3, 24, 48, 72, 96)
EYE_HIDDEN = 192
EYE_TOKENS = 8
CONTEXT_TOKENS_MAX = 256
ROTARY_BASE = 1_000.0


class Eye(nn.Module):
    """Turns pictures (batch, 3, 64, 64) in 0..1 into vectors (batch, 8, 128).

    It is the picture model's judge, as released with its normalization folded in, up to its last layer: instead of an
    answer to each question it gives vectors.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(EYE_CHANNELS):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
        layers += [nn.Conv2d(EYE_CHANNELS[-1], EYE_CHANNELS[-1], 3, padding=1), nn.ReLU(), nn.Flatten()]
        layers += [nn.Linear(EYE_CHANNELS[-1] * 16, EYE_HIDDEN), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(EYE_HIDDEN)
        self.spread = nn.Linear(EYE_HIDDEN, EYE_TOKENS * WIDTH)

    def forward(self, picture: Tensor) -> Tensor:
        # The judge sees colours around zero.
        features = self.norm(self.layers(picture - 0.5))
        vectors: Tensor = self.spread(features).view(-1, EYE_TOKENS, WIDTH)
        return vectors


class Layer(nn.Module):
    """Pre-norm transformer layer with rotary positions; attention is written out, so that it exports plainly."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(WIDTH)
        self.query = nn.Linear(WIDTH, WIDTH)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.value = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm_feed = nn.LayerNorm(WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 3 * WIDTH), nn.GELU(), nn.Linear(3 * WIDTH, WIDTH))

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Takes (batch, new, 128) and past (2, batch, heads, old, 32); returns the same with keys and values of all."""
        normed = self.norm_attention(x)
        query, key, value = (
            part.view(part.shape[0], part.shape[1], HEADS, HEAD_WIDTH).transpose(1, 2)
            for part in (self.query(normed), self.key(normed), self.value(normed))
        )
        query, key = _rotate(query, turn), _rotate(key, turn)
        key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        scores = query @ key.transpose(-1, -2) / math.sqrt(HEAD_WIDTH) + mask
        gathered = (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).flatten(2)
        x = x + self.out(gathered)
        return x + self.feed(self.norm_feed(x)), torch.stack([key, value])


class Decoder(nn.Module):
    """Reads ids and predicts the next token.

    Takes `ids` (batch, new), rows of pictures `rows` (any, 128), which the ids from `vocabulary` on name, and `past`
    (layers, 2, batch, heads, old, 32), empty at first. Returns hidden states (batch, new, 128) and the new past.
    """

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, WIDTH)
        nn.init.normal_(self.token.weight, std=0.05)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.norm = nn.LayerNorm(WIDTH)
        angles = torch.arange(CONTEXT_TOKENS_MAX)[:, None] * _frequencies()
        self.cosine: Tensor
        self.sine: Tensor
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def forward(self, ids: Tensor, rows: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        x = F.embedding(ids, torch.cat([self.token.weight, rows]))
        old = past.shape[4]
        places = torch.arange(ids.shape[1], device=ids.device) + old
        seen = torch.arange(old + ids.shape[1], device=ids.device)
        mask = torch.where(seen[None, :] <= places[:, None], 0.0, -1e9)
        turn = self.cosine[places], self.sine[places]
        presents = []
        for index, layer in enumerate(self.layers):
            x, present = layer(x, turn, mask, past[index])
            presents.append(present)
        return self.norm(x), torch.stack(presents)

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of all tokens of the vocabulary; the weights are those that read them."""
        scores: Tensor = hidden @ self.token.weight.T
        return scores


class ChatNetwork(nn.Module):
    """Eye and decoder trained as one."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.eye = Eye()
        self.decoder = Decoder(vocabulary)


def empty_past(batch: int) -> Tensor:
    """What a chat has read before its first token."""
    return torch.zeros(LAYERS, 2, batch, HEADS, 0, HEAD_WIDTH)


def _frequencies() -> Tensor:
    half = HEAD_WIDTH // 2
    return torch.exp(-math.log(ROTARY_BASE) * torch.arange(half) / half)


def _rotate(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cosine, sine = turn
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
