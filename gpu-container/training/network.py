"""The denoiser: a slot encoder that lays words out on a 16x16 plan, and a small U-Net that paints it.

The slot encoder mixes the eight slot tokens, then spreads each slot's vector over the picture with a learnt
mask per relation, initialised as soft halves. Cross-attention alone ignored which object stands where; with the
masks, relation is nearly wired in, which the model card says.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from scenes import BESIDE, SINGLE, SLOT_COUNT, STACKED, TOKEN_COUNT, VOCABULARY

PICTURE_PX = 64
PATCH_PX = 4
PLAN_SIDE = PICTURE_PX // PATCH_PX
WIDTH = 160
CHANNELS_FINE = 72
CHANNELS_COARSE = 112
HEADS = 4
PIXEL_FEATURES = 12


class SlotEncoder(nn.Module):
    """Turns (batch, 8) token ids into slot vectors (batch, 8, 160) and a plan (batch, 160, 16, 16)."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(TOKEN_COUNT, WIDTH)
        self.place = nn.Parameter(torch.randn(SLOT_COUNT, WIDTH) * 0.02)
        self.layers = nn.ModuleList([EncoderLayer() for _ in range(2)])
        self.norm = nn.LayerNorm(WIDTH)
        # One set of masks per relation, and a last one for null prompts.
        self.masks = nn.Parameter(_initial_masks())
        relation_of_token = torch.full((TOKEN_COUNT,), 3)
        for index, entry in enumerate(VOCABULARY["relation"]["entries"]):
            relation_of_token[entry["token"]] = index
        self.relation_of_token: Tensor
        self.register_buffer("relation_of_token", relation_of_token)

    def forward(self, slots: Tensor) -> tuple[Tensor, Tensor]:
        vectors = self.token(slots) + self.place
        for layer in self.layers:
            vectors = layer(vectors)
        vectors = self.norm(vectors)
        masks = self.masks[self.relation_of_token[slots[:, 1]]]
        plan = torch.matmul(vectors.transpose(1, 2), masks).view(-1, WIDTH, PLAN_SIDE, PLAN_SIDE)
        return vectors, plan


