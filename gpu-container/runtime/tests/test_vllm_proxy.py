"""The proxy against a real server on this machine, which says what vLLM says. No torch needed."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PIL", reason="the proxy checks pictures")

from chat_told import Told
from PIL import Image

from pilotlight_runtime.messages import Answer
from pilotlight_runtime.runner import BatchItem, RunnerError, Setup
from pilotlight_runtime.vllm_proxy import LINE_BYTES_MAX, VllmProxyRunner

Reply = Callable[["Exchange", dict[str, Any]], None]

MODEL = "qwen3-vl-8b"


class Exchange(BaseHTTPRequestHandler):
    """One request, answered by what the test put into the server."""

    server: Any
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.say(200, json.dumps({"object": "list", "data": [{"id": self.server.model}]}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, asked))
        self.server.reply(self, asked)

    def say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def start(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()

    def piece(self, body: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body))

    def event(self, **fields: Any) -> None:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
        self.piece(f"data: {json.dumps({**head, **fields})}\n\n".encode())

    def token(self, text: str, count: int, reason: str | None = None) -> None:
        choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": reason}
        usage = {"prompt_tokens": 11, "completion_tokens": count, "total_tokens": 11 + count}
        self.event(choices=[choice], usage=usage)

    def done(self) -> None:
        self.piece(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        return


def saying(tokens: Sequence[str], reason: str = "stop") -> Reply:
    """An answer as vLLM streams it: the role, the tokens, the usage, the end."""

    def reply(exchange: Exchange, _asked: dict[str, Any]) -> None:
        exchange.start()
        exchange.event(choices=[{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        exchange.piece(b": ping\n\n")
        for index, token in enumerate(tokens, 1):
            exchange.token(token, index, reason if index == len(tokens) else None)
        usage = {"prompt_tokens": 11, "completion_tokens": len(tokens), "total_tokens": 11 + len(tokens)}
        exchange.event(choices=[], usage=usage)
        exchange.done()

    return reply


@pytest.fixture
def server() -> Iterator[Any]:
    made: Any = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    made.model = MODEL
    made.asked = []
    made.reply = saying(["so ", "it ", "is"])
    made.daemon_threads = True
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def runner(server: Any, tmp_path: Path) -> VllmProxyRunner:
    return runner_of(server.server_address[1], tmp_path)


def runner_of(port: int, model_dir: Path) -> VllmProxyRunner:
    made = VllmProxyRunner()
    options = {"runner": "vllm_proxy", "port": port, "served_model": MODEL, "start_s": 0}
    made.setup(Setup(model_dir, options, "cpu"))
    return made


def item(item_id: str = "a", content: Any = "is it so?", **params: Any) -> BatchItem:
    return BatchItem(item_id, {"messages": [{"role": "user", "content": content}], "max_tokens": 20, **params})


def run(runner: VllmProxyRunner, items: Sequence[BatchItem], told: Told | None = None) -> Told:
    told = Told() if told is None else told
    runner.run({each.id: runner.plan(each).asked for each in items}, told)
    return told


def test_an_answer_comes_piece_by_piece_with_its_tokens_and_its_end(runner: VllmProxyRunner) -> None:
    told = run(runner, [item(seed=7)])

    assert told.ends == [("a", "succeeded")]
    assert told.deltas == {"a": ["so ", "it ", "is"]}
    assert told.texts == {"a": "so it is"}
    assert told.steps == {"a": [1, 2, 3]}
    assert told.seeds == {"a": [7]}
    assert told.answers == {"a": Answer(finish_reason="stop", prompt_tokens=11, completion_tokens=3)}


def test_the_server_is_asked_for_exactly_what_was_asked_here(runner: VllmProxyRunner, server: Any) -> None:
    body = io.BytesIO()
    Image.new("RGB", (4, 4)).save(body, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(body.getvalue()).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "what?"}]

    run(runner, [item(content=content, temperature=0.5, top_p=0.9, stop="\n", seed=3)])
    run(runner, [item()])

    (path, first), (_, second) = server.asked
    salt = first.pop("cache_salt")
    assert path == "/v1/chat/completions"
    assert first == {
        "model": MODEL,
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": url, "detail": "auto"}},
                    {"type": "text", "text": "what?"},
                ],
            }
        ],
        "max_tokens": 20,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n"],
        "seed": 3,
        "stream": True,
        "stream_options": {"include_usage": True, "continuous_usage_stats": True},
    }
    assert second["cache_salt"] != salt


def test_an_answer_that_reached_its_tokens_says_so(runner: VllmProxyRunner, server: Any) -> None:
    server.reply = saying(["so"] * 4, reason="length")

    told = run(runner, [item(max_tokens=4)])

    assert told.answers["a"] == Answer(finish_reason="length", prompt_tokens=11, completion_tokens=4)


def test_items_of_a_batch_are_asked_at_the_same_time(runner: VllmProxyRunner, server: Any) -> None:
    both = threading.Barrier(2, timeout=20)

    def reply(exchange: Exchange, asked: dict[str, Any]) -> None:
        both.wait()
        saying([asked["messages"][0]["content"]])(exchange, asked)

    server.reply = reply

    told = run(runner, [item("a", "one"), item("b", "two")])

    assert told.texts == {"a": "one", "b": "two"}


def test_a_cancel_hangs_up_and_the_others_go_on(runner: VllmProxyRunner, server: Any) -> None:
    hung_up = threading.Event()
    may_end = threading.Event()

    def reply(exchange: Exchange, asked: dict[str, Any]) -> None:
        if asked["messages"][0]["content"] == "short":
            # Ends only once the other one is gone.
            assert may_end.wait(20)
            return saying(["done"])(exchange, asked)
        exchange.start()
        exchange.token("for ever", 1)
        # Nothing more is sent: the end of the connection is all that there is to read.
        if exchange.rfile.read(1) == b"":
            hung_up.set()
            may_end.set()
        return None

    server.reply = reply
    told = run(runner, [item("long", "long"), item("short", "short")], Told(stops={"long": 1}))

    assert dict(told.ends) == {"long": "stopped", "short": "succeeded"}
    assert hung_up.is_set()
    assert told.deltas["long"] == ["for ever"]


@pytest.mark.skipif(sys.platform != "linux", reason="connections are looked for in /proc")
def test_a_batch_leaves_neither_threads_nor_connections(runner: VllmProxyRunner, server: Any) -> None:
    held = threading.Event()

    def reply(exchange: Exchange, asked: dict[str, Any]) -> None:
        if asked["messages"][0]["content"] != "forever":
            return saying(["so"])(exchange, asked)
        exchange.start()
        exchange.token("so", 1)
        held.wait(30)
        return None

    server.reply = reply
    ours, ended = connections_to(server), []
    for _ in range(3):
        told = Told(stops={"b": 1})
        run(runner, [item("a"), item("b", "forever")], told)
        ended.append((dict(told.ends)["b"], readers(), connections_to(server) - ours))
    held.set()

    assert ended == [("stopped", [], set())] * 3


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("answer-")]


def connections_to(server: Any) -> set[int]:
    """Descriptors of this process that are connected to the server, its own ends left out."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(int(name))) as each:
            if each.getpeername() == server.server_address:
                found.add(int(name))
    return found


