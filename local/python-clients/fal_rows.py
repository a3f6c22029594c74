"""
The official client of fal, as PyPI has it. Its hosts are environment variables, read as it is imported; it speaks https
alone, so that a front stands before the platform.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import httpx_sse
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fronts import Faltering, Receiver, open_tls_front
from rows import (
    DEMO_KEY,
    ENDED,
    URL,
    ask,
    newest_job,
    refused,
    row,
    run,
    tenant_with,
    until,
)

STACK_PORT = urlsplit(URL).port or 80
_folder = tempfile.TemporaryDirectory()
front, _certificate = open_tls_front(STACK_PORT, Path(_folder.name))
os.environ["FAL_RUN_HOST"] = f"127.0.0.1:{front.port}/fal/run"
os.environ["FAL_QUEUE_RUN_HOST"] = f"127.0.0.1:{front.port}/fal/queue"
os.environ["SSL_CERT_FILE"] = str(_certificate)

# Not above: it reads them as it is imported.
import fal_client
from fal_client import (
    AsyncClient,
    Completed,
    FalClientHTTPError,
    FalClientTimeoutError,
    InProgress,
    Queued,
    SyncClient,
)

SHAPES = "pilotlight/pilotlight-shapes"
PICTURE: dict[str, Any] = {"prompt": "a red ring above a blue square", "size": 256, "seed": 7}
CHAT = "pilotlight/fake-chat"
WORDS = "one two three four"
ANSWER = f"You said: {WORDS}"
# Takes about a minute.
SLOW: dict[str, Any] = {"prompt": "word " * 200, "max_tokens": 200, "step_ms": 300}

client = SyncClient(key=DEMO_KEY)


def content_type_of(link: str) -> str:
    """Of a file whose link needs no key."""
    with httpx.stream("GET", link) as file:
        assert file.status_code == 200
        return file.headers["content-type"]


def runs(job: dict[str, Any]) -> bool:
    return job["status"] == "running"


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in ENDED


@row("run", "waits for its pictures, and says their seed and size")
def _() -> None:
    result = client.run(SHAPES, PICTURE)
    [picture] = result["images"]
    assert (picture["content_type"], picture["width"], picture["height"]) == ("image/png", 256, 256)
    assert result["seed"] == 7 and result["timings"]["inference"] >= 0
    assert content_type_of(picture["url"]) == "image/png"


@row("run", "a text, by a prompt or by messages")
def _() -> None:
    by_prompt = client.run(CHAT, {"prompt": WORDS, "system_prompt": "be brief"})
    by_messages = client.run(CHAT, {"messages": [{"role": "user", "content": WORDS}]})
    assert (by_prompt["output"], by_prompt["partial"], by_messages["output"]) == (ANSWER, False, ANSWER)


@row("run, timeout with start_timeout", "hangs up, which cancels the request, and sends it once")
def _() -> None:
    key = tenant_with("py-fal-hangs-up", {})
    refused(httpx.ReadTimeout, lambda: SyncClient(key=key).run(CHAT, SLOW, timeout=2, start_timeout=30))
    assert newest_job(key, has_ended)["status"] == "canceled"
    assert len(ask("GET", "/v1/jobs", key)["data"]) == 1


@row("run", "throws the reason of a request that failed, and sends it once")
def _() -> None:
    key = tenant_with("py-fal-fails", {})
    failing = {"prompt": WORDS, "fault": "error"}
    error = refused(FalClientHTTPError, lambda: SyncClient(key=key).run(CHAT, failing))
    assert (error.status_code, str(error)) == (500, "The model failed on this input.")
    assert len(ask("GET", "/v1/jobs", key)["data"]) == 1


@row("submit, iter_events, get", "from the queue to the result")
def _() -> None:
    handle = client.submit(CHAT, {"prompt": WORDS, "step_ms": 200})
    events = list(handle.iter_events())
    assert any(isinstance(event, InProgress) for event in events)
    assert isinstance(events[-1], Completed) and events[-1].metrics["inference_time"] > 0
    assert handle.get()["output"] == ANSWER
    assert handle.status_url == f"https://127.0.0.1:{front.port}/fal/queue/{CHAT}/requests/{handle.request_id}/status"


@row("status", "the place in the line")
def _() -> None:
    own = SyncClient(key=tenant_with("py-fal-waits", {"running_jobs_max": 1}))
    first = own.submit(CHAT, SLOW)
    until(lambda: True if isinstance(first.status(), InProgress) else None)
    second = own.submit(CHAT, {"prompt": WORDS})
    status = own.status(CHAT, second.request_id)
    assert isinstance(status, Queued) and status.position >= 0
    second.cancel()
    first.cancel()


@row("status, with_logs", "the progress")
def _() -> None:
    handle = client.submit("pilotlight/fake", {"prompt": WORDS, "steps": 20, "step_ms": 100})
    said = [event.logs[0]["message"] for event in handle.iter_events(with_logs=True) if getattr(event, "logs", None)]
    assert said and all("%|" in line and line.endswith("/20") for line in said)


@row("submit, priority", "low is the class batch, normal what the plan says")
def _() -> None:
    key = tenant_with("py-fal-priority", {})
    for priority, expected in (("low", "batch"), ("normal", "interactive")):
        SyncClient(key=key).submit(CHAT, {"prompt": WORDS}, priority=priority)
        assert newest_job(key, lambda job, expected=expected: job["class"] == expected)


@row("cancel", "a request that runs, and again without an error")
def _() -> None:
    key = tenant_with("py-fal-cancels", {})
    own = SyncClient(key=key)
    handle = own.submit(CHAT, SLOW)
    newest_job(key, runs)
    own.cancel(CHAT, handle.request_id)
    assert newest_job(key, has_ended)["status"] == "canceled"
    handle.cancel()
    assert isinstance(handle.status(), Completed)
    assert str(refused(FalClientHTTPError, handle.get)) == "The job was canceled."


@row("result", "again and again, with links that are new each time")
def _() -> None:
    request_id = client.submit(SHAPES, PICTURE).request_id
    for _ in range(2):
        [picture] = client.result(SHAPES, request_id)["images"]
        assert content_type_of(picture["url"]) == "image/png"


@row("start_timeout", "a request that could not start in time is thrown as the user's own limit")
def _() -> None:
    key = tenant_with("py-fal-expires", {"running_jobs_max": 1})
    own = SyncClient(key=key)
    first = own.submit(CHAT, SLOW)
    newest_job(key, runs)
    late = own.submit(CHAT, {"prompt": WORDS}, start_timeout=1.5)
    error = refused(FalClientHTTPError, late.get)
    first.cancel()
    assert (error.status_code, error.response_headers["x-fal-request-timeout-type"]) == (504, "user")
    assert str(error) == "The job did not start before its deadline."


@row("subscribe", "polls, tells how the request stands, and has its result")
def _() -> None:
    enqueued: list[str] = []
    seen: list[fal_client.Status] = []
    asked = {"prompt": WORDS, "step_ms": 200}
    result = client.subscribe(CHAT, asked, on_enqueue=enqueued.append, on_queue_update=seen.append)
    assert result["output"] == ANSWER and enqueued[0].startswith("job_")
    assert any(isinstance(status, InProgress) for status in seen) and isinstance(seen[-1], Completed)


@row("subscribe, client_timeout", "cancels what takes too long")
def _() -> None:
    key = tenant_with("py-fal-no-time", {})
    error = refused(FalClientTimeoutError, lambda: SyncClient(key=key).subscribe(CHAT, SLOW, client_timeout=3))
    job = newest_job(key, has_ended)
    assert (job["id"], job["status"]) == (error.request_id, "canceled")


@row("stream", "the text so far whenever there is more of it, and the result")
def _() -> None:
    events = list(client.stream(CHAT, {"prompt": WORDS, "step_ms": 250}))
    assert len(events) > 2 and all(ANSWER.startswith(event["output"]) for event in events)
    assert (events[-1]["output"], events[-1]["partial"]) == (ANSWER, False)


@row("stream", "pictures at once")
def _() -> None:
    [result] = client.stream(SHAPES, PICTURE)
    assert (result["images"][0]["width"], result["seed"]) == (256, 7)


@row("stream", "the reason of a request that failed is its last event; the client throws none")
def _() -> None:
    [*_, last] = client.stream(CHAT, {"prompt": WORDS, "fault": "error"})
    assert "The model failed on this input." in json.dumps(last["error"])


@row("stream", "what was refused has the client say that it is no stream, and not why")
def _() -> None:
    refused(httpx_sse.SSEError, lambda: list(client.stream(SHAPES, {"size": 3})))


@row("stream, left early", "cancels the request")
def _() -> None:
    key = tenant_with("py-fal-leaves", {})
    reading = SyncClient(key=key).stream(CHAT, SLOW)
    next(reading)
    reading.close()
    assert newest_job(key, has_ended)["status"] == "canceled"


@row("AsyncClient", "run, submit, subscribe, stream, cancel")
def _() -> None:
    async def talk() -> tuple[list[str], Any]:
        own = AsyncClient(key=DEMO_KEY)
        asked = {"prompt": WORDS}
        outputs = [(await own.run(CHAT, asked))["output"], (await own.subscribe(CHAT, asked))["output"]]
        outputs += [event["output"] async for event in own.stream(CHAT, asked)][-1:]
        handle = await own.submit(CHAT, asked)
        outputs.append((await handle.get())["output"])
        slow = await own.submit(CHAT, SLOW)
        await own.cancel(CHAT, slow.request_id)
        return outputs, await slow.status()

    outputs, status = asyncio.run(talk())
    assert outputs == [ANSWER] * 4 and isinstance(status, Completed)


@row("AsyncClient.run, canceled", "a task that is canceled hangs up, which cancels the request")
def _() -> None:
    key = tenant_with("py-fal-gives-up", {})

    async def give_up() -> None:
        await asyncio.wait_for(AsyncClient(key=key).run(CHAT, SLOW), timeout=2)

    refused(TimeoutError, lambda: asyncio.run(give_up()))
    assert newest_job(key, has_ended)["status"] == "canceled"


def is_genuine(headers: dict[str, str], body: str, tenant_id: str) -> bool:
    """As the original's documentation has receivers do it."""
    told = [headers[f"x-fal-webhook-{name}"] for name in ("request-id", "user-id", "timestamp")]
    signed = "\n".join([*told, hashlib.sha256(body.encode()).hexdigest()]).encode()
    signature = bytes.fromhex(headers["x-fal-webhook-signature"])
    with urllib.request.urlopen(f"{URL}/fal/keys/{tenant_id}/jwks.json") as answer:
        keys = json.load(answer)["keys"]
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(_bytes_of(key["x"])).verify(signature, signed)
            return True
        except InvalidSignature:
            continue
    return False


