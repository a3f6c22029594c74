"""Runs models on a device for a worker that speaks the runner protocol (`gpu-container/protocol`)."""
