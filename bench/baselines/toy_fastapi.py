"""A model that takes `step_ms` for a request, one request at a time, behind FastAPI: what a first server does.

Usage: toy_fastapi.py PORT STEP_MS
"""

from __future__ import annotations

import sys
import threading
import time

import uvicorn
from fastapi import FastAPI

PORT, STEP_MS = sys.argv[1:]
app = FastAPI()
has_model = threading.Lock()


@app.get("/health")
def health() -> str:
    return "ok"


@app.post("/predict")
def predict() -> dict[str, bool]:
    with has_model:
        time.sleep(float(STEP_MS) / 1000)
    return {"done": True}


uvicorn.run(app, host="127.0.0.1", port=int(PORT), log_level="error")