class EncoderLayer(nn.Module):
    """Pre-norm transformer layer over the slots."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(WIDTH)
        self.attention = Attention(WIDTH, WIDTH)
        self.norm_feed = nn.LayerNorm(WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 3 * WIDTH), nn.GELU(), nn.Linear(3 * WIDTH, WIDTH))

    def forward(self, vectors: Tensor) -> Tensor:
        normed = self.norm_attention(vectors)
        vectors = vectors + self.attention(normed, normed)
        mixed: Tensor = vectors + self.feed(self.norm_feed(vectors))
        return mixed


class Attention(nn.Module):
    """Multi-head attention written out, so that it exports to plain ONNX operators."""

    def __init__(self, width: int, source_width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(source_width, width)
        self.value = nn.Linear(source_width, width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)

    def forward(self, target: Tensor, source: Tensor) -> Tensor:
        query, key, value = (
            part.view(part.shape[0], part.shape[1], HEADS, -1).transpose(1, 2)
            for part in (self.query(target), self.key(source), self.value(source))
        )
        weights = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]), dim=-1)
        gathered: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return gathered


class Block(nn.Module):
    """Residual block: two 3x3 convolutions, FiLM from time and prompt, the plan added between them.

    With `attends`, self-attention over the places and cross-attention to the slots follow.
    """

    def __init__(self, channels_in: int, channels: int, attends: bool) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(8, channels_in)
        self.conv_in = nn.Conv2d(channels_in, channels, 3, padding=1)
        self.film = nn.Linear(WIDTH, 2 * channels)
        self.norm_out = nn.GroupNorm(8, channels)
        self.conv_out = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = nn.Conv2d(channels_in, channels, 1) if channels_in != channels else nn.Identity()
        nn.init.zeros_(self.conv_out.weight)
        self.attends = attends
        if attends:
            self.norm_self = nn.LayerNorm(channels)
            self.attention_self = Attention(channels, channels)
            self.norm_cross = nn.LayerNorm(channels)
            self.attention_cross = Attention(channels, WIDTH)

    def forward(self, features: Tensor, condition: Tensor, plan: Tensor, vectors: Tensor) -> Tensor:
        hidden = self.conv_in(F.silu(self.norm_in(features)))
        scale, shift = self.film(condition)[:, :, None, None].chunk(2, dim=1)
        hidden = F.silu(self.norm_out(hidden + plan) * (1 + scale) + shift)
        result: Tensor = self.skip(features) + self.conv_out(hidden)
        if self.attends:
            result = self._attend(result, vectors)
        return result

    def _attend(self, features: Tensor, vectors: Tensor) -> Tensor:
        places = features.flatten(2).transpose(1, 2)
        normed = self.norm_self(places)
        places = places + self.attention_self(normed, normed)
        places = places + self.attention_cross(self.norm_cross(places), vectors)
        result: Tensor = places.transpose(1, 2).reshape(features.shape)
        return result


class Denoiser(nn.Module):
    """Predicts the clean picture from a noisy one.

    Takes x (batch, 3, 64, 64) around -1..1, t (batch,) from 0 = clean to 1 = noise, and the slot encoder's two
    outputs; returns (batch, 4, 64, 64): the clean picture in -1..1 and logits of the object mask. The stem's
    kernels overlap and the last convolution runs at full resolution: both work against a visible 4-pixel grid.
    """

    def __init__(self) -> None:
        super().__init__()
        fine, coarse = CHANNELS_FINE, CHANNELS_COARSE
        self.stem = nn.Conv2d(5, fine, 2 * PATCH_PX, stride=PATCH_PX, padding=PATCH_PX // 2)
        self.time = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.prompt = nn.Linear(WIDTH, WIDTH)
        self.plan_down = nn.Conv2d(WIDTH, fine, 1)
        self.plan_coarse = nn.Conv2d(WIDTH, coarse, 1)
        self.plan_up = nn.Conv2d(WIDTH, fine, 1)
        self.down = nn.ModuleList([Block(fine, fine, False) for _ in range(2)])
        self.shrink = nn.Conv2d(fine, coarse, 3, stride=2, padding=1)
        self.coarse_in = nn.ModuleList([Block(coarse, coarse, True) for _ in range(3)])
        self.coarse_out = nn.ModuleList([Block(2 * coarse, coarse, True) for _ in range(2)])
        self.grow = nn.Conv2d(coarse, fine, 3, padding=1)
        self.up = nn.ModuleList([Block(2 * fine, fine, False) for _ in range(2)])
        self.norm = nn.GroupNorm(8, fine)
        self.to_pixels = nn.Conv2d(fine, PIXEL_FEATURES * PATCH_PX**2, 1)
        self.smooth = nn.Conv2d(PIXEL_FEATURES, 4, 3, padding=1)
        nn.init.zeros_(self.smooth.weight)
        ticks = torch.linspace(-1, 1, PICTURE_PX)
        self.coordinates: Tensor
        self.register_buffer("coordinates", torch.stack(torch.meshgrid(ticks, ticks, indexing="ij"))[None])

    def forward(self, x: Tensor, t: Tensor, vectors: Tensor, plan: Tensor) -> Tensor:
        condition = F.silu(self.time(_time_features(t)) + self.prompt(vectors.mean(dim=1)))
        features = self.stem(torch.cat([x, self.coordinates.expand(x.shape[0], -1, -1, -1)], dim=1))
        plan_fine, plan_up = self.plan_down(plan), self.plan_up(plan)
        plan_coarse = F.avg_pool2d(self.plan_coarse(plan), 2)
        skips = []
        for block in self.down:
            features = block(features, condition, plan_fine, vectors)
            skips.append(features)
        features = self.shrink(features)
        for block in self.coarse_in:
            features = block(features, condition, plan_coarse, vectors)
            skips.append(features)
        # The last coarse block's own output runs on; its two elders come back as skips.
        skips.pop()
        for block in self.coarse_out:
            features = block(torch.cat([features, skips.pop()], dim=1), condition, plan_coarse, vectors)
        features = self.grow(F.interpolate(features, scale_factor=2.0, mode="nearest"))
        for block in self.up:
            features = block(torch.cat([features, skips.pop()], dim=1), condition, plan_up, vectors)
        pixels = F.pixel_shuffle(self.to_pixels(F.silu(self.norm(features))), PATCH_PX)
        result: Tensor = self.smooth(F.silu(pixels)) + pixels[:, :4]
        return result


class ShapesNetwork(nn.Module):
    """Slot encoder and denoiser trained as one."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = SlotEncoder()
        self.denoiser = Denoiser()

    def forward(self, x: Tensor, t: Tensor, slots: Tensor) -> Tensor:
        vectors, plan = self.slots(slots)
        result: Tensor = self.denoiser(x, t, vectors, plan)
        return result


def _time_features(t: Tensor) -> Tensor:
    frequencies = torch.exp(torch.linspace(0.0, math.log(1000.0), WIDTH // 2, device=t.device))
    angles = t[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _initial_masks() -> Tensor:
    """Masks (4 relations, 8 slots, 256 places): objects get soft halves, scene-wide slots everything."""
    ticks = torch.linspace(-1, 1, PLAN_SIDE)
    first_half = torch.sigmoid(-6 * ticks)
    masks = torch.ones(4, SLOT_COUNT, PLAN_SIDE, PLAN_SIDE)
    for first, mask in ((True, first_half), (False, 1 - first_half)):
        own = slice(2, 5) if first else slice(5, 8)
        masks[BESIDE, own] = mask[None, None, :]
        masks[STACKED, own] = mask[None, :, None]
    masks[SINGLE, 5:8] = 0
    return masks.flatten(2)
