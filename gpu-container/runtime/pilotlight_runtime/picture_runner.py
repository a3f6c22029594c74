"""What runners of diffusers pipelines share: reading options and parameters, adapters, and giving memory back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from .adapter_names import AdapterNames
from .adapters import Adapters
from .messages import Adapter
from .offload import place
from .picture_call import Encode, Pictures
from .pictures import png_of
from .previews import Previews, fit_previews
from .quants import apply_quant, check_quant
from .runner import BatchItem, Plan, RunContext, RunnerError, Setup
from .upscale import Upscaler, load_upscaler


class Options(msgspec.Struct, frozen=True):
    """`runtime` of the manifest, and `memory.adapters_mb`."""

    runner: str
    dtype: str = "bfloat16"
    quant: str | None = None
    """In which the transformer is kept, where that is not `dtype`."""
    offload: Literal["text_encoder"] | None = None
    """The part that stays in main memory, whole, and is on the card layer by layer while it runs."""
    adapters_mb: int = 0
    """Memory that loaded adapters may take; a manifest without it takes none."""
    upscaler: str | None = None
    """A file beside the weights: sizes above `native_size_max` are drawn at half and upscaled."""
    native_size_max: int | None = None
    preview_every_steps: int | None = None
    """How often those who ask are shown what is being drawn; absent: never."""


Asked = TypeVar("Asked", bound=Pictures)


class PictureRunner(ABC, Generic[Asked]):
    """One pipeline, and the adapters that were loaded into it."""

    params_type: ClassVar[Any]
    """A frozen struct that refuses what it does not name."""
    call_type: ClassVar[Any]
    """The `PictureCall` of this kind."""

    def __init__(self, encode: Encode = png_of) -> None:
        self.pipeline: Any = None
        self._encode = encode
        self._adapters: Adapters | None = None
        self._upscaler: Upscaler | None = None
        self._native_size_max: int | None = None
        self._previews: Previews | None = None

    @abstractmethod
    def load(self, weights: Path, dtype: Any) -> Any:
        """Reads the pipeline from its folder, onto the CPU."""

    @abstractmethod
    def adapter_names(self) -> AdapterNames:
        """How files of adapters name the layers of this model."""

    @abstractmethod
    def read(self, params: Any) -> Asked:
        """Gives what the call is to know, or refuses with `INVALID_INPUT` what the types alone let through."""

    @abstractmethod
    def batch_key(self, asked: Asked) -> str:
        """Equal for items that may share a call."""

    def setup(self, setup: Setup) -> None:
        import torch

        options = msgspec.convert(setup.options, Options)
        weights = setup.model_dir / "weights"
        if not (weights / "model_index.json").is_file():
            raise RunnerError("MODEL_NOT_LOADED", "the folder of the model has no weights")
        if (options.upscaler is None) != (options.native_size_max is None):
            raise RunnerError("MODEL_NOT_LOADED", "upscaler and native_size_max belong together")
        check_quant(options.quant, setup.device)
        dtype = getattr(torch, options.dtype)
        if options.upscaler is not None:
            self._upscaler = load_upscaler(weights, options.upscaler, setup.device, dtype)
            self._native_size_max = options.native_size_max
        with setup.phases.timed("readMs"):
            pipeline = self.load(weights, dtype)
            # Nearly all of the weights.
            for name in {"transformer", "text_encoder"} - {options.offload}:
                apply_quant(getattr(pipeline, name), options.quant, dtype)
        pipeline.set_progress_bar_config(disable=True)
        with setup.phases.timed("toDeviceMs"):
            self.pipeline = place(pipeline, setup.device, options.offload)
        if options.preview_every_steps is not None:
            with setup.phases.timed("previewsMs"):
                self._previews = fit_previews(self.pipeline.vae, options.preview_every_steps)
        self._adapters = Adapters(self.pipeline, self.adapter_names(), options.adapters_mb * 1_000_000)

    def plan(self, item: BatchItem) -> Plan:
        try:
            params = msgspec.convert(dict(item.params), self.params_type)
        except msgspec.ValidationError as error:
            raise RunnerError("INVALID_INPUT", str(error)) from None
        self._check_size(params.size)
        asked = self.read(params)
        return Plan(batch_key=self.batch_key(asked), asked=asked)

    def adapt(self, adapters: Sequence[Adapter]) -> None:
        self._loaded_adapters().use(adapters)

    def run(self, asked: Mapping[str, Asked], context: RunContext) -> None:
        size = next(iter(asked.values())).size
        upscaler = self._upscaler_of(size)
        failure = self.call_type(self.pipeline, self._encode, asked, context, upscaler, self._previews).run()
        # Out of reach of the exception, whose frames hold the tensors that did not fit.
        if failure is None:
            return
        if failure.code == "OOM":
            self._loaded_adapters().clear()
        raise failure

    def unload(self) -> None:
        self.pipeline = None
        self._adapters = None
        self._upscaler = None

    def _upscaler_of(self, size: int) -> Upscaler | None:
        """For sizes that are not drawn as they are."""
        return self._upscaler if self._native_size_max is not None and size > self._native_size_max else None

    def _check_size(self, size: int) -> None:
        # A pipeline draws in patches of two by two latents.
        step = self.pipeline.vae_scale_factor * 2
        upscaler = self._upscaler_of(size)
        if upscaler is not None:
            step *= upscaler.scale
            largest = (self._native_size_max or 0) * upscaler.scale
            if size > largest:
                raise RunnerError("INVALID_INPUT", f"size: must be at most {largest}")
        if size % step != 0:
            raise RunnerError("INVALID_INPUT", f"size: must be a multiple of {step}")

    def _loaded_adapters(self) -> Adapters:
        if self._adapters is None:
            raise RunnerError("MODEL_NOT_LOADED", "the model is not set up")
        return self._adapters
