"""The golden files of the protocol, read and written by this runtime: no torch needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotlight_runtime.framing import FRAME_BYTES_MAX, FrameFault, FrameReader, encode_frame
from pilotlight_runtime.messages import RunnerMessage, WorkerMessage

GOLDEN = Path(__file__).resolve().parents[2] / "protocol" / "golden"


def lines_of(name: str) -> list[str]:
    return (GOLDEN / f"{name}.jsonl").read_text("utf-8").splitlines()


@pytest.mark.parametrize("line", lines_of("worker"))
def test_every_golden_message_of_a_worker_is_read_without_a_loss(line: str) -> None:
    [message] = FrameReader().feed(f"{line}\n".encode())

    assert isinstance(message, WorkerMessage)
    assert json.loads(msgspec.json.encode(message)) == json.loads(line)


@pytest.mark.parametrize("line", lines_of("runner"))
def test_every_golden_message_of_a_runner_can_be_written(line: str) -> None:
    message = msgspec.json.decode(line, type=RunnerMessage)

    assert json.loads(encode_frame(message)) == json.loads(line)


@pytest.mark.parametrize("row", [row for row in map(json.loads, lines_of("refused")) if row["from"] == "worker"])
def test_what_the_protocol_refuses_is_refused_here_too(row: dict[str, Any]) -> None:
    [fault] = FrameReader().feed(f"{row['frame']}\n".encode())

    assert isinstance(fault, FrameFault), row["why"]
    assert fault.kind == row["fault"]


@given(st.lists(st.sampled_from(lines_of("worker")), max_size=5), st.lists(st.integers(1, 200)))
def test_frames_do_not_depend_on_how_the_bytes_are_split(lines: list[str], cuts: list[int]) -> None:
    stream = "".join(f"{line}\n" for line in lines).encode()
    whole = FrameReader().feed(stream)
    reader = FrameReader()
    start = 0
    pieces: list[Any] = []

    for size in [*cuts, len(stream)]:
        pieces += reader.feed(stream[start : start + size])
        start += size

    assert pieces == whole
    assert len(whole) == len(lines)


@given(st.binary(max_size=300))
def test_any_bytes_give_messages_and_at_most_one_fault_at_the_end(noise: bytes) -> None:
    reader = FrameReader()

    frames = [*reader.feed(noise), *reader.feed(b'\n{"type":"ping","sequence":1}\n')]

    faults = [index for index, frame in enumerate(frames) if isinstance(frame, FrameFault)]
    assert faults in ([], [len(frames) - 1])


def test_a_line_without_an_end_is_refused_before_it_is_held_whole() -> None:
    reader = FrameReader()

    chunk = b"x" * 1_000_000
    frames = [frame for _ in range(FRAME_BYTES_MAX // len(chunk) + 10) for frame in reader.feed(chunk)]

    assert frames == [FrameFault("oversize", f"a frame passes the limit of {FRAME_BYTES_MAX} bytes")]


def test_a_fault_never_names_what_the_frame_held() -> None:
    [fault] = FrameReader().feed(b'{"type":"cancel","id":"a","secret":"a prompt"}\n')

    assert isinstance(fault, FrameFault)
    assert "a prompt" not in fault.detail