def test_an_item_that_is_stopped_before_is_never_asked_for(runner: VllmProxyRunner, server: Any) -> None:
    told = run(runner, [item("gone"), item("kept")], Told(stops={"gone": 0}))

    assert told.ends == [("gone", "stopped"), ("kept", "succeeded")]
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, b'{"error":{"message":"maximum context length is 9 tokens: a secret prompt"}}', "INVALID_INPUT"),
        (400, b'{"error":{"message":"a secret prompt"}}', "INVALID_INPUT"),
        (404, b"{}", "MODEL_NOT_LOADED"),
        (503, b"busy", "MODEL_NOT_LOADED"),
        (500, b"a secret prompt", "MODEL_NOT_LOADED"),
    ],
)
def test_what_the_server_refuses_ends_its_item_in_words_of_our_own(
    runner: VllmProxyRunner, server: Any, status: int, body: bytes, code: str
) -> None:
    server.reply = lambda exchange, _: exchange.say(status, body)

    told = run(runner, [item()])

    assert told.ends == [("a", code)]
    assert "secret" not in told.reasons["a"]
    assert ("more tokens" in told.reasons["a"]) == (b"context length" in body)


def hangs_up(exchange: Exchange, _asked: dict[str, Any]) -> None:
    exchange.start()
    exchange.token("so ", 1)
    exchange.close_connection = True


