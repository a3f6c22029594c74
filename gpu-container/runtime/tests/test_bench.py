"""The benchmark of a card, tried with tiny models: it measures all that it says, and nothing where no card is."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("torch", reason="the benchmark needs torch")

import main
import torch


def test_every_measurement_is_told_once_for_each_size_and_number(capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["--tiny", "--rounds", "1"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    told = [(line["what"], line.get("size", line.get("together")), line.get("batch")) for line in lines]
    assert told == [
        ("card", None, None),
        ("cold start", None, None),
        *[("pictures", size, batch) for size in (32, 64) for batch in (1, 2)],
        ("adapters", None, None),
        ("cold start of chats", None, None),
        *[("chats", together, None) for together in (1, 2)],
    ]
    assert all(line["perSecond"] > 0 for line in lines if line["what"] == "pictures")
    assert all(line["tokensPerSecond"] > line["requestsPerSecond"] for line in lines if line["what"] == "chats")
    assert {"readMs", "toDeviceMs", "firstAnswerMs"} <= lines[7].keys()


@pytest.mark.skipif(torch.cuda.is_available(), reason="a card is here")
def test_nothing_is_measured_where_no_card_is(capsys: pytest.CaptureFixture[str]) -> None:
    main.main([])

    assert json.loads(capsys.readouterr().out)["name"] is None
