"""Chats by a server that speaks OpenAI's protocol on this machine, such as vLLM: it batches, this runner translates.

Every item is a request of its own, streamed. A cancel or a deadline closes its connection, on which vLLM gives up the
answer. The server is whoever's who started it (`127.0.0.1`, never another host): `setup` waits for it, and when nobody
listens any more the process ends, so that the worker starts anew.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec

from .chat_messages import ChatParams, chat_params, read_chat
from .messages import Answer, FailureCode
from .runner import BatchItem, OutputFile, Plan, RunContext, RunnerError, Setup
from .shares import Shares

HOST = "127.0.0.1"

ANSWER_S = 300.0
"""Longest silence of the server: reading a long prompt behind others takes it many seconds."""

LOOK_S = 0.05
"""How often cancels and deadlines are looked for while nothing arrives: about the time of a token."""

LEAVE_S = 5.0
"""What a reader whose connection was hung up takes at the most to end; it holds one connection until then."""

LINE_BYTES_MAX = 1024 * 1024
"""Of an event of the server; one holds some tokens."""


class _Options(msgspec.Struct, frozen=True):
    """`runtime` of the manifest."""

    runner: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    served_model: str
    """What the server calls the model."""
    start_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 600
    """How long `setup` waits for a server that loads its weights."""


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class _Failure(msgspec.Struct, frozen=True):
    """Ends a stream that did not come to its end."""

    code: FailureCode
    message: str


class _Done(msgspec.Struct, frozen=True):
    """The server said that an answer is whole."""


_Event = _Chunk | _Failure | _Done

_chunks = msgspec.json.Decoder(_Chunk)


class VllmProxyRunner:
    """One model of one server."""

    def __init__(self) -> None:
        self._options: Any = None
        self._reserved: list[str] = []

    def setup(self, setup: Setup) -> None:
        options = msgspec.convert(setup.options, _Options)
        self._reserved = _reserved_tokens(setup.model_dir / "weights" / "tokenizer.json")
        _wait_for_server(options)
        self._options = options

    def plan(self, item: BatchItem) -> Plan:
        params = chat_params(item)
        # Decoded for the check alone: the server is sent what came.
        read_chat(params.messages, self._reserved)
        return Plan(batch_key="", asked=params)

    def run(self, asked: Mapping[str, ChatParams], context: RunContext) -> None:
        call = _Call(self._options, asked, context)
        try:
            call.run()
        finally:
            call.close()

    def unload(self) -> None:
        """The server keeps its model: it is not ours to stop."""


class _Row:
    """One item and its stream."""

    def __init__(self, item_id: str, params: ChatParams) -> None:
        self.item_id = item_id
        self.params = params
        self.seed = params.seed_or_lot()
        self.text: list[str] = []
        self.tokens = 0
        self.prompt_tokens = 0
        self.finish_reason: str | None = None


class _Call:
    """Streams of one batch. Threads read them; only the caller's own thread tells the context."""

    def __init__(self, options: _Options, asked: Mapping[str, ChatParams], context: RunContext) -> None:
        self._context = context
        self._shares = Shares(dict.fromkeys(asked, 1))
        self._events: queue.SimpleQueue[tuple[str, _Event]] = queue.SimpleQueue()
        self._open = {item_id: _Row(item_id, params) for item_id, params in asked.items()}
        self._streams = {item_id: _Stream(options, row, self._events) for item_id, row in self._open.items()}

    def run(self) -> None:
        self._stop_asked()
        for item_id in self._open:
            self._streams[item_id].start()
        while self._open:
            with contextlib.suppress(queue.Empty):
                item_id, event = self._events.get(timeout=LOOK_S)
                row = self._open.get(item_id)
                self._shares.tick()
                if row is not None and not self._context.is_stopped(item_id):
                    self._take(row, event)
            self._stop_asked()

    def close(self) -> None:
        """Returns once nobody reads any more, so that no thread and no connection outlives the batch."""
        for stream in self._streams.values():
            stream.close()
        for stream in self._streams.values():
            stream.leave()

    def _stop_asked(self) -> None:
        for item_id in list(self._open):
            if self._context.is_stopped(item_id):
                self._streams[item_id].close()
                self._shares.tick()
                del self._open[item_id]
                self._context.stop(item_id, self._shares.close(item_id))

    def _take(self, row: _Row, event: _Event) -> None:
        match event:
            case _Chunk():
                self._tell(row, event)
            case _Failure(code="CUDA_FATAL", message=message):
                raise RunnerError("CUDA_FATAL", message)
            case _Failure(code=code, message=message):
                self._fail(row, code, message)
            case _Done():
                self._finish(row)

    def _tell(self, row: _Row, chunk: _Chunk) -> None:
        if chunk.error is not None:
            return self._fail(row, "INTERNAL", "the server of the model broke an answer off")
        for choice in chunk.choices:
            row.finish_reason = choice.finish_reason or row.finish_reason
            if choice.delta.content:
                row.text.append(choice.delta.content)
                self._context.delta(row.item_id, choice.delta.content)
        self._count(row, chunk)
        return None

    def _count(self, row: _Row, chunk: _Chunk) -> None:
        """By the server's own count; by its pieces of text where it has none in this event."""
        usage = chunk.usage
        told = None if usage is None else usage.completion_tokens
        counted = row.tokens + any(choice.delta.content for choice in chunk.choices) if told is None else told
        if usage is not None:
            row.prompt_tokens = usage.prompt_tokens
        if counted > row.tokens:
            row.tokens = min(counted, row.params.max_tokens)
            self._context.progress(row.item_id, row.tokens, row.params.max_tokens)

    def _finish(self, row: _Row) -> None:
        reason = row.finish_reason
        if reason != "stop" and reason != "length":
            return self._fail(row, "INTERNAL", "the server of the model ended an answer without a reason")
        body = "".join(row.text).encode("utf-8")
        self._context.write(row.item_id, OutputFile(body, "text/plain; charset=utf-8", "txt"))
        answer = Answer(finish_reason=reason, prompt_tokens=row.prompt_tokens, completion_tokens=row.tokens)
        del self._open[row.item_id]
        self._context.succeed(row.item_id, [row.seed], self._shares.close(row.item_id), answer)
        return None

    def _fail(self, row: _Row, code: FailureCode, message: str) -> None:
        self._streams[row.item_id].close()
        del self._open[row.item_id]
        self._context.fail(row.item_id, code, message, self._shares.close(row.item_id))


