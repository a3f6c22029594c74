"""Z-Image that starts from a picture: image to image, and in a part of it alone."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="these tests draw with torch")

import kinds
import numpy as np
import torch
from diffusers import AutoencoderKL
from input_urls import half_mask, noise, noise_url, picture_url
from kinds import Drawing, item
from PIL import Image
from told import Told, run
from torch.utils._python_dispatch import TorchDispatchMode

from pilotlight_runtime.runner import RunnerError

FLAT = picture_url(np.full((32, 32, 3), 128, np.uint8))


@pytest.fixture
def drawing(models_dir: Path) -> Drawing:
    return kinds.shared(Drawing, kinds.Z_IMAGE, models_dir)


def drawn(drawing: Drawing, **params: Any) -> Any:
    """One picture, in bytes."""
    told = Told()
    drawing.pictures.clear()
    run(drawing.runner, [item(**params)], told)
    assert told.ends == {"a": [7]}
    return (drawing.pictures[0] * 255).round().astype(np.uint8)


def test_it_draws_from_the_parts_that_were_loaded(drawing: Drawing) -> None:
    loaded = drawing.runner.pipeline
    used: list[Any] = []
    forward = loaded.transformer.forward

    def watched(*args: Any, **kwargs: Any) -> Any:
        used.append(loaded.transformer)
        return forward(*args, **kwargs)

    loaded.transformer.forward = watched
    try:
        drawn(drawing, image=noise_url())
        drawn(drawing, image=noise_url(), mask=picture_url(half_mask()))
    finally:
        del loaded.transformer.forward

    assert len(used) == 2 + 3


def test_a_picture_depends_on_the_one_it_starts_from_and_less_the_stronger_the_noise(drawing: Drawing) -> None:
    def difference(strength: float) -> float:
        one, other = (drawn(drawing, image=noise_url(seed), strength=strength, steps=8) for seed in (1, 2))
        return float(np.abs(one.astype(int) - other).mean())

    weak, strong, whole = difference(0.3), difference(0.7), difference(1)

    assert weak > strong > 0
    assert whole == 0


@pytest.mark.parametrize(("strength", "steps"), [(0.3, 1), (0.34, 2), (0.6, 2), (1, 3), (None, 2)])
def test_it_runs_and_tells_the_steps_that_its_strength_leaves(
    drawing: Drawing, strength: float | None, steps: int
) -> None:
    told = Told()

    run(drawing.runner, [item(image=noise_url(), strength=strength)], told)

    assert told.steps == {"a": list(range(1, steps + 1))}


def test_with_a_mask_it_runs_them_all_unless_a_strength_says_otherwise(drawing: Drawing) -> None:
    told = Told()
    masked = {"image": noise_url(), "mask": picture_url(half_mask())}

    run(drawing.runner, [item("all", **masked)], told)
    run(drawing.runner, [item("some", **masked, strength=0.3)], told)

    assert told.steps == {"all": [1, 2, 3], "some": [1]}


@pytest.mark.parametrize("size", [32, 64])
def test_what_a_mask_leaves_black_stays_pixel_for_pixel_and_the_rest_does_not(drawing: Drawing, size: int) -> None:
    sent = noise(3, size)

    picture = drawn(drawing, size=size, image=picture_url(sent), mask=picture_url(half_mask(size)))

    kept, anew = np.split(picture, 2, axis=1)
    assert np.array_equal(kept, sent[:, : size // 2])
    assert np.abs(anew.astype(int) - sent[:, size // 2 :]).mean() > 10


def test_grey_of_a_mask_blends_what_was_sent_and_what_was_drawn(drawing: Drawing) -> None:
    sent, mask = noise(3), half_mask()
    white = drawn(drawing, image=picture_url(sent), mask=picture_url(mask))
    mask[mask == 255] = 204

    grey = drawn(drawing, image=picture_url(sent), mask=picture_url(mask))

    expected = sent + (white.astype(float) - sent) * 204 / 255
    assert np.abs(grey - expected).max() <= 1


def test_a_line_of_one_pixel_is_drawn_anew(drawing: Drawing) -> None:
    sent = noise(3)
    mask = np.zeros((32, 32), np.uint8)
    mask[:, 17] = 255

    picture = drawn(drawing, image=picture_url(sent), mask=picture_url(mask))

    assert np.abs(picture[:, 17].astype(int) - sent[:, 17]).mean() > 10
    assert np.array_equal(np.delete(picture, 17, 1), np.delete(sent, 17, 1))


def test_a_picture_of_another_size_is_scaled_to_the_one_asked_for(drawing: Drawing) -> None:
    large = Image.fromarray(noise(3)).resize((96, 96), Image.Resampling.NEAREST)

    picture = drawn(drawing, image=picture_url(large), mask=picture_url(half_mask(96)))

    assert picture.shape == (32, 32, 3)
    assert np.abs(picture[:, :14].astype(int) - noise(3)[:, :14]).mean() < 16


@pytest.mark.parametrize("masks", [False, True])
def test_a_picture_from_a_picture_does_not_depend_on_its_batch_mates(drawing: Drawing, masks: bool) -> None:
    def asked(item_id: str, lot: int, **params: Any) -> Any:
        mask = {"mask": picture_url(half_mask() if lot == 1 else half_mask().T)} if masks else {}
        return item(item_id, image=noise_url(lot), **mask, **params)

    run(drawing.runner, [asked("a", 1, n=2)], Told())
    mates = [asked("b", 2, seed=1, prompt="two blue squares"), asked("a", 1, n=2), asked("c", 3, seed=9)]
    run(drawing.runner, mates, Told())

    alone, together = np.array(drawing.pictures[:2]), np.array(drawing.pictures[3:5])
    assert np.abs(alone - together).max() < 1e-5
    assert np.abs(alone[0] - alone[1]).max() > 1e-2


def test_items_that_start_otherwise_share_no_call(drawing: Drawing) -> None:
    image, mask = {"image": noise_url()}, {"mask": picture_url(half_mask())}
    asked = [{}, image, image | {"strength": 0.7}, image | mask, image | mask | {"strength": 0.6}]

    keys = [drawing.runner.plan(item(**params)).batch_key for params in asked]

    assert len(set(keys)) == len(asked)
    assert drawing.runner.plan(item(image=noise_url(5), strength=0.6)).batch_key == keys[1]


def test_a_masked_picture_that_is_none_fails_although_most_of_it_was_kept(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Told()
    decode = drawing.runner.pipeline.vae.decode
    monkeypatch.setattr(
        drawing.runner.pipeline.vae, "decode", lambda *args, **kwargs: (decode(*args, **kwargs)[0] * torch.nan,)
    )

    run(drawing.runner, [item(image=noise_url(), mask=picture_url(half_mask()))], told)

    assert told.ends == {"a": "NAN_OUTPUT"}


def test_reading_a_picture_that_runs_out_of_memory_says_so_and_the_next_call_is_right(
    drawing: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    before = drawn(drawing, image=noise_url())
    with monkeypatch.context() as patch:
        patch.setattr(drawing.runner.pipeline.vae, "encode", out_of_memory)
        with pytest.raises(RunnerError) as raised:
            run(drawing.runner, [item(image=noise_url())], Told())

    assert raised.value.code == "OOM"
    assert np.array_equal(drawn(drawing, image=noise_url()), before)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"strength": 0.5}, "strength: needs an image"),
        ({"mask": picture_url(half_mask())}, "mask: needs an image"),
        ({"image": FLAT, "strength": 0}, "strength"),
        ({"image": FLAT, "strength": 1e-20}, "strength: leaves no step to run"),
        ({"image": FLAT, "strength": 1.1}, "strength"),
        ({"image": "https://example.com/a.png"}, "image: must be a data URL"),
        ({"image": picture_url(np.zeros((32, 16, 3), np.uint8))}, "image: is 16 x 32 pixels, and must be as wide"),
        ({"image": FLAT, "mask": "data:image/png;base64,AAAA"}, "mask: is no PNG"),
        ({"image": FLAT, "mask": picture_url(half_mask(16))}, "mask: is 16 x 16 pixels, and its picture 32 x 32"),
        ({"image": FLAT, "mask": picture_url(half_mask() // 3)}, "mask: is white nowhere"),
        ({"image": FLAT, "mask": picture_url(Image.new("RGBA", (32, 32)))}, "mask: must not be transparent"),
    ],
)
def test_what_it_cannot_start_from_is_refused_by_name_before_anything_runs(
    drawing: Drawing, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunnerError, match=message) as refused:
        drawing.runner.plan(item(**params))

    assert refused.value.code == "INVALID_INPUT"


def test_it_draws_from_pictures_in_the_type_of_a_card_too(models_dir: Path) -> None:
    drawing = Drawing(kinds.Z_IMAGE, models_dir, dtype="bfloat16")

    plain = drawn(drawing, image=noise_url())
    masked = drawn(drawing, image=noise_url(), mask=picture_url(half_mask()))

    assert np.array_equal(masked[:, :16], noise()[:, :16])
    assert np.abs(plain.astype(int) - noise()).mean() > 10


class LiveBytes(TorchDispatchMode):
    """Counts what results of operations hold at once, at most."""

    def __init__(self) -> None:
        super().__init__()
        self._now = self.most = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and not operation.is_view:
            size = result.numel() * result.element_size()
            self._now += size
            self.most = max(self.most, self._now)
            weakref.finalize(result, self._forget, size)
        return result

    def _forget(self, size: int) -> None:
        self._now -= size


def test_reading_a_picture_takes_less_of_a_card_than_drawing_one_which_is_what_manifests_count() -> None:
    # The one that Z-Image and FLUX.1 share; without memory, so that it may have its real size.
    with torch.device("meta"):
        vae = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=[128, 256, 512, 512],
            layers_per_block=2,
            latent_channels=16,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ).to(torch.bfloat16)
        picture = torch.empty(1, 3, 1024, 1024, dtype=torch.bfloat16)
        latents = torch.empty(1, 16, 128, 128, dtype=torch.bfloat16)

    most: dict[str, int] = {}
    with torch.inference_mode():
        for name, work in {"read": lambda: vae.encoder(picture), "draw": lambda: vae.decoder(latents)}.items():
            with LiveBytes() as live:
                work()
            most[name] = live.most

    assert 0 < most["read"] < most["draw"]