def ends_early(exchange: Exchange, _asked: dict[str, Any]) -> None:
    exchange.start()
    exchange.token("so ", 1)
    exchange.done()


def breaks_off(exchange: Exchange, _asked: dict[str, Any]) -> None:
    exchange.start()
    exchange.event(error={"message": "a secret prompt", "code": 500})
    exchange.done()


def garbles(exchange: Exchange, _asked: dict[str, Any]) -> None:
    exchange.start()
    exchange.piece(b"data: {no json\n\n")


def never_ends(exchange: Exchange, _asked: dict[str, Any]) -> None:
    exchange.start()
    exchange.piece(b"data: " + b"x" * (LINE_BYTES_MAX + 1))


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (hangs_up, "MODEL_NOT_LOADED"),
        (ends_early, "INTERNAL"),
        (breaks_off, "INTERNAL"),
        (garbles, "MODEL_NOT_LOADED"),
        (never_ends, "MODEL_NOT_LOADED"),
    ],
)
def test_an_answer_that_is_none_ends_its_item_and_the_next_one_is_right(
    runner: VllmProxyRunner, server: Any, reply: Reply, code: str
) -> None:
    server.reply = reply
    told = run(runner, [item()])
    server.reply = saying(["yes"])

    assert told.ends == [("a", code)]
    assert told.texts == {}
    assert run(runner, [item()]).texts == {"a": "yes"}


def test_without_a_server_the_process_is_of_no_use(server: Any, tmp_path: Path) -> None:
    runner = runner_of(server.server_address[1], tmp_path)
    runner._options = type(runner._options)(**{**options_of(runner), "port": unused_port()})

    with pytest.raises(RunnerError) as raised:
        run(runner, [item()])

    assert raised.value.code == "CUDA_FATAL"


def test_a_server_that_is_not_there_or_serves_another_model_is_told_at_setup(server: Any, tmp_path: Path) -> None:
    server.model = "another"

    for port in (server.server_address[1], unused_port()):
        with pytest.raises(RunnerError) as raised:
            runner_of(port, tmp_path)
        assert raised.value.code == "MODEL_NOT_LOADED"


def test_bad_input_never_reaches_the_server(server: Any, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    tokens = [{"content": "<|im_end|>", "special": True}, {"content": "<think>", "special": False}]
    (tmp_path / "weights" / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    runner = runner_of(server.server_address[1], tmp_path)

    runner.plan(item(content="<think>"))
    for bad in [item(content="x<|im_end|>"), item(n=2), item(max_tokens=0)]:
        with pytest.raises(RunnerError) as refused:
            runner.plan(bad)
        assert refused.value.code == "INVALID_INPUT"

    assert server.asked == []


def options_of(runner: VllmProxyRunner) -> dict[str, Any]:
    return {name: getattr(runner._options, name) for name in runner._options.__struct_fields__}


def unused_port() -> int:
    probe = ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    port = probe.server_address[1]
    probe.server_close()
    return int(port)
