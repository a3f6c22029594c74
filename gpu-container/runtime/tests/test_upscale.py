"""Upscaling by tiles, alone and as the second stage of a model, by networks of random weights."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")
if importlib.util.find_spec("spandrel") is None:
    # It cannot simply be imported: only the runtime knows how, without torchvision.
    pytest.skip("upscaling needs spandrel", allow_module_level=True)

import kinds
import numpy as np
import tiny_upscaler
import torch
from input_urls import half_mask, noise, picture_url
from kinds import Drawing, Kind, item
from told import Told, run

from pilotlight_runtime import upscale
from pilotlight_runtime.runner import RunnerError
from pilotlight_runtime.upscale import Upscaler, load_upscaler

OPTIONS = {"upscaler": tiny_upscaler.NAME, "native_size_max": 32}


def network_of(radius: int) -> Callable[[Any], Any]:
    """Doubles a picture by convolutions that see `radius` pixels around each."""
    torch.manual_seed(1)
    layers: list[torch.nn.Module] = [torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(radius)]
    layers.append(torch.nn.Conv2d(3, 12, 1))
    layers.append(torch.nn.PixelShuffle(2))
    network = torch.nn.Sequential(*layers)

    def doubled(tensor: Any) -> Any:
        return network(tensor) * 0.1 + 0.5

    return doubled


def picture_of(height: int, width: int) -> Any:
    return np.random.default_rng(0).random((height, width, 3), np.float32)


def never() -> None:
    """Nobody stops."""


def test_tiles_give_what_the_whole_picture_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(150, 202)
    upscaler = Upscaler(network_of(upscale.OVERLAP), "cpu", torch.float32)

    whole = upscaler.upscale(picture, never)
    monkeypatch.setattr(upscale, "TILE", 64)
    tiled = upscaler.upscale(picture, never)

    assert whole.shape == (300, 404, 3)
    assert np.abs(whole - tiled).max() < 1e-5


def test_seams_show_where_a_network_sees_further_than_the_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = picture_of(150, 150)
    upscaler = Upscaler(network_of(3), "cpu", torch.float32)
    whole = upscaler.upscale(picture, never)
    monkeypatch.setattr(upscale, "TILE", 64)
    monkeypatch.setattr(upscale, "OVERLAP", 1)

    assert np.abs(whole - upscaler.upscale(picture, never)).max() > 1e-4


def test_it_is_asked_between_tiles_whether_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upscale, "TILE", 64)
    asked: list[int] = []

    class GoneError(Exception):
        pass

    def stop_at_third() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise GoneError

    with pytest.raises(GoneError):
        Upscaler(network_of(1), "cpu", torch.float32).upscale(picture_of(128, 128), stop_at_third)
    assert len(asked) == 3


def fitting(side_max: int, sides: list[int]) -> Callable[[Any], Any]:
    """A network that runs out of memory above a size."""
    network = network_of(1)

    def run_it(tensor: Any) -> Any:
        sides.append(max(tensor.shape[2:]))
        if sides[-1] > side_max:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return network(tensor)

    return run_it


def test_smaller_tiles_are_taken_where_memory_runs_out() -> None:
    sides: list[int] = []
    picture = picture_of(600, 600)
    expected = Upscaler(network_of(1), "cpu", torch.float32).upscale(picture, never)

    upscaled = Upscaler(fitting(200, sides), "cpu", torch.float32).upscale(picture, never)

    assert np.abs(expected - upscaled).max() < 1e-5
    assert sides[:3] == [544, 288, 160]
    assert max(sides[2:]) <= 128 + 2 * upscale.OVERLAP


def test_when_the_smallest_tiles_do_not_fit_it_says_so() -> None:
    with pytest.raises(RunnerError) as raised:
        Upscaler(fitting(1, []), "cpu", torch.float32).upscale(picture_of(64, 64), never)

    assert raised.value.code == "OOM"
    assert raised.value.__context__ is None


def test_other_faults_are_not_taken_for_a_lack_of_memory() -> None:
    def broken(_: Any) -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory"):
        Upscaler(broken, "cpu", torch.float32).upscale(picture_of(64, 64), never)


def test_a_network_of_real_esrgan_is_loaded_and_doubles(tmp_path: Path) -> None:
    tiny_upscaler.write(tmp_path)

    upscaler = load_upscaler(tmp_path, tiny_upscaler.NAME, "cpu", torch.float32)

    upscaled = upscaler.upscale(picture_of(40, 24), never)
    assert (upscaled.shape, upscaled.dtype) == ((80, 48, 3), np.float32)
    assert 0 <= upscaled.min() <= upscaled.max() <= 1


def test_torchvision_is_stood_in_for_while_spandrel_is_imported_and_no_longer(tmp_path: Path) -> None:
    before = {name for name in sys.modules if name.startswith("torchvision")}
    tiny_upscaler.write(tmp_path)

    load_upscaler(tmp_path, tiny_upscaler.NAME, "cpu", torch.bfloat16)

    assert {name for name in sys.modules if name.startswith("torchvision")} == before


@pytest.mark.parametrize("name", ["none.safetensors", "../upscaler.safetensors", "upscaler.pth", "/etc/passwd"])
def test_only_a_safetensors_beside_the_weights_is_loaded(tmp_path: Path, name: str) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    tiny_upscaler.write(tmp_path)
    (weights / "upscaler.pth").write_bytes(b"pickle")

    with pytest.raises(RunnerError) as refused:
        load_upscaler(weights, name, "cpu", torch.float32)

    assert refused.value.code == "MODEL_NOT_LOADED"


def test_a_network_that_does_not_double_is_not_loaded(tmp_path: Path) -> None:
    tiny_upscaler.write(tmp_path, scale=4)

    with pytest.raises(RunnerError, match="doubles"):
        load_upscaler(tmp_path, tiny_upscaler.NAME, "cpu", torch.float32)


@pytest.fixture(scope="module")
def upscaling_dir(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upscaling") / "models"
    shutil.copytree(models_dir, folder)
    for kind in kinds.ALL:
        tiny_upscaler.write(folder / kind.model / "weights", bias=0.3)
    return folder


@pytest.fixture(params=kinds.ALL, ids=lambda kind: kind.runner)
def drawing(request: pytest.FixtureRequest, upscaling_dir: Path) -> Drawing:
    kind: Kind = request.param
    return Drawing(kind, upscaling_dir, **OPTIONS)


def test_a_size_above_the_native_one_is_drawn_at_half_and_upscaled(drawing: Drawing) -> None:
    told = Told()

    run(drawing.runner, [item(size=32)], Told())
    run(drawing.runner, [item(size=64, n=2)], told)

    [base, first, second] = drawing.pictures
    assert [picture.shape for picture in drawing.pictures] == [(32, 32, 3), (64, 64, 3), (64, 64, 3)]
    assert drawing.runner._upscaler is not None
    assert np.abs(first - drawing.runner._upscaler.upscale(base, never)).max() < 1e-4
    assert np.abs(first - second).max() > 1e-3
    assert [(file.width, file.height) for file in told.files["a"]] == [(64, 64), (64, 64)]


def test_a_batch_mate_changes_nothing(drawing: Drawing) -> None:
    run(drawing.runner, [item(size=64)], Told())
    run(drawing.runner, [item("b", prompt="another", seed=1, size=64), item(size=64)], Told())

    assert np.abs(drawing.pictures[0] - drawing.pictures[2]).max() < 1e-4


@pytest.mark.parametrize(("size", "says"), [(128, "at most 64"), (72, "at most 64"), (36, "a multiple of")])
def test_sizes_that_cannot_be_drawn_so_are_refused(drawing: Drawing, size: int, says: str) -> None:
    with pytest.raises(RunnerError, match=f"size: must be {says}") as refused:
        drawing.runner.plan(item(size=size))

    assert refused.value.code == "INVALID_INPUT"


def test_the_time_of_upscaling_is_counted(drawing: Drawing, monkeypatch: pytest.MonkeyPatch) -> None:
    import pilotlight_runtime.shares as shares

    clock = [0.0]
    monkeypatch.setattr(shares.Shares.__init__, "__defaults__", (lambda: clock[0],))
    upscaler = drawing.runner._upscaler
    assert upscaler is not None
    whole = upscaler.upscale

    def taking_a_second(picture: Any, check_stopped: Callable[[], None]) -> Any:
        clock[0] += 1
        return whole(picture, check_stopped)

    monkeypatch.setattr(upscaler, "upscale", taking_a_second)
    told = Told()

    run(drawing.runner, [item("one", size=64), item("two", size=64, n=2)], told)

    assert told.gpu_ms == {"one": pytest.approx(1000), "two": pytest.approx(2000)}


class StoppedWhileUpscaling(Told):
    """Says of one item that it stops once its steps are done."""

    def is_stopped(self, item_id: str) -> bool:
        return item_id == "gone" and len(self.steps.get(item_id, [])) == 3


def test_one_that_is_canceled_is_not_upscaled(drawing: Drawing) -> None:
    run(drawing.runner, [item("kept", size=64)], Told())
    told = StoppedWhileUpscaling()

    run(drawing.runner, [item("gone", seed=8, size=64), item("kept", size=64)], told)

    assert told.ends == {"gone": "stopped", "kept": [7]}
    assert len(drawing.pictures) == 2
    assert np.abs(drawing.pictures[0] - drawing.pictures[1]).max() < 1e-4


@pytest.mark.parametrize(("stage", "value"), [("drawn", float("nan")), ("drawn", 0.0), ("upscaled", float("nan"))])
def test_what_is_no_picture_at_either_stage_fails_its_item_alone(
    drawing: Drawing, stage: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_type, upscaler = drawing.runner.call_type, drawing.runner._upscaler
    draw, whole = call_type.draw, upscaler.upscale
    seen: list[int] = []

    def spoilt_draw(call: Any, generators: list[Any]) -> Any:
        pictures = draw(call, generators)
        pictures[0] = value
        return pictures

    def spoilt_upscale(picture: Any, check_stopped: Callable[[], None]) -> Any:
        seen.append(1)
        return np.full_like(whole(picture, check_stopped), value if len(seen) == 1 else 0.5)

    if stage == "drawn":
        monkeypatch.setattr(call_type, "draw", spoilt_draw)
    else:
        monkeypatch.setattr(upscaler, "upscale", spoilt_upscale)
    told = Told()

    run(drawing.runner, [item("bad", size=64), item("good", size=64)], told)

    assert told.ends == {"bad": "NAN_OUTPUT", "good": [7]}


def test_running_out_of_memory_ends_the_call_and_the_next_one_is_right(drawing: Drawing) -> None:
    upscaler = drawing.runner._upscaler
    assert upscaler is not None
    run(drawing.runner, [item(size=64)], Told())
    network = upscaler._network

    upscaler._network = fitting(1, [])
    with pytest.raises(RunnerError) as raised:
        run(drawing.runner, [item(size=64)], Told())
    upscaler._network = network
    run(drawing.runner, [item(size=64)], Told())

    assert raised.value.code == "OOM"
    assert np.array_equal(drawing.pictures[0], drawing.pictures[1])


@pytest.mark.parametrize("options", [{"upscaler": tiny_upscaler.NAME}, {"native_size_max": 32}])
def test_half_an_option_loads_no_model(upscaling_dir: Path, options: dict[str, Any]) -> None:
    with pytest.raises(RunnerError, match="belong together") as refused:
        Drawing(kinds.Z_IMAGE, upscaling_dir, **options)

    assert refused.value.code == "MODEL_NOT_LOADED"


def test_what_a_mask_leaves_black_is_not_upscaled_but_stays(upscaling_dir: Path) -> None:
    drawing = Drawing(kinds.Z_IMAGE, upscaling_dir, **OPTIONS)
    sent = noise(3, 64)

    run(drawing.runner, [item(size=64, image=picture_url(sent), mask=picture_url(half_mask(64)))], Told())

    kept, anew = np.split((drawing.pictures[0] * 255).round().astype(np.uint8), 2, axis=1)
    assert np.array_equal(kept, sent[:, :32])
    assert np.abs(anew.astype(int) - sent[:, 32:]).mean() > 10
