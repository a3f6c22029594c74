"""The chat model's network: its eye starts as the judge, and reading by parts is reading at once."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from chat_network import EYE_TOKENS, WIDTH, ChatNetwork, empty_past  # noqa: E402
from chat_tokens import ASSISTANT, SYSTEM, USER, load_tokenizer  # noqa: E402
from onnx_weights import read_weights  # noqa: E402
from render import render  # noqa: E402
from scenes import MODEL_DIRECTORY, SHAPES, sample_scenes  # noqa: E402
from train_chat import draw_batch, start_eye  # noqa: E402

TOKENIZER = load_tokenizer()


def test_the_eye_starts_with_what_the_judge_sees() -> None:
    network, scenes = ChatNetwork(TOKENIZER.size), sample_scenes(np.random.default_rng(3), 60)
    start_eye(network)
    last = {
        name: torch.from_numpy(weight.copy()) for name, weight in read_weights(MODEL_DIRECTORY / "judge.onnx").items()
    }

    with torch.no_grad():
        seen = network.eye.layers(torch.from_numpy(render(scenes, 64)[0]) - 0.5)
    answers = seen @ last["layers.18.weight"].T + last["layers.18.bias"]

    assert answers[:, :3].argmax(1).tolist() == scenes.relation.tolist()
    assert answers[:, 3 : 3 + len(SHAPES)].argmax(1).tolist() == scenes.shape[:, 0].tolist()


def test_a_chat_read_by_parts_is_the_chat_read_at_once() -> None:
    network, rows = ChatNetwork(TOKENIZER.size).eval(), torch.randn(EYE_TOKENS, WIDTH)
    eyes = list(range(TOKENIZER.size, TOKENIZER.size + EYE_TOKENS))
    ids = torch.tensor([[USER, *eyes, *TOKENIZER.encode("What colour is the ring?"), ASSISTANT]])

    with torch.no_grad():
        whole, _ = network.decoder(ids, rows, empty_past(1))
        first, past = network.decoder(ids[:, :11], rows, empty_past(1))
        parts = [first]
        for place in range(11, ids.shape[1]):
            hidden, past = network.decoder(ids[:, place : place + 1], rows[:0], past)
            parts.append(hidden)

    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-5)


def test_only_answers_are_learnt_and_only_from_their_own_picture() -> None:
    batch = draw_batch(TOKENIZER, seed=3, step=0)

    for row in range(len(batch.ids)):
        ids, wanted = batch.ids[row].tolist(), batch.wanted[row].tolist()
        named = [token - TOKENIZER.size for token in ids if token >= TOKENIZER.size]
        assert named in ([], list(range(row * EYE_TOKENS, (row + 1) * EYE_TOKENS)))
        for place, token in enumerate(wanted[:-1]):
            assert token < 0 or token == ids[place + 1]
        starts = [place for place, token in enumerate(ids) if token == ASSISTANT]
        assert all(wanted[place] >= 0 for place in starts)
        assert all(wanted[place] < 0 for place, token in enumerate(ids) if token in (USER, SYSTEM))
