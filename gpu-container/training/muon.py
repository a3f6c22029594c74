"""Muon: momentum whose update is orthogonalized, for matrices and convolution kernels.

After Keller Jordan, "Muon: an optimizer for hidden layers" (kellerjordan.github.io/posts/muon): five
Newton-Schulz steps with his quintic coefficients, in bfloat16 unless told otherwise. Kernels count as
(out, in * height * width).
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with orthogonalized updates; `lr` is the root mean square of a square matrix's step.

    `dtype` is that of the Newton-Schulz steps: where hardware has no bfloat16, float32 is several times as fast.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        dtype: torch.dtype = torch.bfloat16,
    ) -> None:
        self.dtype = dtype
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                average = state["momentum"].lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(average, group["momentum"]).flatten(1)
                update = _orthogonalize(ahead, self.dtype) * max(1.0, ahead.shape[0] / ahead.shape[1]) ** 0.5
                parameter.add_(update.view_as(parameter), alpha=-group["lr"])


def _orthogonalize(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).contiguous().to(dtype)
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if tall else x).to(matrix.dtype)