class _Stream(threading.Thread):
    """Reads one answer and puts what it says into the queue; nothing once it was closed."""

    def __init__(self, options: _Options, row: _Row, events: queue.SimpleQueue[tuple[str, _Event]]) -> None:
        super().__init__(name=f"answer-{row.item_id}", daemon=True)
        self._item_id = row.item_id
        self._body = _request_of(options.served_model, row)
        self._connection = http.client.HTTPConnection(HOST, options.port, timeout=ANSWER_S)
        self._events = events
        self._closing = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_closed = False

    def run(self) -> None:
        try:
            if self._connect():
                for event in self._read():
                    self._put(event)
        except ConnectionRefusedError:
            self._put(_Failure("CUDA_FATAL", "the server of the model is gone"))
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            self._put(_Failure("MODEL_NOT_LOADED", f"the server of the model was lost: {type(error).__name__}"))
        finally:
            self.close()
            self._connection.close()

    def leave(self) -> None:
        """After `close`: waits for the thread, if it was ever started."""
        if self.ident is not None:
            self.join(LEAVE_S)

    def close(self) -> None:
        """Hangs up, also on a read that waits."""
        with self._closing:
            self._is_closed = True
            if self._socket is not None:
                # It may have ended by itself.
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
                self._socket = None

    def _connect(self) -> bool:
        self._connection.connect()
        with self._closing:
            self._socket = None if self._is_closed else self._connection.sock
            return self._socket is not None

    def _read(self) -> Iterator[_Event]:
        headers = {"content-type": "application/json", "connection": "close"}
        self._connection.request("POST", "/v1/chat/completions", self._body, headers)
        with self._connection.getresponse() as response:
            if response.status != 200:
                yield _refusal_of(response.status, response.read(LINE_BYTES_MAX))
                return
            for data in _events_of(response):
                if data == b"[DONE]":
                    yield _Done()
                    return
                yield _chunks.decode(data)
        yield _Failure("MODEL_NOT_LOADED", "the server of the model hung up")

    def _put(self, event: _Event) -> None:
        if not self._is_closed:
            self._events.put((self._item_id, event))


def _request_of(model: str, row: _Row) -> bytes:
    params = row.params
    return msgspec.json.encode(
        {
            "model": model,
            "messages": params.messages,
            "max_tokens": params.max_tokens,
            "temperature": params.temperature,
            "top_p": params.top_p,
            "stop": params.stops,
            "seed": row.seed,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
            # Nobody may learn from the time of an answer what another tenant asked: prefixes are shared with nobody.
            "cache_salt": secrets.token_hex(16),
        }
    )


def _events_of(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The data of server-sent events; comments and other fields are passed over."""
    while line := response.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX:
            raise http.client.LineTooLong("event")
        if line.startswith(b"data:"):
            yield line[5:].strip()


def _refusal_of(status: int, body: bytes) -> _Failure:
    """What the server says may quote the prompt, so it is told in words of our own."""
    if status in (400, 413, 422):
        if b"context length" in body or b"max_model_len" in body:
            return _Failure("INVALID_INPUT", "messages: have, with max_tokens, more tokens than the model holds")
        return _Failure("INVALID_INPUT", "messages: are refused by the server of the model")
    return _Failure("MODEL_NOT_LOADED", f"the server of the model answers {status}")


def _wait_for_server(options: _Options) -> None:
    until_s = time.monotonic() + options.start_s
    while (found := _served_models(options.port)) is None and time.monotonic() < until_s:
        time.sleep(0.5)
    if found is None:
        raise RunnerError("MODEL_NOT_LOADED", f"nobody serves the model on port {options.port}")
    if options.served_model not in found:
        raise RunnerError("MODEL_NOT_LOADED", f"the server on port {options.port} serves another model")


def _served_models(port: int) -> list[str] | None:
    """Names; null while the server does not answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/v1/models")
        response = connection.getresponse()
        body = response.read(LINE_BYTES_MAX)
        return [str(model["id"]) for model in json.loads(body)["data"]] if response.status == 200 else None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def _reserved_tokens(file: Path) -> list[str]:
    """Special tokens of the tokenizer that the server reads too; none where it keeps its weights elsewhere."""
    if not file.is_file():
        return []
    added = json.loads(file.read_text("utf-8"))["added_tokens"]
    return [token["content"] for token in added if token["special"]]
