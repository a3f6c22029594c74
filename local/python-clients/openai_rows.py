"""The official client of OpenAI, as PyPI has it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import urllib.request
from typing import Any

import openai
from fronts import Faltering
from openai import AsyncOpenAI, OpenAI
from rows import DEMO_KEY, ENDED, URL, newest_job, refused, row, run, tenant_with, until

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WORDS = "one two three four"
ANSWER = f"You said: {WORDS}"
CHAT: dict[str, Any] = {"model": "fake-chat", "messages": [{"role": "user", "content": WORDS}]}
# Takes about a minute; `step_ms` is a parameter of this model and not of OpenAI's.
SLOW_CHAT: dict[str, Any] = {
    "model": "fake-chat",
    "messages": [{"role": "user", "content": "word " * 200}],
    "max_tokens": 200,
    "extra_body": {"step_ms": 300},
}
PICTURE: dict[str, Any] = {"model": "pilotlight-shapes", "prompt": "a red ring above a blue square", "size": "256x256"}


def client_of(key: str, base_url: str = URL, max_retries: int = 0) -> OpenAI:
    return OpenAI(api_key=key, base_url=f"{base_url}/v1", max_retries=max_retries, timeout=60)


client = client_of(DEMO_KEY)


@row("models.list", "every model, page by page")
def _() -> None:
    ids = {model.id for model in client.models.list()}
    assert {"fake-chat", "pilotlight-shapes"} <= ids


@row("models.retrieve", "one model")
def _() -> None:
    model = client.models.retrieve("pilotlight-shapes")
    assert (model.id, model.object) == ("pilotlight-shapes", "model")


@row("chat.completions.create", "text, usage, how it ended, request id")
def _() -> None:
    got = client.chat.completions.create(**CHAT, seed=7, user="u-1", n=1)
    assert got.object == "chat.completion" and got.model == "fake-chat"
    [choice] = got.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", ANSWER, "stop")
    assert got.usage is not None
    assert (got.usage.prompt_tokens, got.usage.completion_tokens, got.usage.total_tokens) == (4, 6, 10)
    assert got.id.startswith("chatcmpl-") and (got._request_id or "").startswith("req_")


@row("chat.completions.create", "pictures: data URL, bare base64, parts without a type")
def _() -> None:
    ways = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"image": PNG},
    ]
    said = set()
    for way in ways:
        messages: Any = [{"role": "user", "content": [way, {"text": "what is this?"}]}]
        said.add(client.chat.completions.create(model="fake-chat", messages=messages).choices[0].message.content)
    [only] = said
    assert only is not None and only.startswith("You said: [picture ") and only.endswith("] what is this?")


@row("chat.completions.create", "stop, max_tokens, max_completion_tokens")
def _() -> None:
    stopped = client.chat.completions.create(**CHAT, stop=["three"]).choices[0]
    cut = client.chat.completions.create(**CHAT, max_tokens=4).choices[0]
    cut_too = client.chat.completions.create(**CHAT, max_completion_tokens=4).choices[0]
    assert (stopped.message.content, stopped.finish_reason) == ("You said: one two ", "stop")
    for each in (cut, cut_too):
        assert (each.message.content, each.finish_reason) == ("You said: one two ", "length")


@row("chat.completions.create", "answers sent back as messages")
def _() -> None:
    said = client.chat.completions.create(**CHAT).choices[0].message
    messages: Any = [*CHAT["messages"], said, {"role": "user", "content": "and again"}]
    second = client.chat.completions.create(model="fake-chat", messages=messages)
    assert second.choices[0].message.content == "You said: and again"
    assert second.usage is not None and second.usage.prompt_tokens == 12


@row("chat.completions.create, stream", "text in pieces, while it is written")
def _() -> None:
    pieces, ends = [], []
    for chunk in client.chat.completions.create(**CHAT, extra_body={"step_ms": 250}, stream=True):
        assert chunk.object == "chat.completion.chunk" and chunk.usage is None
        if chunk.choices[0].delta.content:
            pieces.append(chunk.choices[0].delta.content)
        ends.append(chunk.choices[0].finish_reason)
    assert "".join(pieces) == ANSWER and len(pieces) > 2
    assert [end for end in ends if end is not None] == ["stop"]


@row("chat.completions.create, stream", "usage at the end, by stream_options")
def _() -> None:
    stream = client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True})
    *before, last = [chunk.usage for chunk in stream]
    assert last is not None and last.total_tokens == 10
    assert set(before) == {None}


@row("chat.completions.stream", "the helper that gathers the pieces")
def _() -> None:
    with client.chat.completions.stream(**CHAT) as stream:
        final = stream.get_final_completion()
    assert (final.choices[0].message.content, final.choices[0].finish_reason) == (ANSWER, "stop")


@row("AsyncOpenAI", "a chat, and one in pieces")
def _() -> None:
    async def talk() -> tuple[str | None, str]:
        async with AsyncOpenAI(api_key=DEMO_KEY, base_url=f"{URL}/v1", max_retries=0) as away:
            whole = await away.chat.completions.create(**CHAT)
            stream = await away.chat.completions.create(**CHAT, stream=True)
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
        return whole.choices[0].message.content, "".join(pieces)

    assert asyncio.run(talk()) == (ANSWER, ANSWER)


@row("stream.close", "ends the stream and cancels the job")
def _() -> None:
    key = tenant_with("py-closes-a-stream", {})
    stream = client_of(key).chat.completions.create(**SLOW_CHAT, stream=True)
    next(chunk for chunk in stream if chunk.choices[0].delta.content)
    stream.close()
    assert newest_job(key, has_ended)["status"] == "canceled"


@row("timeout, task.cancel", "a call that is given up cancels its job")
def _() -> None:
    key = tenant_with("py-gives-up", {})
    refused(openai.APITimeoutError, lambda: client_of(key).chat.completions.create(**SLOW_CHAT, timeout=2))
    late = newest_job(key, has_ended)
    assert late["status"] == "canceled"

    async def give_up() -> None:
        async with AsyncOpenAI(api_key=key, base_url=f"{URL}/v1", max_retries=0) as away:
            call = asyncio.create_task(away.chat.completions.create(**SLOW_CHAT))
            await asyncio.to_thread(newest_job, key, lambda job: job["status"] == "running")
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    asyncio.run(give_up())
    given_up = newest_job(key, has_ended)
    assert given_up["status"] == "canceled" and given_up["id"] != late["id"]


@row("completions.create", "a prompt, usage")
def _() -> None:
    got = client.completions.create(model="fake-chat", prompt="once upon", max_tokens=50)
    assert got.object == "text_completion"
    assert (got.choices[0].text, got.choices[0].finish_reason) == ("You said: once upon", "stop")
    assert got.usage is not None and got.usage.total_tokens == 6


@row("completions.create, stream", "text in pieces")
def _() -> None:
    stream = client.completions.create(model="fake-chat", prompt="once upon", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "You said: once upon"


@row("images.generate", "b64_json; n, size, and seed by extra_body")
def _() -> None:
    asked: dict[str, Any] = {**PICTURE, "n": 2, "response_format": "b64_json", "extra_body": {"seed": 7}}
    first, again = client.images.generate(**asked).data, client.images.generate(**asked).data
    assert first is not None and len(first) == 2 and first == again
    for each in first:
        png = base64.b64decode(each.b64_json or "")
        sides = (int.from_bytes(png[16:20]), int.from_bytes(png[20:24]))
        assert png[1:4] == b"PNG" and sides == (256, 256)


@row("images.generate", "url, good without a key")
def _() -> None:
    [picture] = client.images.generate(**PICTURE).data or []
    with urllib.request.urlopen(picture.url or "", timeout=60) as file:
        assert (file.status, file.headers["content-type"]) == (200, "image/png")


def line_of(custom_id: str, content: str = WORDS, **more: object) -> str:
    body = {"model": "fake-chat", "messages": [{"role": "user", "content": content}], **more}
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line) + "\n"


def uploaded(*lines: str) -> openai.types.FileObject:
    return client.files.create(file=("lines.jsonl", "".join(lines).encode()), purpose="batch")


def batch_of(file_id: str) -> openai.types.Batch:
    return client.batches.create(
        input_file_id=file_id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"name": "nightly"},
    )


def ended_batch(batch_id: str) -> openai.types.Batch:
    def look() -> openai.types.Batch | None:
        batch = client.batches.retrieve(batch_id)
        return batch if batch.status in ("completed", "failed", "cancelled", "expired") else None

    return until(look)


@row("files.create, retrieve, content, delete", "a file of lines")
def _() -> None:
    file = uploaded(line_of("a"))
    assert (file.object, file.filename, file.bytes) == ("file", "lines.jsonl", len(line_of("a")))
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).text == line_of("a")
    assert client.files.delete(file.id).deleted
    refused(openai.NotFoundError, lambda: client.files.retrieve(file.id))


@row("files.list", "newest first, page by page")
def _() -> None:
    made = [uploaded(line_of(name)).id for name in ("a", "b", "c")]
    seen = [file.id for file in client.files.list(limit=2, purpose="batch")]
    assert seen[:3] == made[::-1]


@row("batches.create, retrieve", "an answer of every line, and the faults of a line by OpenAI’s names")
def _() -> None:
    file = uploaded(line_of("good"), line_of("bad", max_completion_tokens=100_000), "not a line\n")
    created = batch_of(file.id)
    assert (created.object, created.metadata) == ("batch", {"name": "nightly"})
    batch = ended_batch(created.id)
    assert batch.status == "completed" and batch.request_counts is not None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 1, 2)
    [line] = client.files.content(batch.output_file_id or "").text.splitlines()
    answer = json.loads(line)
    assert answer["custom_id"] == "good" and answer["response"]["status_code"] == 200
    assert answer["response"]["body"]["choices"][0]["message"]["content"] == ANSWER
    assert batch.errors is not None and batch.errors.data is not None
    assert [(each.line, each.param) for each in batch.errors.data] == [(2, "body.max_completion_tokens"), (3, None)]


@row("batches.list, cancel", "page by page; what has ended stays")
def _() -> None:
    slow = [line_of(f"slow-{count}", "word " * 50, max_tokens=50, step_ms=500) for count in range(4)]
    created = batch_of(uploaded(*slow).id)
    assert client.batches.cancel(created.id).status in ("cancelling", "cancelled")
    assert ended_batch(created.id).status == "cancelled"
    assert created.id in [batch.id for batch in client.batches.list(limit=1)]


@row("AuthenticationError", "a key that is none")
def _() -> None:
    error = refused(openai.AuthenticationError, lambda: client_of("sk-none").chat.completions.create(**CHAT))
    assert (error.status_code, error.code) == (401, "invalid_api_key")


@row("BadRequestError", "names the parameter at fault")
def _() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    content = [{"type": "text", "text": 7}]
    changes: list[dict[str, Any]] = [
        {"tools": tools},
        {"max_tokens": 100_000},
        {"temperature": 0.5},
        {"messages": [{"role": "user", "content": content}]},
    ]
    params = []
    for change in changes:
        asked = {**CHAT, **change}
        error = refused(openai.BadRequestError, lambda asked=asked: client.chat.completions.create(**asked))
        params.append(error.param)
    assert params == ["tools", "max_tokens", "temperature", "messages.0.content.0.text"]


@row("BadRequestError", "a picture by address, which nothing fetches")
def _() -> None:
    content = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    asked: dict[str, Any] = {**CHAT, "messages": [{"role": "user", "content": content}]}
    error = refused(openai.BadRequestError, lambda: client.chat.completions.create(**asked))
    assert error.param == "messages.0.content.0.image_url.url"


@row("NotFoundError", "a model that is not there")
def _() -> None:
    asked: dict[str, Any] = {**CHAT, "model": "gpt-5"}
    error = refused(openai.NotFoundError, lambda: client.chat.completions.create(**asked))
    assert (error.code, error.param) == ("model_not_found", "model")


@row("PermissionDeniedError", "a model that the tenant may not use")
def _() -> None:
    key = tenant_with("py-draws-only", {}, ["pilotlight-shapes"])
    error = refused(openai.PermissionDeniedError, lambda: client_of(key).chat.completions.create(**CHAT))
    assert error.code == "model_not_granted"


@row("RateLimitError", "a limit that is used up")
def _() -> None:
    limited = client_of(tenant_with("py-asks-once", {"requests_per_day": 1}))
    limited.chat.completions.create(**CHAT)
    error = refused(openai.RateLimitError, lambda: limited.chat.completions.create(**CHAT, stream=True))
    assert (error.status_code, error.code, error.type) == (429, "quota_exceeded", "insufficient_quota")
    assert int(error.response.headers["retry-after"]) > 0


@row("InternalServerError", "a job that failed, and is not sent again")
def _() -> None:
    key = tenant_with("py-fails", {})
    failing: dict[str, Any] = {**CHAT, "extra_body": {"fault": "error"}}
    patient = client_of(key, max_retries=3)
    error = refused(openai.InternalServerError, lambda: patient.chat.completions.create(**failing))
    assert error.code == "job_failed"
    assert newest_job(key, has_ended)["status"] == "failed"
    assert len(client_of(key).get("/jobs", cast_to=object)["data"]) == 1  # type: ignore[index]


@row("APIError in a stream", "a job that fails while it answers")
def _() -> None:
    stream = client.chat.completions.create(**CHAT, extra_body={"fault": "error"}, stream=True)
    error = refused(openai.APIError, lambda: list(stream))
    assert (error.code, error.type) == ("job_failed", "server_error")


@row("max_retries on 429", "waits as Retry-After says, and gets its answer")
def _() -> None:
    patient = client_of(tenant_with("py-one-at-a-time", {"open_jobs_max": 1}), max_retries=8)
    said: list[str | None] = []

    def talk() -> None:
        said.append(patient.chat.completions.create(**CHAT).choices[0].message.content)

    threads = [threading.Thread(target=talk) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said == [ANSWER, ANSWER]


@row("max_retries on 503", "waits as Retry-After says, and gets its answer")
def _() -> None:
    away = Faltering(1, b'{"error":{"code":"unavailable","message":"away"}}')
    patient = client_of(DEMO_KEY, away.url, max_retries=1)
    got = patient.chat.completions.create(**CHAT)
    away.close()
    assert got.choices[0].message.content == ANSWER
    first_s, second_s = away.asked_at_s
    assert second_s - first_s >= 0.99


def has_ended(job: dict[str, Any]) -> bool:
    return job["status"] in ENDED


if __name__ == "__main__":
    run("openai (PyPI)", openai.__version__)
