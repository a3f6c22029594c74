"""One call of a diffusers pipeline for items that may share it: seeds, progress, stops, upscaling, shares of time.

Facts that shape this file, measured with the pinned versions: a generator list of the wrong length is taken as it is;
an exception out of the step callback leaves a pipeline sound.
"""

from __future__ import annotations

import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from .devices import runner_error_of
from .pictures import pixels_of
from .previews import Previews, estimated
from .runner import OutputFile, RunContext, RunnerError
from .shares import Shares
from .upscale import Upscaler

_log = logging.getLogger(__name__)

Encode = Callable[[Any], OutputFile]


class Pictures(Protocol):
    """What every item of such a call asks for."""

    size: int
    n: int
    steps: int
    seed: int | None


Asked = TypeVar("Asked", bound=Pictures)


class StoppedError(Exception):
    """Leaves what is being computed for items that were all stopped."""


class PictureCall(ABC, Generic[Asked]):
    """One call for items of one batch key. A kind of model says how it draws."""

    def __init__(
        self,
        pipeline: Any,
        encode: Encode,
        asked: Mapping[str, Asked],
        context: RunContext,
        upscaler: Upscaler | None = None,
        previews: Previews | None = None,
    ) -> None:
        """With an upscaler, pictures are drawn that much smaller than they were asked for."""
        self.pipeline = pipeline
        self.items = list(asked.items())
        asked_size = self.items[0][1].size
        self.size = asked_size if upscaler is None else asked_size // upscaler.scale
        self._upscaler = upscaler
        self._previews = previews if context.wants_previews else None
        self._latents_before: Any = None
        self._encode = encode
        self._context = context
        self._open = dict(asked)
        self._shares = Shares({item_id: one.n for item_id, one in asked.items()})
        self._seeds = {item_id: _seeds_of(one) for item_id, one in asked.items()}

    @abstractmethod
    def draw(self, generators: list[Any]) -> Any:
        """Draws at `size` with one generator a picture, all of the first item first, and calls `after_step`.

        Gives arrays of height x width x 3 floats from 0 to 1.
        """

    def steps_of(self, asked: Asked) -> int:
        """How often `after_step` is called for an item."""
        return asked.steps

    def complete(self, asked: Asked, picture: Any) -> Any:
        """What becomes of a picture that was drawn, at the size that was asked for.

        Raises:
            RunnerError: `NAN_OUTPUT`, which fails its item alone.
        """
        return picture

    def run(self) -> RunnerError | None:
        """Ends every item, or returns why the call as a whole failed."""
        try:
            self._deliver(self._draw())
        except StoppedError:
            return None
        except Exception as error:
            return runner_error_of(error)
        return None

    def _draw(self) -> Any:
        import torch

        # One generator a picture, of the CPU: a picture depends neither on its mates nor on the card.
        generators = [torch.Generator("cpu").manual_seed(seed) for seeds in self._seeds.values() for seed in seeds]
        with torch.inference_mode():
            return self.draw(generators)

    def after_step(self, pipeline: Any, index: int, _timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        """The step callback of a pipeline: tells progress, and leaves the call once nobody waits for it."""
        device = pipeline.device
        if device.type == "cuda":
            import torch

            # Kernels run behind: without this, progress would be told of steps that have not happened.
            torch.cuda.synchronize(device)
        self._shares.tick()
        for item_id, asked in list(self._open.items()):
            if self._context.is_stopped(item_id):
                self._stop(item_id)
            else:
                self._context.progress(item_id, index + 1, self.steps_of(asked))
        if not self._open:
            raise StoppedError
        if self._previews is not None:
            self._try_to_show(self._previews, pipeline.scheduler, index + 1, tensors["latents"])
            self._shares.skip()
        return tensors

    def _try_to_show(self, previews: Previews, scheduler: Any, step: int, latents: Any) -> None:
        """What cannot be shown is drawn all the same."""
        try:
            self._show(previews, scheduler, step, latents)
        except Exception as error:
            self._previews = None
            _log.warning("no more previews of this call: %s", type(error).__name__)

    def _show(self, previews: Previews, scheduler: Any, step: int, latents: Any) -> None:
        """Tells whoever waits how the first picture of each item looks so far."""
        before, self._latents_before = self._latents_before, latents
        if not previews.is_due(step, self.steps_of(self.items[0][1])):
            return
        sigma_before, sigma = scheduler.sigmas[scheduler.step_index - 1 : scheduler.step_index + 1].tolist()
        start = 0
        for item_id, asked in self.items:
            if item_id in self._open:
                seen = estimated(latents[start], before[start], sigma, sigma_before)
                self._context.preview(item_id, step, previews.picture_of(seen))
            start += asked.n

    def _deliver(self, pictures: Any) -> None:
        """Ends nobody before all are finished, so that mates share the time of finishing by their pictures."""
        self._shares.tick()
        start = 0
        finished: dict[str, Any] = {}
        for item_id, asked in self.items:
            own = pictures[start : start + asked.n]
            start += asked.n
            if item_id in self._open:
                self._finish(item_id, own, finished)
        self._shares.tick()
        for item_id, own in finished.items():
            self._end(item_id, own)

    def _finish(self, item_id: str, pictures: Any, finished: dict[str, Any]) -> None:
        try:
            asked = self._open[item_id]
            finished[item_id] = [self.complete(asked, each) for each in self._upscaled(item_id, pictures)]
        except StoppedError:
            self._shares.tick()
            self._stop(item_id)
        except RunnerError as error:
            if error.code != "NAN_OUTPUT":
                raise
            self._shares.tick()
            del self._open[item_id]
            self._context.fail(item_id, error.code, error.message, self._shares.close(item_id))

    def _upscaled(self, item_id: str, pictures: Any) -> Any:
        def check_stopped() -> None:
            if self._context.is_stopped(item_id):
                raise StoppedError

        upscaler = self._upscaler
        if upscaler is None:
            return pictures
        for picture in pictures:
            # What is no picture may look like one when it is upscaled.
            pixels_of(picture)
        return [upscaler.upscale(picture, check_stopped) for picture in pictures]

    def _stop(self, item_id: str) -> None:
        del self._open[item_id]
        self._context.stop(item_id, self._shares.close(item_id))

    def _end(self, item_id: str, pictures: Any) -> None:
        gpu_ms = self._shares.close(item_id)
        try:
            files = [self._encode(picture) for picture in pictures]
        except RunnerError as error:
            return self._context.fail(item_id, error.code, error.message, gpu_ms)
        for file in files:
            self._context.write(item_id, file)
        self._context.succeed(item_id, self._seeds[item_id], gpu_ms)


def _seeds_of(asked: Pictures) -> list[int]:
    first = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    return [(first + index) % 2**32 for index in range(asked.n)]
