"""Pictures of what is being drawn, by real pipelines with random weights on a CPU."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")

import kinds
import numpy as np
import torch
from input_urls import half_mask, noise_url, picture_url
from kinds import Drawing, Kind, item
from PIL import Image
from told import Told, run

from pilotlight_runtime import picture_call
from pilotlight_runtime.batch_run import BatchRun
from pilotlight_runtime.messages import PREVIEW_CHARACTERS_MAX, Item, Run
from pilotlight_runtime.previews import SIDE_MAX, Previews, estimated, fit_previews
from pilotlight_runtime.runner import OutputFile
from pilotlight_runtime.shares import Shares


class Previewing(Drawing):
    """Shows every second step."""

    def __init__(self, kind: Kind, models_dir: Path) -> None:
        super().__init__(kind, models_dir, preview_every_steps=2)


@pytest.fixture(params=kinds.ALL, ids=lambda kind: kind.runner)
def drawing(request: pytest.FixtureRequest, models_dir: Path) -> Previewing:
    return kinds.shared(Previewing, request.param, models_dir)


def watching() -> Told:
    return Told(wants_previews=True)


def pixels_of(body: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(body)), np.float32) / 255


def likeness(one: Any, other: Any) -> float:
    """Correlation of two pictures: 1 for the same, around 0 for any two."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_every_item_is_shown_after_the_steps_that_are_due(drawing: Previewing) -> None:
    told = watching()

    run(drawing.runner, [item("a", steps=7, n=2), item("b", steps=7, seed=1)], told)

    assert {name: [step for step, _ in shown] for name, shown in told.previews.items()} == {
        "a": [2, 4, 6],
        "b": [2, 4, 6],
    }
    for shown in told.previews.values():
        for _, picture in shown:
            assert picture.content_type == "image/jpeg"
            assert pixels_of(picture.body).shape == (picture.height, picture.width, 3)


def test_what_is_shown_is_where_the_first_picture_of_its_item_is_heading(
    drawing: Previewing, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Any] = []
    shown: list[Any] = []
    step = drawing.runner.pipeline.scheduler.step

    def watched_step(*args: Any, **kwargs: Any) -> Any:
        [latents] = step(*args, **kwargs)
        steps.append(latents)
        return (latents,)

    def watched_picture(_: Previews, latents: Any) -> OutputFile:
        shown.append(latents)
        return OutputFile(b"", "image/jpeg", "jpg", 1, 1)

    monkeypatch.setattr(drawing.runner.pipeline.scheduler, "step", watched_step)
    monkeypatch.setattr(Previews, "picture_of", watched_picture)

    run(drawing.runner, [item("a", steps=8, n=2), item("b", steps=8, seed=1)], watching())

    first, second, other = steps[-1]
    for seen, own, others in [(shown[-2], first, [second, other]), (shown[-1], other, [first, second])]:
        so_far = steps[5][0 if own is first else 2]
        assert torch.dist(seen, own) < torch.dist(so_far, own)
        assert all(torch.dist(seen, own) < torch.dist(seen, each) / 2 for each in others)


class PlainAutoencoder:
    """Mixes colours into sixteen channels of which each picture holds a cell of eight pixels, and unmixes them."""

    device = torch.device("cpu")
    dtype = torch.float32
    config = SimpleNamespace(block_out_channels=[1] * 4, shift_factor=0.1, scaling_factor=0.4)

    def __init__(self) -> None:
        self._mixed = torch.randn((16, 3), generator=torch.Generator().manual_seed(3))

    def encode(self, pictures: Any) -> Any:
        cells = torch.nn.functional.avg_pool2d(pictures, 8)
        latents = torch.einsum("lc,bcyx->blyx", self._mixed, cells)
        return SimpleNamespace(latent_dist=SimpleNamespace(mode=lambda: latents))

    def decode(self, latents: Any, return_dict: bool) -> Any:
        assert not return_dict
        cells = torch.einsum("cl,blyx->bcyx", torch.linalg.pinv(self._mixed), latents)
        return (torch.nn.functional.interpolate(cells, scale_factor=8),)


def test_the_map_finds_the_colours_that_an_autoencoder_gives_its_latents() -> None:
    autoencoder = PlainAutoencoder()
    picture = torch.rand((1, 3, 128, 128), generator=torch.Generator().manual_seed(4)) * 2 - 1
    picture = (torch.nn.functional.avg_pool2d(picture, 31, 1, 15) * 40).clamp(-1, 1)
    encoded = autoencoder.encode(picture).latent_dist.mode()
    config = autoencoder.config

    shown = fit_previews(autoencoder, 1).picture_of((encoded[0] - config.shift_factor) * config.scaling_factor)

    cells = torch.nn.functional.avg_pool2d(picture, 8)[0].movedim(0, -1) / 2 + 0.5
    assert likeness(pixels_of(shown.body), cells.clamp(0, 1).numpy()) > 0.9


