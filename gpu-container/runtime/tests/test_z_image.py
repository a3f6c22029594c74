"""Z-Image with random weights: what it takes, and how a load fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")

import kinds
import tiny_z_image
import torch
from kinds import Drawing, item

from pilotlight_runtime.registry import Registry
from pilotlight_runtime.runner import Phases, RunnerError
from pilotlight_runtime.z_image import TOKENS_MAX


@pytest.fixture
def drawing(models_dir: Path) -> Drawing:
    return kinds.shared(Drawing, kinds.Z_IMAGE, models_dir)


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

    assert list(first.ms) == ["importMs", "readMs", "toDeviceMs", "previewsMs"]
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


@pytest.mark.parametrize("name", ["guidance_scale", "negative_prompt"])
def test_what_the_distilled_model_has_no_use_for_is_refused_by_name(drawing: Drawing, name: str) -> None:
    with pytest.raises(RunnerError, match=name) as refused:
        drawing.runner.plan(item(**{name: 5.0}))

    assert refused.value.code == "INVALID_INPUT"


def test_a_prompt_is_read_whole_or_refused(drawing: Drawing) -> None:
    around = drawing.runner._tokens_of("")

    drawing.runner.plan(item(prompt="x" * (TOKENS_MAX - around)))
    with pytest.raises(RunnerError, match=f"has {TOKENS_MAX + 1} tokens, and the model reads {TOKENS_MAX}"):
        drawing.runner.plan(item(prompt="x" * (TOKENS_MAX - around + 1)))
