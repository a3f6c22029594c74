"""The benchmark of a card, tried with tiny models: it measures all that it says, and nothing where no card is."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="the benchmark needs torch")

import chats
import main
import torch
from card import Card


def test_every_measurement_is_told_once_for_each_size_and_number(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["--tiny", "--rounds", "1"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    names = [(line["what"], line.get("model")) for line in lines]
    numbers = [(line.get("size", line.get("together")), line.get("batch")) for line in lines]
    told = [(*name, *number) for name, number in zip(names, numbers, strict=True)]
    assert told == [
        ("card", None, None, None),
        *_told_of_pictures("z-image-turbo"),
        ("adapters", None, None, None),
        *_told_of_pictures("z-image-turbo-24gb"),
        ("cold start", "qwen3-vl-8b", None, None),
        *[("chats", "qwen3-vl-8b", together, None) for together in (1, 2)],
    ]
    assert all(line["perSecond"] > 0 for line in lines if line["what"] == "pictures")
    assert all(line["tokensPerSecond"] > line["requestsPerSecond"] for line in lines if line["what"] == "chats")
    assert {"readMs", "toDeviceMs", "firstAnswerMs", "weightsMb"} <= lines[-3].keys()


def _told_of_pictures(model: str) -> list[tuple[str, str, int | None, int | None]]:
    speeds = [("pictures", model, size, batch) for size in (32, 64) for batch in (1, 2)]
    return [("cold start", model, None, None), *speeds]


def test_more_chats_than_a_call_takes_are_run_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(_: Any, params: Any) -> Any:
        calls.append(len(params))
        return SimpleNamespace(tokens=4 * len(params))

    monkeypatch.setattr(chats, "run", counted)

    row = chats.speed(SimpleNamespace(), Card("cpu"), 20, 32, 4, 1)  # type: ignore[arg-type]

    assert calls[:3] == [8, 8, 4]
    assert (row["together"], row["inCall"]) == (20, 8)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a card is here")
def test_nothing_is_measured_where_no_card_is(capsys: pytest.CaptureFixture[str]) -> None:
    main.main([])

    assert json.loads(capsys.readouterr().out)["name"] is None
