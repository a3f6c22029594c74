"""Finds the model in its folder and makes the runner that its manifest names."""

from __future__ import annotations

import json
import logging
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .devices import failure_of
from .runner import Phases, Runner, RunnerError, Setup

_log = logging.getLogger(__name__)

PACKAGES = ("torch", "diffusers", "transformers")


# Read when the libraries are imported: nothing is ever asked of a hub, and bars are for terminals.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")


def _z_image() -> Runner:
    from diffusers import ZImagePipeline  # noqa: F401  This is what takes seconds.

    from .z_image import ZImageRunner

    _silence_bars()
    return ZImageRunner()


def _newbie() -> Runner:
    from . import newbie_pipeline  # noqa: F401  This is what takes seconds.
    from .newbie import NewbieRunner

    _silence_bars()
    return NewbieRunner()


def _qwen_vl() -> Runner:
    from transformers import Qwen2VLImageProcessorPil, Qwen3VLForConditionalGeneration  # noqa: F401

    from .qwen_vl import QwenVlRunner

    _silence_bars()
    return QwenVlRunner()


def _vllm_proxy() -> Runner:
    from .vllm_proxy import VllmProxyRunner

    return VllmProxyRunner()


def _silence_bars() -> None:
    """Of the libraries that the kind has brought in."""
    for library in ("diffusers", "transformers"):
        if library in sys.modules:
            import_module(f"{library}.utils.logging").disable_progress_bar()


# Kinds load on demand: importing their libraries takes seconds, and `ready` must not wait for it.
KINDS: Mapping[str, Callable[[], Runner]] = {
    "z_image": _z_image,
    "newbie": _newbie,
    "qwen_vl": _qwen_vl,
    "vllm_proxy": _vllm_proxy,
}

REACHING_OUT = frozenset({"vllm_proxy"})
"""Kinds that talk to somebody else than the worker."""


class Registry:
    """The models below one folder: `<id>/manifest.json` says what it is, `<id>/weights/` holds it."""

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        # Imports that `warm` made, for the first load that they save the time.
        self._warmed: dict[str, Phases] = {}

    def versions(self) -> Mapping[str, str]:
        """Of this runtime and the libraries that draw, as far as they are installed."""
        found = {"python": platform.python_version()}
        for package in PACKAGES:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
        return found

    def create(self, model: str, revision: str, device: str, phases: Phases | None = None) -> Runner:
        """Makes the runner of a model, ready to run, and notes in `phases` what took how long.

        Raises:
            RunnerError: `MODEL_NOT_LOADED` without such a model and revision, or with broken weights; `OOM`.
        """
        model_dir = self._models_dir / model
        options = self._options_of(model_dir, revision)
        name = str(options.get("runner"))
        kind = KINDS.get(name)
        if kind is None:
            raise RunnerError("MODEL_NOT_LOADED", f"this runtime has no runner called {options.get('runner')}")
        phases = phases or Phases()
        phases.ms.update(self._warmed.pop(name, Phases()).ms)
        made = _set_up(kind, Setup(model_dir=model_dir, options=options, device=device, phases=phases))
        # Out of reach of the exception, whose frames hold what was loaded so far.
        if isinstance(made, RunnerError):
            raise made
        return made

    def needs_network(self) -> bool:
        """Whether a model of the folder is one that another server on this machine runs."""
        manifests = self._models_dir.glob("*/manifest.json")
        return any(_runtime_of(manifest).get("runner") in REACHING_OUT for manifest in manifests)

    def warm(self) -> None:
        """Imports what the models of the folder need, so that the first `load` need not; what fails is told by it."""
        for manifest in self._models_dir.glob("*/manifest.json"):
            name = str(_runtime_of(manifest).get("runner"))
            kind = KINDS.get(name)
            if kind is not None and name not in self._warmed:
                self._warmed[name] = Phases()
                # Of any kind: lazy modules raise RuntimeError in place of ImportError, torch without a file OSError.
                try:
                    with self._warmed[name].timed("importMs"):
                        kind()
                except Exception as error:
                    _log.warning("the libraries of %s were not imported: %s", name, type(error).__name__)

    def _options_of(self, model_dir: Path, revision: str) -> Mapping[str, Any]:
        manifest = model_dir / "manifest.json"
        if not manifest.is_file():
            raise RunnerError("MODEL_NOT_LOADED", "there is no such model")
        found = json.loads(manifest.read_text("utf-8"))["revision"]
        if found != revision:
            raise RunnerError("MODEL_NOT_LOADED", f"revision {found} is here, not {revision}")
        return _runtime_of(manifest)


def _runtime_of(manifest: Path) -> Mapping[str, Any]:
    """What a manifest says to this runtime, its memory for adapters included; empty for models of other engines."""
    found = json.loads(manifest.read_text("utf-8"))
    runtime = found.get("runtime")
    if not isinstance(runtime, dict):
        return {}
    adapters_mb = found.get("memory", {}).get("adapters_mb")
    return runtime if adapters_mb is None else {**runtime, "adapters_mb": adapters_mb}


def _set_up(kind: Callable[[], Runner], setup: Setup) -> Runner | RunnerError:
    try:
        with setup.phases.timed("importMs"):
            runner = kind()
        runner.setup(setup)
    except RunnerError as error:
        return RunnerError(error.code, error.message)
    except Exception as error:
        code = failure_of(error)
        if code == "OOM":
            return RunnerError("OOM", "the model does not fit")
        if code == "CUDA_FATAL":
            return RunnerError("CUDA_FATAL", type(error).__name__)
        return RunnerError("MODEL_NOT_LOADED", f"{type(error).__name__}: {error}")
    return runner