def test_looking_changes_nothing(drawing: Previewing) -> None:
    run(drawing.runner, [item(steps=5)], Told())
    run(drawing.runner, [item(steps=5)], watching())

    assert np.array_equal(drawing.pictures[0], drawing.pictures[1])


def test_where_nobody_looks_nothing_is_made(drawing: Previewing, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("nobody asked")

    monkeypatch.setattr(Previews, "picture_of", refuse)
    told = Told()

    run(drawing.runner, [item(steps=5)], told)

    assert told.ends == {"a": [7]}


def test_a_model_whose_manifest_says_nothing_of_it_shows_nothing(models_dir: Path) -> None:
    drawing = kinds.shared(Drawing, kinds.Z_IMAGE, models_dir)
    told = watching()

    run(drawing.runner, [item(steps=5)], told)

    assert told.previews == {}


def test_one_that_is_canceled_is_shown_no_more(drawing: Previewing) -> None:
    told = Told(stops={"gone": 3}, wants_previews=True)

    run(drawing.runner, [item("gone", steps=7, seed=8), item("kept", steps=7)], told)

    assert [step for step, _ in told.previews["gone"]] == [2]
    assert [step for step, _ in told.previews["kept"]] == [2, 4, 6]


@pytest.mark.parametrize("mask", [{}, {"mask": picture_url(half_mask())}])
def test_a_picture_drawn_from_another_is_shown_by_the_steps_that_run(models_dir: Path, mask: dict[str, Any]) -> None:
    drawing = kinds.shared(Previewing, kinds.Z_IMAGE, models_dir)
    told = watching()

    run(drawing.runner, [item(steps=10, image=noise_url(), strength=0.6, **mask)], told)

    assert told.steps["a"][-1] == 6
    assert [step for step, _ in told.previews["a"]] == [2, 4]


def test_two_points_of_a_line_tell_where_it_ends() -> None:
    picture, noise = torch.rand(2, 16, 4, 4).unbind()

    def at(sigma: float) -> Any:
        return (1 - sigma) * picture + sigma * noise

    assert torch.allclose(estimated(at(0.3), at(0.7), 0.3, 0.7), picture, atol=1e-5)


def test_what_is_not_finite_or_too_large_is_shown_small_all_the_same(models_dir: Path) -> None:
    vae = kinds.shared(Previewing, kinds.Z_IMAGE, models_dir).runner.pipeline.vae
    previews = fit_previews(vae, 1)

    broken = previews.picture_of(torch.full((16, 8, 8), torch.nan))
    large = previews.picture_of(torch.randn(16, 300, 300))

    assert pixels_of(broken.body).shape == (8, 8, 3)
    assert (large.width, large.height) == (SIDE_MAX, SIDE_MAX)
    assert len(large.body) < PREVIEW_CHARACTERS_MAX * 3 / 4


def test_what_cannot_be_shown_is_drawn_all_the_same(drawing: Previewing, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> OutputFile:
        raise OSError("no encoder")

    monkeypatch.setattr(Previews, "picture_of", broken)
    told = watching()

    run(drawing.runner, [item("a", steps=8)], told)

    assert told.previews == {}
    assert told.ends == {"a": [7]}


def test_nobody_pays_for_looking(drawing: Previewing, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    looking_s = 1_000.0

    def slow(*_: Any) -> OutputFile:
        clock[0] += looking_s
        return OutputFile(b"jpeg", "image/jpeg", "jpg", 1, 1)

    monkeypatch.setattr(Previews, "picture_of", slow)
    monkeypatch.setattr(picture_call, "Shares", lambda pictures: Shares(pictures, lambda: clock[0]))
    told = watching()

    run(drawing.runner, [item("a", steps=8), item("b", steps=8, seed=1)], told)

    assert clock[0] == 6 * looking_s
    assert told.gpu_ms == {"a": 0, "b": 0}


@pytest.mark.parametrize(("characters", "sent"), [(PREVIEW_CHARACTERS_MAX, 1), (PREVIEW_CHARACTERS_MAX + 4, 0)])
def test_one_too_large_for_a_frame_is_left_out(characters: int, sent: int) -> None:
    message = Run(
        batch_id="b",
        model="m",
        revision="1",
        scratch_dir="/nowhere",
        items=[Item(id="a", params={}, deadline_ms=None)],
        adapters=[],
        previews=True,
    )
    frames: list[Any] = []

    BatchRun(message, frames.append).preview(
        "a", 2, OutputFile(bytes(characters // 4 * 3), "image/jpeg", "jpg", 9, 9)
    )

    assert len(frames) == sent
