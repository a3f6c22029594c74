"""What every runner of pictures promises, by real pipelines with random weights on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")

import kinds
import numpy as np
import torch
from kinds import Drawing, Kind, item
from told import Told, run

from pilotlight_runtime.pictures import png_of
from pilotlight_runtime.runner import OutputFile, RunnerError


@pytest.fixture(params=kinds.ALL, ids=lambda kind: kind.runner)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def drawing(kind: Kind, models_dir: Path) -> Drawing:
    return kinds.shared(Drawing, kind, models_dir)


def test_a_picture_does_not_depend_on_its_batch_mates(drawing: Drawing) -> None:
    run(drawing.runner, [item("a", n=2)], Told())
    mates = [item("b", prompt="two blue squares beside each other", seed=1), item("a", n=2), item("c", seed=99)]
    run(drawing.runner, mates, Told())

    alone, together = drawing.pictures[:2], drawing.pictures[3:5]
    assert np.abs(np.array(alone) - np.array(together)).max() < 1e-5


def test_pictures_of_one_item_have_seeds_of_their_own_that_it_tells(drawing: Drawing) -> None:
    told = Told()

    run(drawing.runner, [item("pair", n=2, seed=2**32 - 1), item("second", seed=0)], told)

    assert told.ends == {"pair": [2**32 - 1, 0], "second": [0]}
    assert np.abs(drawing.pictures[1] - drawing.pictures[2]).max() < 1e-5
    assert np.abs(drawing.pictures[0] - drawing.pictures[1]).max() > 1e-2


def test_a_picture_depends_on_its_prompt(drawing: Drawing) -> None:
    run(drawing.runner, [item("a"), item("b", prompt="a blue one")], Told())

    assert np.abs(drawing.pictures[0] - drawing.pictures[1]).max() > 1e-4


def test_a_picture_has_the_size_that_was_asked_for(drawing: Drawing) -> None:
    told = Told()

    run(drawing.runner, [item(size=64)], told)

    [file] = told.files["a"]
    assert (file.width, file.height) == (64, 64)


def test_without_a_seed_one_is_drawn_by_lot_and_told(drawing: Drawing) -> None:
    told = Told()

    run(drawing.runner, [item("a", seed=None), item("b", seed=None)], told)

    assert told.ends["a"] != told.ends["b"]


def test_one_that_is_canceled_leaves_its_mates_in_peace(drawing: Drawing) -> None:
    run(drawing.runner, [item("kept")], Told())
    told = Told(stops={"gone": 1})

    run(drawing.runner, [item("gone", seed=8), item("kept")], told)

    assert told.ends == {"gone": "stopped", "kept": [7]}
    assert told.steps == {"gone": [1], "kept": [1, 2, 3]}
    assert "gone" not in told.files
    assert np.abs(drawing.pictures[0] - drawing.pictures[1]).max() < 1e-5


def test_when_all_are_canceled_the_call_ends_and_the_next_one_is_right(drawing: Drawing) -> None:
    run(drawing.runner, [item()], Told())
    told = Told(stops={"a": 1, "b": 1})

    run(drawing.runner, [item("a"), item("b")], told)
    run(drawing.runner, [item()], Told())

    assert told.ends == {"a": "stopped", "b": "stopped"}
    assert told.steps == {"a": [1], "b": [1]}
    assert np.array_equal(drawing.pictures[0], drawing.pictures[1])


@pytest.mark.parametrize(
    ("kind", "part"),
    [pytest.param(each, part, id=f"{each.runner}-{part}") for each in kinds.ALL for part in each.parts],
    indirect=["kind"],
)
def test_a_call_that_runs_out_of_memory_says_so_and_the_next_one_is_right(
    drawing: Drawing, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(drawing.runner, [item()], Told())
    name, _, method = part.partition(".")
    component = getattr(drawing.runner.pipeline, name)
    with monkeypatch.context() as patch:
        patch.setattr(component, method or "forward", out_of_memory)

        with pytest.raises(RunnerError) as raised:
            run(drawing.runner, [item()], Told())
    run(drawing.runner, [item()], Told())

    assert raised.value.code == "OOM"
    # A chain would hold the frames, and with them the tensors that did not fit.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert np.array_equal(drawing.pictures[0], drawing.pictures[1])


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_a_picture_that_is_none_fails_its_item_alone(kind: Kind, models_dir: Path, value: float) -> None:
    drawing = Drawing(kind, models_dir)

    def encode(picture: Any) -> OutputFile:
        drawing.pictures.append(picture)
        return png_of(np.full_like(picture, value) if len(drawing.pictures) == 1 else picture)

    drawing.runner._encode = encode
    told = Told()

    run(drawing.runner, [item("bad"), item("good")], told)

    assert told.ends == {"bad": "NAN_OUTPUT", "good": [7]}


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"size": 30}, "size"),
        ({"steps": 0}, "steps"),
        ({"n": 17}, "n"),
        ({"seed": -1}, "seed"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"num_inference_steps": 3}, "num_inference_steps"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name_and_never_dropped(
    drawing: Drawing, params: dict[str, Any], names: str
) -> None:
    with pytest.raises(RunnerError) as refused:
        drawing.runner.plan(item(**params))

    assert refused.value.code == "INVALID_INPUT"
    assert names in refused.value.message


@pytest.mark.parametrize("params", [{"size": 64}, {"steps": 4}])
def test_items_that_cannot_share_a_call_have_other_keys(drawing: Drawing, params: dict[str, Any]) -> None:
    assert drawing.runner.plan(item()).batch_key != drawing.runner.plan(item(**params)).batch_key


def out_of_memory(*_: Any, **__: Any) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
