"""Z-Image with random weights: the real pipeline on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")

import numpy as np
import tiny_z_image
import torch

from pilotlight_runtime.pictures import png_of
from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import BatchItem, OutputFile, Phases, RunnerError, Setup
from pilotlight_runtime.z_image import TOKENS_MAX, ZImageRunner


@dataclass
class Told:
    """A context that keeps what it is told; `stops` says at which step an item is to stop."""

    stops: dict[str, int] = field(default_factory=dict)
    steps: dict[str, list[int]] = field(default_factory=dict)
    files: dict[str, list[OutputFile]] = field(default_factory=dict)
    ends: dict[str, Any] = field(default_factory=dict)

    def is_stopped(self, item_id: str) -> bool:
        return len(self.steps.get(item_id, [])) >= self.stops.get(item_id, 10**9)

    def progress(self, item_id: str, step: int, steps: int) -> None:
        self.steps.setdefault(item_id, []).append(step)

    def delta(self, item_id: str, text: str) -> None:
        raise AssertionError("pictures are no text")

    def write(self, item_id: str, file: OutputFile) -> None:
        self.files.setdefault(item_id, []).append(file)

    def succeed(self, item_id: str, seeds: Sequence[int], gpu_ms: float) -> None:
        self._end(item_id, list(seeds))

    def stop(self, item_id: str, gpu_ms: float) -> None:
        self._end(item_id, "stopped")

    def fail(self, item_id: str, code: str, message: str, gpu_ms: float = 0) -> None:
        self._end(item_id, code)

    def _end(self, item_id: str, end: Any) -> None:
        assert item_id not in self.ends
        self.ends[item_id] = end


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_z_image.main(folder)
    return folder


@pytest.fixture
def drawn() -> list[Any]:
    return []


@pytest.fixture
def runner(models_dir: Path, drawn: list[Any]) -> ZImageRunner:
    def encode(picture: Any) -> OutputFile:
        drawn.append(picture)
        return png_of(picture)

    made = ZImageRunner(encode)
    options = {"runner": "z_image", "dtype": "float32"}
    made.setup(Setup(models_dir / tiny_z_image.MODEL, options, "cpu"))
    return made


def run(runner: ZImageRunner, items: Sequence[BatchItem], told: Told) -> None:
    runner.run({each.id: runner.plan(each).asked for each in items}, told)


def item(item_id: str = "a", **params: Any) -> BatchItem:
    return BatchItem(item_id, {"prompt": "a red ring", "size": 32, "steps": 3, "seed": 7, **params})


def test_a_picture_does_not_depend_on_its_batch_mates(runner: ZImageRunner, drawn: list[Any]) -> None:
    run(runner, [item("a", n=2)], Told())
    mates = [item("b", prompt="two blue squares beside each other", seed=1), item("a", n=2), item("c", seed=99)]
    run(runner, mates, Told())

    alone, together = drawn[:2], drawn[3:5]
    assert np.abs(np.array(alone) - np.array(together)).max() < 1e-5


def test_pictures_of_one_item_have_seeds_of_their_own_that_it_tells(runner: ZImageRunner, drawn: list[Any]) -> None:
    told = Told()

    run(runner, [item("pair", n=2, seed=2**32 - 1), item("second", seed=0)], told)

    assert told.ends == {"pair": [2**32 - 1, 0], "second": [0]}
    assert np.abs(drawn[1] - drawn[2]).max() < 1e-5
    assert np.abs(drawn[0] - drawn[1]).max() > 1e-2


def test_without_a_seed_one_is_drawn_by_lot_and_told(runner: ZImageRunner) -> None:
    told = Told()

    run(runner, [item("a", seed=None), item("b", seed=None)], told)

    assert told.ends["a"] != told.ends["b"]


def test_one_that_is_canceled_leaves_its_mates_in_peace(runner: ZImageRunner, drawn: list[Any]) -> None:
    run(runner, [item("kept")], Told())
    told = Told(stops={"gone": 1})

    run(runner, [item("gone", seed=8), item("kept")], told)

    assert told.ends == {"gone": "stopped", "kept": [7]}
    assert told.steps == {"gone": [1], "kept": [1, 2, 3]}
    assert "gone" not in told.files
    assert np.abs(drawn[0] - drawn[1]).max() < 1e-5


def test_when_all_are_canceled_the_call_ends_and_the_next_one_is_right(runner: ZImageRunner, drawn: list[Any]) -> None:
    run(runner, [item()], Told())
    told = Told(stops={"a": 1, "b": 1})

    run(runner, [item("a"), item("b")], told)
    run(runner, [item()], Told())

    assert told.ends == {"a": "stopped", "b": "stopped"}
    assert told.steps == {"a": [1], "b": [1]}
    assert np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize("part", ["text_encoder", "transformer", "vae.decode"])
def test_a_call_that_runs_out_of_memory_says_so_and_the_next_one_is_right(
    runner: ZImageRunner, drawn: list[Any], part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(runner, [item()], Told())
    name, _, method = part.partition(".")
    component = getattr(runner._pipeline, name)
    with monkeypatch.context() as patch:
        patch.setattr(component, method or "forward", out_of_memory)

        with pytest.raises(RunnerError) as raised:
            run(runner, [item()], Told())
    run(runner, [item()], Told())

    assert raised.value.code == "OOM"
    # A chain would hold the frames, and with them the tensors that did not fit.
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert np.array_equal(drawn[0], drawn[1])


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "OOM"),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "CUDA_FATAL"),
        (OSError("weights are cut"), "MODEL_NOT_LOADED"),
    ],
)
def test_a_load_that_fails_says_why(
    models_dir: Path, raised: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import diffusers

    def fail(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(diffusers.ZImagePipeline, "from_pretrained", fail)

    with pytest.raises(RunnerError) as failed:
        Registry(models_dir).create(tiny_z_image.MODEL, "1", "cpu")

    assert failed.value.code == code


def test_a_load_tells_how_long_its_phases_took_and_the_first_what_was_imported_before(models_dir: Path) -> None:
    registry, first, second = Registry(models_dir), Phases(), Phases()
    registry.warm()

    registry.create(tiny_z_image.MODEL, "1", "cpu", first).unload()
    registry.create(tiny_z_image.MODEL, "1", "cpu", second).unload()

    assert list(first.ms) == ["importMs", "readMs", "toDeviceMs"]
    assert first.ms["readMs"] > 0
    assert all(ms >= 0 for ms in [*first.ms.values(), *second.ms.values()])


def test_a_model_of_another_revision_or_without_weights_is_not_loaded(models_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    manifest = (models_dir / tiny_z_image.MODEL / "manifest.json").read_text()
    (tmp_path / "bare" / "manifest.json").write_text(manifest)

    for registry, name, revision in [
        (Registry(models_dir), tiny_z_image.MODEL, "2"),
        (Registry(tmp_path), "bare", "1"),
        (Registry(tmp_path), "none", "1"),
    ]:
        with pytest.raises(RunnerError) as failed:
            registry.create(name, revision, "cpu")
        assert failed.value.code == "MODEL_NOT_LOADED"


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"size": 30}, "size"),
        ({"steps": 0}, "steps"),
        ({"n": 17}, "n"),
        ({"seed": -1}, "seed"),
        ({"prompt": ""}, "prompt"),
        ({"guidance_scale": 5.0}, "guidance_scale"),
        ({"negative_prompt": "blurry"}, "negative_prompt"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name_and_never_dropped(
    runner: ZImageRunner, params: dict[str, Any], names: str
) -> None:
    with pytest.raises(RunnerError) as refused:
        runner.plan(item(**params))

    assert refused.value.code == "INVALID_INPUT"
    assert names in refused.value.message


def test_a_prompt_is_read_whole_or_refused(runner: ZImageRunner) -> None:
    around = runner._tokens_of("")

    runner.plan(item(prompt="x" * (TOKENS_MAX - around)))
    with pytest.raises(RunnerError, match=f"has {TOKENS_MAX + 1} tokens, and the model reads {TOKENS_MAX}"):
        runner.plan(item(prompt="x" * (TOKENS_MAX - around + 1)))


@pytest.mark.parametrize("value", [float("nan"), 0.0])
def test_a_picture_that_is_none_fails_its_item_alone(models_dir: Path, value: float) -> None:
    def encode(picture: Any) -> OutputFile:
        return png_of(np.full_like(picture, value) if picture is spoilt(picture) else picture)

    seen: list[Any] = []

    def spoilt(picture: Any) -> Any:
        seen.append(picture)
        return seen[0]

    spoiling = ZImageRunner(encode)
    spoiling.setup(Setup(models_dir / tiny_z_image.MODEL, {"runner": "z_image", "dtype": "float32"}, "cpu"))
    told = Told()

    run(spoiling, [item("bad"), item("good")], told)

    assert told.ends == {"bad": "NAN_OUTPUT", "good": [7]}


def out_of_memory(*_: Any, **__: Any) -> Callable[..., Any]:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