def _bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@row("webhook_url", "the result, signed with a key of the tenant's JWK set")
def _() -> None:
    receiver = Receiver()
    own = SyncClient(key=tenant_with("py-fal-told", {}))
    handle = own.submit(SHAPES, PICTURE, webhook_url=receiver.url)
    [(headers, body)] = until(lambda: receiver.seen or None)
    receiver.close()
    told = json.loads(body)
    assert (told["request_id"], told["status"], told["payload"]["seed"]) == (handle.request_id, "OK", 7)
    assert content_type_of(told["payload"]["images"][0]["url"]) == "image/png"
    assert is_genuine(headers, body, "py-fal-told")
    assert not is_genuine(headers, body + " ", "py-fal-told")


@row("webhook_url", "the reason of a request that failed")
def _() -> None:
    receiver = Receiver()
    client.submit(CHAT, {"prompt": WORDS, "fault": "error"}, webhook_url=receiver.url)
    [(_, body)] = until(lambda: receiver.seen or None)
    receiver.close()
    told = json.loads(body)
    assert (told["status"], told["payload"]) == ("ERROR", {"detail": "The model failed on this input."})


@row("FalClientHTTPError 401", "a key that is none")
def _() -> None:
    error = refused(FalClientHTTPError, lambda: SyncClient(key="none:none").run(CHAT, {"prompt": WORDS}))
    assert error.status_code == 401 and isinstance(error.message, str)


