"""A model that takes `step_ms * (0.7 + 0.3 * items)` a call, as the fake engine does, batched by LitServe.

Usage: toy_litserve.py PORT STEP_MS
"""

from __future__ import annotations

import sys
import time

import litserve

FIXED_SHARE = 0.7


class Api(litserve.LitAPI):
    """Calls of eight items at most, filled for as long as a worker's window."""

    def __init__(self, step_ms: float) -> None:
        super().__init__(max_batch_size=8, batch_timeout=0.025)
        self.step_ms = step_ms

    def setup(self, device: str) -> None: ...

    def predict(self, items: list[object]) -> list[object]:
        time.sleep(self.step_ms * (FIXED_SHARE + (1 - FIXED_SHARE) * len(items)) / 1000)
        return items


if __name__ == "__main__":
    port, step_ms = sys.argv[1:]
    server = litserve.LitServer(Api(float(step_ms)), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(port), log_level="error", generate_client_file=False)
