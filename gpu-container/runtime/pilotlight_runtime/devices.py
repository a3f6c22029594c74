"""Memory of the process and of its card. torch is asked only once a model has brought it in."""

from __future__ import annotations

import gc
import sys
from typing import Any

from .messages import FailureCode
from .runner import RunnerError

MEGABYTE = 1_000_000


class Device:
    """Where the models of this process live: `name` is torch's, `cpu` or `cuda`.

    A cap is held on a card by the allocator (`set_per_process_memory_fraction`: contexts and workspaces are outside of
    it), on a CPU by refusing work while the resident set is above it.
    """

    def __init__(self, name: str, memory_max_mb: int | None = None) -> None:
        self.name = name
        self._memory_max_mb = memory_max_mb
        if self.is_card and memory_max_mb is not None:
            cuda = self._cuda()
            fraction = memory_max_mb * MEGABYTE / self._total(cuda)
            cuda.set_per_process_memory_fraction(min(1.0, fraction))

    @property
    def is_card(self) -> bool:
        return self.name.startswith("cuda")

    def is_over_memory(self) -> bool:
        """Whether work must be refused until something is put out."""
        if self._memory_max_mb is None or self.is_card:
            return False
        return self.resident_bytes() > self._memory_max_mb * MEGABYTE

    def resident_bytes(self) -> int:
        """Of the process in main memory (Linux)."""
        with open("/proc/self/statm", "rb") as statm:
            pages = int(statm.read().split()[1])
        return pages * 4096

    def total_bytes(self) -> int | None:
        return self._total(self._cuda()) if self.is_card else None

    def allocated_bytes(self) -> int | None:
        return int(self._cuda().memory_allocated()) if self.is_card else None

    def reserved_bytes(self) -> int | None:
        return int(self._cuda().memory_reserved()) if self.is_card else None

    def reclaim(self) -> None:
        """Gives back what no object holds any more. An exception that was kept would hold its frames' tensors."""
        if not self.is_card:
            return
        gc.collect()
        self._cuda().empty_cache()

    @staticmethod
    def _cuda() -> Any:
        import torch

        return torch.cuda

    @staticmethod
    def _total(cuda: Any) -> int:
        return int(cuda.get_device_properties(0).total_memory)


def failure_of(error: BaseException) -> FailureCode:
    """The code of what a library raised: `OOM`, `CUDA_FATAL` or `INTERNAL`.

    torch raises `OutOfMemoryError` before a kernel runs, so the process is sound after it. What its allocator does not
    hold, such as a context on a full card or pinned memory, is a CUDA error "out of memory" by name; cuDNN and cuBLAS
    call the same shortage "not initialized" or "alloc failed". Any other CUDA error leaves a context of no more use.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        return "OOM"
    text = str(error)
    if isinstance(error, MemoryError) or "ALLOC_FAILED" in text or "can't allocate memory" in text:
        return "OOM"
    if "CUDA error" in text or "CUBLAS_STATUS" in text or "CUDNN_STATUS" in text:
        return "OOM" if "out of memory" in text or "NOT_INITIALIZED" in text else "CUDA_FATAL"
    return "INTERNAL"


def runner_error_of(error: Exception) -> RunnerError:
    """What a call that raised ends with: a new error, which holds none of the frames that hold tensors.

    Of what a library says only its kind is told: the rest may quote a prompt.
    """
    if isinstance(error, RunnerError):
        return RunnerError(error.code, error.message)
    code = failure_of(error)
    return RunnerError(code, "out of memory" if code == "OOM" else type(error).__name__)
