"""The official client of RunPod, as PyPI has it. Its base address is an environment variable, read as it is imported."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from fronts import Receiver
from rows import DEMO_KEY, URL, refused, row, run, tenant_with, until

os.environ["RUNPOD_ENDPOINT_BASE_URL"] = f"{URL}/runpod/v2"

import aiohttp
import requests
import runpod

runpod.api_key = DEMO_KEY

WORDS = "one two three four"
ANSWER = f"You said: {WORDS}"
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": WORDS}]}
PICTURE: dict[str, Any] = {"prompt": "a red ring", "size": 256, "seed": 7}
SLOW: dict[str, Any] = {"prompt": "a lighthouse", "steps": 40, "step_ms": 500}

chat = runpod.Endpoint("fake-chat")
fake = runpod.Endpoint("fake")


def ended(job: Any) -> str:
    return until(lambda: status if (status := job.status()) not in ("IN_QUEUE", "IN_PROGRESS") else None)


@row("Endpoint.run_sync", "a text, at once")
def _() -> None:
    [output] = chat.run_sync(CHAT, timeout=60)
    assert (output["type"], output["text"], output["finish_reason"]) == ("text", ANSWER, "stop")


@row("Endpoint.run_sync", "also of a request that says what is its input")
def _() -> None:
    [output] = runpod.Endpoint("pilotlight-shapes").run_sync({"input": PICTURE}, timeout=60)
    assert (output["type"], output["width"], output["height"]) == ("image", 256, 256)


@row("Endpoint.run, Job.status, Job.output", "from the line to the result")
def _() -> None:
    job = chat.run(CHAT)
    assert job.status() in ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")
    assert job.output(timeout=60)[0]["text"] == ANSWER
    assert job.status() == "COMPLETED"


@row("Endpoint.run, policy", "executionTimeout stops it")
def _() -> None:
    job = fake.run({"input": SLOW, "policy": {"executionTimeout": 5_000, "ttl": 60_000}})
    assert ended(job) == "TIMED_OUT"


@row("Endpoint.run, webhook", "is sent the answer of status")
def _() -> None:
    receiver = Receiver()
    job = chat.run({"input": CHAT, "webhook": receiver.url})
    [(_, body)] = until(lambda: receiver.seen or None)
    receiver.close()
    told = json.loads(body)
    assert (told["id"], told["status"], told["output"][0]["text"]) == (job.job_id, "COMPLETED", ANSWER)


@row("Job.stream", "text in pieces, while it is written, each once")
def _() -> None:
    pieces = list(chat.run({**CHAT, "step_ms": 400}).stream())
    assert "".join(pieces) == ANSWER and len(pieces) > 1


@row("Job.stream", "pictures, once they are there")
def _() -> None:
    files = list(runpod.Endpoint("pilotlight-shapes").run({**PICTURE, "n": 2}).stream())
    assert [file["type"] for file in files] == ["image", "image"]


@row("Job.cancel", "one that runs")
def _() -> None:
    job = fake.run(SLOW)
    until(lambda: True if job.status() == "IN_PROGRESS" else None)
    assert job.cancel()["status"] == "CANCELLED"
    assert ended(job) == "CANCELLED"


@row("Endpoint.health", "counts jobs and workers")
def _() -> None:
    own = runpod.Endpoint("fake-chat", api_key=tenant_with("py-counts", {}))
    own.run_sync(CHAT, timeout=60)
    health = own.health()
    assert health["jobs"] == {"completed": 1, "failed": 0, "inProgress": 0, "inQueue": 0, "retried": 0}
    assert health["workers"]["ready"] == 1


@row("Endpoint.purge_queue", "cancels what waits, and not what runs")
def _() -> None:
    own = runpod.Endpoint("fake", api_key=tenant_with("py-purges", {"running_jobs_max": 1}))
    jobs = [own.run(SLOW) for _ in range(3)]
    until(lambda: True if "IN_PROGRESS" in [job.status() for job in jobs] else None)
    assert own.purge_queue() == {"removed": 2, "status": "completed"}
    assert sorted(job.status() for job in jobs) == ["CANCELLED", "CANCELLED", "IN_PROGRESS"]
    for job in jobs:
        job.cancel()


@row("AsyncioEndpoint", "run, status, output, stream, cancel, health")
def _() -> None:
    async def talk() -> tuple[Any, list[str], str]:
        async with aiohttp.ClientSession() as session:
            away = runpod.AsyncioEndpoint("fake-chat", session)
            job = await away.run(CHAT)
            output = await job.output(timeout=60)
            pieces = [piece async for piece in (await away.run({**CHAT, "step_ms": 400})).stream()]
            slow = await runpod.AsyncioEndpoint("fake", session).run(SLOW)
            canceled = await slow.cancel()
            assert (await away.health())["workers"]["ready"] == 1
            return output, pieces, canceled["status"]

    output, pieces, canceled = asyncio.run(talk())
    assert output[0]["text"] == "".join(pieces) == ANSWER
    assert canceled == "CANCELLED"


@row("RuntimeError", "a key that is none")
def _() -> None:
    refused(RuntimeError, lambda: runpod.Endpoint("fake", api_key="rpa_none").run(SLOW))


@row("HTTPError 400", "names the field at fault")
def _() -> None:
    error = refused(requests.HTTPError, lambda: fake.run({"prompt": "x", "steps": "many"}))
    assert (error.response.status_code, error.response.json()["error"]["param"]) == (400, "input.steps")


@row("HTTPError 404", "an endpoint that is no model")
def _() -> None:
    error = refused(requests.HTTPError, lambda: runpod.Endpoint("nobody").run(SLOW))
    assert (error.response.status_code, error.response.json()["error"]["code"]) == (404, "model_not_found")


@row("HTTPError 429", "says when to come back; the client does not send a job again by itself")
def _() -> None:
    own = runpod.Endpoint("fake-chat", api_key=tenant_with("py-runs-once", {"requests_per_day": 1}))
    own.run_sync(CHAT, timeout=60)
    error = refused(requests.HTTPError, lambda: own.run(CHAT))
    assert error.response.status_code == 429 and int(error.response.headers["retry-after"]) > 0


@row("TimeoutError", "a wait that is given up leaves its job alone")
def _() -> None:
    job = fake.run(SLOW)
    refused(TimeoutError, lambda: job.output(timeout=2))
    assert job.status() in ("IN_QUEUE", "IN_PROGRESS")
    job.cancel()


if __name__ == "__main__":
    run("runpod (PyPI)", runpod.__version__)
