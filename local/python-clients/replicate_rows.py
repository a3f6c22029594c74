"""The official client of Replicate, as PyPI has it. Its `base_url` is without the `/v1` that it puts before each path."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
import urllib.request
from importlib.metadata import version as version_installed
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import httpx
import replicate
from fronts import Faltering, Receiver, open_tls_front
from replicate.exceptions import ModelError, ReplicateError
from replicate.pagination import async_paginate, paginate
from replicate.webhook import InvalidSignatureError
from rows import DEMO_KEY, ENDED, URL, newest_job, refused, row, run, tenant_with, until

SHAPES = "pilotlight/pilotlight-shapes"
PICTURE: dict[str, Any] = {"prompt": "a red ring above a blue square", "size": 256, "seed": 7}
CHAT = "pilotlight/fake-chat"
WORDS = "one two three four"
ANSWER = f"You said: {WORDS}"
# Takes about a minute.
SLOW: dict[str, Any] = {"prompt": "word " * 200, "max_tokens": 200, "step_ms": 300}


def client_of(key: str, base_url: str = URL) -> replicate.Client:
    return replicate.Client(api_token=key, base_url=f"{base_url}/replicate")


client = client_of(DEMO_KEY)
client.poll_interval = 0.1


def content_type_of(link: str) -> str:
    """Of a file whose link needs no key."""
    with urllib.request.urlopen(link) as file:
        return file.headers["content-type"]


def version_of(name: str) -> str:
    return client.models.get("pilotlight", name).latest_version.id


def runs(job: dict[str, Any]) -> bool:
    return job["status"] == "running"


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in ENDED


@row("run", "waits for its answer: links to pictures, good without a key")
def _() -> None:
    [link] = client.run(SHAPES, input=PICTURE)
    assert content_type_of(link) == "image/png"


@row("run, FileOutput", "sends the key to this API and to nobody else, and reads the file where redirects are followed")
def _() -> None:
    asked: list[tuple[str, bool]] = []

    def note(request: httpx.Request) -> None:
        asked.append((request.url.path, "authorization" in request.headers))

    with tempfile.TemporaryDirectory() as folder:
        front, certificate = open_tls_front(urlsplit(URL).port or 80, Path(folder))
        trusted = {"SSL_CERT_FILE": str(certificate)}
        with patch.dict(os.environ, trusted):
            url, hooks = f"https://127.0.0.1:{front.port}/replicate", {"request": [note]}
            plain = replicate.Client(api_token=DEMO_KEY, base_url=url, event_hooks=hooks)
            [unread] = plain.run(SHAPES, input=PICTURE)
            refused(httpx.HTTPStatusError, unread.read)
            following = replicate.Client(api_token=DEMO_KEY, base_url=url, event_hooks=hooks, follow_redirects=True)
            [file] = following.run(SHAPES, input=PICTURE)
            assert file.read().startswith(b"\x89PNG")
    assert any(not path.startswith("/replicate/v1/") for path, _ in asked)
    assert all(has_key == path.startswith("/replicate/v1/") for path, has_key in asked)


@row("run", "owner/name:version, and a text as a list that joins")
def _() -> None:
    output = client.run(f"{CHAT}:{version_of('fake-chat')}", input={"prompt": WORDS, "system_prompt": "be brief"})
    assert "".join(output) == ANSWER


@row("run, wait=False", "polls to the end")
def _() -> None:
    assert client.run(CHAT, input={"prompt": WORDS}, wait=False) == [ANSWER]


@row("run, wait=1", "goes on by polling where the answer takes longer, and loses nothing")
def _() -> None:
    assert client.run(CHAT, input={"prompt": WORDS, "step_ms": 400}, wait=1) == [ANSWER]


@row("run", "throws the reason of a prediction that failed")
def _() -> None:
    error = refused(ModelError, lambda: client.run(CHAT, input={"prompt": WORDS, "fault": "error"}))
    assert str(error) == "The model failed on this input."
    assert error.prediction.status == "failed"


@row("async_run, async_stream, predictions.async_create, async_paginate", "as the others, with await")
def _() -> None:
    own = client_of(tenant_with("py-awaits", {}))

    async def talk() -> tuple[Any, str, str, int]:
        output = await own.async_run(CHAT, input={"prompt": WORDS})
        said = [str(event) async for event in await own.async_stream(CHAT, input={"prompt": WORDS})]
        prediction = await own.predictions.async_create(version=version_of("fake-chat"), input=SLOW)
        await prediction.async_cancel()
        await prediction.async_wait()
        pages = [page async for page in async_paginate(own.predictions.async_list)]
        return output, "".join(said), prediction.status, sum(len(page) for page in pages)

    assert asyncio.run(talk()) == ([ANSWER], ANSWER, "canceled", 3)


@row("predictions.create, get, Prediction.wait", "by version, from start to end")
def _() -> None:
    version = version_of("pilotlight-shapes")
    created = client.predictions.create(version=version, input=PICTURE)
    assert (created.status, created.version, created.model, created.output) == ("starting", version, SHAPES, None)
    created.wait()
    assert (created.status, created.error, len(created.output)) == ("succeeded", None, 1)
    assert created.metrics["predict_time"] > 0
    got = client.predictions.get(created.id)
    assert (got.id, got.status, got.input) == (created.id, "succeeded", created.input)


@row("predictions.create, wait", "answers when the prediction has ended")
def _() -> None:
    ended = client.predictions.create(version=version_of("fake-chat"), input={"prompt": WORDS}, wait=30)
    assert (ended.status, ended.output) == ("succeeded", [ANSWER])


@row("models.predictions.create, wait", "by model; messages as the model itself takes them")
def _() -> None:
    messages = [{"role": "user", "content": WORDS}]
    assert client.models.predictions.create(CHAT, input={"messages": messages}, wait=True).output == [ANSWER]


@row("predictions.create, model", "the client drops wait there: it is polled to the end")
def _() -> None:
    created = client.predictions.create(model=CHAT, input={"prompt": WORDS, "step_ms": 100}, wait=True)
    assert created.status == "starting"
    created.wait()
    assert created.output == [ANSWER]


@row("Prediction.cancel", "a prediction that runs")
def _() -> None:
    key = tenant_with("py-repl-cancels", {})
    prediction = client_of(key).models.predictions.create(CHAT, input=SLOW)
    newest_job(key, runs)
    prediction.cancel()
    prediction.wait()
    assert (prediction.status, newest_job(key, has_ended)["status"]) == ("canceled", "canceled")


@row("predictions.list, paginate", "newest first, page by page, to the last")
def _() -> None:
    own = client_of(tenant_with("py-repl-lists", {"requests_per_second": 1_000}))
    asked = {"prompt": WORDS, "steps": 1}
    made = [own.models.predictions.create("pilotlight/fake", input=asked).id for _ in range(101)]
    pages = [[prediction.id for prediction in page] for page in paginate(own.predictions.list)]
    assert [len(page) for page in pages] == [100, 1]
    assert pages[0] + pages[1] == made[::-1]


@row("Prediction.progress", "the progress of a prediction")
def _() -> None:
    asked = {"prompt": WORDS, "steps": 20, "step_ms": 100}
    prediction = client.models.predictions.create("pilotlight/fake", input=asked)

    def look() -> Any:
        prediction.reload()
        return prediction.progress

    progress = until(look)
    assert (progress.total, progress.percentage) == (20, progress.current / 20)


@row("models.get, models.list", "what there is, with the schema of its input")
def _() -> None:
    model = client.models.get(SHAPES)
    assert (model.owner, model.name) == ("pilotlight", "pilotlight-shapes")
    schemas = model.latest_version.openapi_schema["components"]["schemas"]
    assert "prompt" in schemas["Input"]["properties"] and schemas["Output"]["type"] == "array"
    names = {model.name for page in paginate(client.models.list) for model in page}
    assert {"pilotlight-shapes", "fake-chat"} <= names


@row("Model.versions.get, list", "the one version, which runs by itself too")
def _() -> None:
    model = client.models.get(CHAT)
    version = model.versions.get(model.latest_version.id)
    assert [each.id for each in model.versions.list()] == [version.id] == [model.latest_version.id]
    assert list(client.run(version, input={"prompt": WORDS})) == [ANSWER]


@row("deployments.predictions.create", "by the name of a model")
def _() -> None:
    ended = client.deployments.predictions.create(CHAT, input={"prompt": WORDS}, wait=True)
    assert ended.output == [ANSWER]


@row("stream", "text in pieces while it is written")
def _() -> None:
    events = list(client.stream(CHAT, input={"prompt": WORDS, "step_ms": 250}))
    pieces = [event.data for event in events if event.event.value == "output"]
    assert "".join(pieces) == ANSWER and len(pieces) > 2
    assert (events[-1].event.value, events[-1].data) == ("done", "{}")


@row("Prediction.stream", "of a prediction that was made before, with the line breaks of its text")
def _() -> None:
    lines = "one\n two\n\nthree\n"
    prediction = client.models.predictions.create(CHAT, input={"prompt": lines}, stream=True)
    said = "".join(str(event) for event in prediction.stream())
    prediction.wait()
    assert [said] == prediction.output and "\n" in said


@row("stream", "a link to a picture")
def _() -> None:
    events = list(client.stream(SHAPES, input=PICTURE))
    [link] = [event.data for event in events if event.event.value == "output"]
    assert content_type_of(link) == "image/png"


@row("stream", "throws the reason of a prediction that fails")
def _() -> None:
    failing = client.stream(CHAT, input={"prompt": WORDS, "fault": "error"})
    assert "The model failed on this input." in str(refused(RuntimeError, lambda: list(failing)))


@row("stream, left early", "leaves the prediction alone, as the original")
def _() -> None:
    key = tenant_with("py-repl-leaves", {})
    reading = client_of(key).stream(CHAT, input={"prompt": WORDS, "step_ms": 250})
    next(reading)
    reading.close()
    assert newest_job(key, has_ended)["status"] == "succeeded"


@row("webhooks.default.secret, Webhooks.validate", "start and completed, signed as its own validator reads it")
def _() -> None:
    receiver = Receiver()
    own = client_of(tenant_with("py-repl-told", {}))
    events = ["start", "completed"]
    created = own.models.predictions.create(SHAPES, PICTURE, webhook=receiver.url, webhook_events_filter=events)
    until(lambda: True if len(receiver.seen) == 2 else None)
    receiver.close()
    secret = own.webhooks.default.secret()
    for headers, body in receiver.seen:
        own.webhooks.validate(headers=headers, body=body, secret=secret, tolerance=60)
        spoilt = body + " "
        refused(
            InvalidSignatureError,
            lambda: own.webhooks.validate(headers=headers, body=spoilt, secret=secret),  # noqa: B023
        )
    told = [json.loads(body) for _, body in receiver.seen]
    assert [each["id"] for each in told] == [created.id] * 2
    # What is told of its start is how it stands by then.
    ended = [each for each in told if each["status"] == "succeeded"]
    assert content_type_of(ended[0]["output"][0]) == "image/png"


@row("webhook_events_filter", "without one, one message with the output")
def _() -> None:
    receiver = Receiver()
    client.run(CHAT, input={"prompt": WORDS}, webhook=receiver.url)
    [(_, body)] = until(lambda: receiver.seen or None)
    receiver.close()
    assert (json.loads(body)["status"], json.loads(body)["output"]) == ("succeeded", [ANSWER])


@row("ReplicateError 401", "a key that is none")
def _() -> None:
    error = refused(ReplicateError, lambda: client_of("r8_none").predictions.list())
    assert (error.status, error.title) == (401, "Unauthenticated")


@row("ReplicateError 422", "input that is not valid, field by field")
def _() -> None:
    error = refused(ReplicateError, lambda: client.run(SHAPES, input={"size": 3}))
    assert error.status == 422
    assert "- input.prompt is required\n" in error.detail and "- input.size " in error.detail


@row("ReplicateError 422", "a webhook to a private address")
def _() -> None:
    asked = {"prompt": WORDS}
    error = refused(ReplicateError, lambda: client.run(CHAT, input=asked, webhook="http://169.254.169.254/"))
    assert error.status == 422 and "webhook" in error.detail


@row("ReplicateError 404", "a model, a version and a prediction that are not there")
def _() -> None:
    for call in (
        lambda: client.run("meta/llama", input={"prompt": WORDS}),
        lambda: client.run(f"{CHAT}:{'0' * 64}", input={"prompt": WORDS}),
        lambda: client.predictions.get("gm3qorzdhgbfurvjtvhg6dckhu"),
    ):
        error = refused(ReplicateError, call)
        assert (error.status, error.title) == (404, "Not found")


@row("ReplicateError 404, file_encoding_strategy", "files to upload there are none of; base64 puts them into the input")
def _() -> None:
    [link] = client.run(SHAPES, input=PICTURE)
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        with urllib.request.urlopen(link) as picture:
            file.write(picture.read())
        file.seek(0)
        asked = {"prompt": WORDS, "image": file.file}
        assert refused(ReplicateError, lambda: client.run(CHAT, input=asked)).status == 404
        [said] = client.run(CHAT, input={**asked, "image": Path(file.name)}, file_encoding_strategy="base64")
    assert said.startswith("You said: ")


@row("ReplicateError 429", "thrown at once; the client sends no prediction again by itself")
def _() -> None:
    limited = client_of(tenant_with("py-repl-once", {"requests_per_day": 1}))
    limited.run(CHAT, input={"prompt": WORDS})
    start_s = time.monotonic()
    error = refused(ReplicateError, lambda: limited.run(CHAT, input={"prompt": WORDS}))
    assert (error.status, error.title) == (429, "Too many requests")
    assert time.monotonic() - start_s < 2


@row("retries on 503", "reads wait as Retry-After says and are answered; a prediction is not created twice")
def _() -> None:
    unavailable = b'{"title":"Internal server error","detail":"away","status":503}'
    faltering = Faltering(1, unavailable)
    assert len(client_of(DEMO_KEY, faltering.url).predictions.list()) > 0
    faltering.close()
    first_s, second_s = faltering.asked_at_s
    assert second_s - first_s >= 0.99
    down = Faltering(1, unavailable)
    error = refused(ReplicateError, lambda: client_of(DEMO_KEY, down.url).run(CHAT, input={"prompt": WORDS}))
    down.close()
    assert (error.status, error.detail, len(down.asked_at_s)) == (503, "away", 1)


@row("Prediction.wait", "a prediction that expired has failed, so that nobody waits for it for ever")
def _() -> None:
    key = tenant_with("py-repl-expires", {"running_jobs_max": 1})
    own = replicate.Client(api_token=key, base_url=f"{URL}/replicate", headers={"Cancel-After": "2s"})
    first = own.models.predictions.create(CHAT, input=SLOW)
    newest_job(key, runs)
    second = own.models.predictions.create(CHAT, input={"prompt": WORDS})
    second.wait()
    first.cancel()
    assert second.status == "failed" and "did not start before its deadline" in second.error


if __name__ == "__main__":
    run("replicate (PyPI)", version_installed("replicate"))
