"""Qwen3-VL-8B: answers about a picture, several at a time, beside one `generate` after the other."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from card import Card
from context import run
from models import CHATS, in_a_call_of

from pilotlight_runtime.qwen_vl import QwenVlRunner
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import Phases

Row = dict[str, Any]


def cold_start(models_dir: Path, card: Card, pixels: int, tokens: int) -> tuple[QwenVlRunner, Row]:
    """Loads the model and answers once."""
    phases = Phases()
    runner, weights_mb = card.held_mb(lambda: Registry(models_dir).create(CHATS, "1", card.device, phases))
    first_s = card.seconds(lambda: run(runner, asked(pixels, tokens, 1)))
    times = {**phases.ms, "firstAnswerMs": round(first_s * 1000)}
    return runner, {"what": "cold start", "model": CHATS, **times, "weightsMb": weights_mb}


def speed(runner: QwenVlRunner, card: Card, together: int, pixels: int, tokens: int, rounds: int) -> Row:
    """Requests and tokens a second of `together` requests that come at once, and of the same number one by one.

    More than a call takes are run as a worker would: in several calls, one after the other.
    """
    params = asked(pixels, tokens, together)
    in_call = min(together, in_a_call_of(CHATS))
    calls = [params[start : start + in_call] for start in range(0, together, in_call)]
    written = sum(run(runner, call).tokens for call in calls)

    def ours() -> None:
        for call in calls:
            run(runner, call)

    def alone() -> None:
        run(runner, params[:1])

    ours_s, alone_s = card.compare(ours, alone, rounds)
    return {
        "what": "chats",
        "model": CHATS,
        "together": together,
        "inCall": in_call,
        "requestsPerSecond": together / ours_s,
        "tokensPerSecond": written / ours_s,
        "ofOneByOne": together * alone_s / ours_s,
        "busy": card.busy(ours),
        "peakMb": card.peak_mb(ours),
    }


def asked(pixels: int, tokens: int, count: int) -> list[dict[str, Any]]:
    """Questions about pictures that differ, as a worker hands them on."""
    return [
        {"messages": [{"role": "user", "content": _parts(pixels, index)}], "max_tokens": tokens, "temperature": 0}
        for index in range(count)
    ]


def _parts(pixels: int, index: int) -> list[dict[str, Any]]:
    from PIL import Image

    body = io.BytesIO()
    Image.new("RGB", (pixels, pixels), (index * 7 % 256, 90, 160)).save(body, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(body.getvalue()).decode()}"
    return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is in this picture?"}]