@row("FalClientHTTPError 422", "input that is not valid, field by field")
def _() -> None:
    error = refused(FalClientHTTPError, lambda: client.submit(SHAPES, {"size": 3}))
    assert error.status_code == 422
    by_field = {field["loc"][-1]: field for field in error.message}
    assert by_field["prompt"] == {"loc": ["body", "prompt"], "msg": "is required", "type": "missing"}
    assert "size" in by_field


@row("FalClientHTTPError 404", "a model and a request that are not there")
def _() -> None:
    request_id = "80e732af-660e-45cd-bd63-580e4f2a94cc"
    for call in (
        lambda: client.run("fal-ai/flux", {"prompt": WORDS}),
        lambda: client.status(CHAT, request_id),
    ):
        assert refused(FalClientHTTPError, call).status_code == 404


@row("encode", "a picture as a data URL, in place of files to upload")
def _() -> None:
    with httpx.stream("GET", client.run(SHAPES, PICTURE)["images"][0]["url"]) as file:
        link = fal_client.encode(file.read(), "image/png")
    assert client.run(CHAT, {"prompt": WORDS, "image": link})["output"].startswith("You said: ")


@row("retries on 429", "waits longer each time, and gets its answer")
def _() -> None:
    key = tenant_with("py-fal-one-at-a-time", {"open_jobs_max": 1})
    own = SyncClient(key=key)
    first = own.submit(CHAT, {"prompt": WORDS, "step_ms": 400})
    error = refused(urllib.error.HTTPError, lambda: ask("POST", f"/fal/run/{CHAT}", key, {"prompt": WORDS}))
    assert error.code == 429
    assert own.run(CHAT, {"prompt": WORDS})["output"] == ANSWER
    assert isinstance(first.status(), Completed)


@row("FalClientHTTPError 503", "thrown at once: the client sends again only what nginx of the original answered")
def _() -> None:
    away = Faltering(1, b'{"detail":"away","message":"away"}')
    front.target_port = away.port
    own = SyncClient(key=DEMO_KEY)
    error = refused(FalClientHTTPError, lambda: own.subscribe(CHAT, {"prompt": WORDS}))
    front.target_port = STACK_PORT
    away.close()
    assert (error.status_code, error.response_headers["retry-after"]) == (503, "1")
    assert (str(error), len(away.asked_at_s)) == ("away", 1)


if __name__ == "__main__":
    run("fal-client (PyPI)", fal_client.__version__)
