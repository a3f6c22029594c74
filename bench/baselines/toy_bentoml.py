"""A model that takes `step_ms * (0.7 + 0.3 * items)` a call, as the fake engine does, batched by BentoML.

Usage: toy_bentoml.py PORT STEP_MS
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import bentoml

FIXED_SHARE = 0.7
STEP_MS = "TOY_STEP_MS"
"""Its workers are processes of their own, which import this file and see no arguments."""


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 64})
class Toy:
    """Calls of eight items at most. Its dispatcher learns how long to wait; a request may wait long before it is refused."""

    @bentoml.api(route="/predict", batchable=True, max_batch_size=8, max_latency_ms=60_000)
    def predict(self, items: list[int]) -> list[int]:
        time.sleep(float(os.environ[STEP_MS]) * (FIXED_SHARE + (1 - FIXED_SHARE) * len(items)) / 1000)
        return items


if __name__ == "__main__":
    port, os.environ[STEP_MS] = sys.argv[1:]
    # It counts who uses it, unless told not to.
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    target = f"{Path(__file__).stem}:Toy"
    folder = str(Path(__file__).parent)
    bentoml.serve(target, working_dir=folder, host="127.0.0.1", port=int(port), blocking=True)
