"""What an exception of a library means for the process. Most of it needs no torch."""

from __future__ import annotations

import pytest

from pilotlight_runtime.devices import failure_of

ADVICE = "\nCUDA kernel errors might be asynchronously reported at some other API call."


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (MemoryError(), "OOM"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."), "OOM"),
        # A context on a full card, and pinned memory: torch's allocator, whose error it would be, holds neither.
        (RuntimeError(f"CUDA error: out of memory{ADVICE}"), "OOM"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "OOM"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), "OOM"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"), "OOM"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "OOM"),
        (RuntimeError(f"CUDA error: an illegal memory access was encountered{ADVICE}"), "CUDA_FATAL"),
        (RuntimeError(f"CUDA error: device-side assert triggered{ADVICE}"), "CUDA_FATAL"),
        (RuntimeError(f"CUDA error: unspecified launch failure{ADVICE}"), "CUDA_FATAL"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(...)`"), "CUDA_FATAL"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "CUDA_FATAL"),
        (RuntimeError("the size of tensor a (2) must match the size of tensor b (3)"), "INTERNAL"),
        # What it says of memory is not what a card said.
        (ValueError("the prompt was: out of memory"), "INTERNAL"),
    ],
)
def test_a_shortage_of_memory_leaves_the_process_and_a_broken_context_ends_it(raised: Exception, code: str) -> None:
    assert failure_of(raised) == code


def test_the_error_of_torchs_own_allocator_is_a_shortage() -> None:
    torch = pytest.importorskip("torch", reason="the error is torch's own")

    assert failure_of(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")) == "OOM"
