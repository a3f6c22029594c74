"""A training that is left and taken up again comes out as one that was not."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")

import torch

import train_chat
from chat_tokens import load_tokenizer
from train_chat import Run


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_chat, "BATCH", 14)


def options(out: Path, **change: object) -> argparse.Namespace:
    asked = {"out": out, "steps": 2, "minutes": math.inf, "seed": 23, "start": None, "rate": 1.0, "resume": True}
    return argparse.Namespace(**{**asked, **change})


def trained(out: Path, steps: int = 0) -> Run:
    torch.manual_seed(23)
    run = Run(load_tokenizer(), options(out))
    for _ in range(steps):
        run.step()
    return run


def test_two_pieces_are_one_training(tmp_path: Path) -> None:
    (tmp_path / "pieces").mkdir()
    trained(tmp_path / "pieces", 1).keep()

    whole, pieces = trained(tmp_path, 2), trained(tmp_path / "pieces", 1)

    assert (pieces.step_count, pieces.images, pieces.progress) == (whole.step_count, whole.images, 1)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, pieces.network.state_dict()[name]), name
        assert torch.equal(whole.average[name], pieces.average[name]), name


def test_minutes_of_earlier_pieces_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_chat.time, "monotonic", lambda: 0.0)
    run = trained(tmp_path)
    run.minutes_before = 7.0
    run.keep()

    again = Run(load_tokenizer(), options(tmp_path, minutes=14.0))

    assert again.progress == 0.5


def test_without_resume_it_begins_anew(tmp_path: Path) -> None:
    run = trained(tmp_path)
    run.step_count = 1
    run.keep()

    assert Run(load_tokenizer(), options(tmp_path)).step_count == 1
    assert Run(load_tokenizer(), options(tmp_path, resume=False)).step_count == 0


def test_another_seed_is_refused(tmp_path: Path) -> None:
    trained(tmp_path).keep()

    with pytest.raises(SystemExit, match="--seed 23"):
        Run(load_tokenizer(), options(tmp_path, seed=24))
