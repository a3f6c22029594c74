"""A model that takes `step_ms * (0.7 + 0.3 * items)` a call, as the fake engine does, batched by Ray Serve.

Usage: toy_ray_serve.py PORT STEP_MS
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time

# It counts who uses it, unless told not to.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray import serve
from starlette.requests import Request

PORT, STEP_MS = sys.argv[1:]
FIXED_SHARE = 0.7


@serve.deployment(num_replicas=1, max_ongoing_requests=64)
class Toy:
    """Calls of eight items at most, filled for as long as a worker's window."""

    def __init__(self, step_ms: float) -> None:
        self.step_ms = step_ms

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.025)
    async def predict(self, items: list[object]) -> list[object]:
        time.sleep(self.step_ms * (FIXED_SHARE + (1 - FIXED_SHARE) * len(items)) / 1000)
        return items

    async def __call__(self, request: Request) -> object:
        if request.method == "GET":
            return "ok"
        return await self.predict(await request.json())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as session:
        ray.init(include_dashboard=False, num_cpus=1, logging_level="ERROR", log_to_driver=False, _temp_dir=session)
        serve.start(http_options={"host": "127.0.0.1", "port": int(PORT)})
        serve.run(Toy.bind(float(STEP_MS)))
        signal.sigwait([signal.SIGTERM, signal.SIGINT])
        serve.shutdown()
        ray.shutdown()
