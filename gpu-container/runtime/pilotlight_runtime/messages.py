"""The messages of the runner protocol, version 1: `gpu-container/protocol/messages.ts` explains them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

PROTOCOL_VERSION = 1

FailureCode = Literal[
    "INVALID_INPUT",
    "OOM",
    "CANCELLED",
    "DEADLINE",
    "MODEL_NOT_LOADED",
    "ADAPTER_INVALID",
    "NAN_OUTPUT",
    "CUDA_FATAL",
    "INTERNAL",
]
ByeReason = Literal["drained", "protocol_fault", "protocol_version", "fatal"]

# JSON numbers are exact up to this in JavaScript, which writes them.
Whole = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Id = Annotated[str, Meta(min_length=1, max_length=200)]
ModelName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}\Z")]
Revision = Annotated[str, Meta(min_length=1, max_length=200)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
AbsolutePath = Annotated[str, Meta(pattern=r"^/")]


class _Message(Struct, tag_field="type", rename="camel", forbid_unknown_fields=True, frozen=True, kw_only=True):
    pass


class Hello(_Message, tag="hello"):
    """The worker's first word."""

    protocol: Whole


class Load(_Message, tag="load"):
    """Asks for a model to be made ready."""

    model: ModelName
    revision: Revision


class Unload(_Message, tag="unload"):
    """Asks for a model to be put out."""

    model: ModelName
    revision: Revision


class Item(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """One job of a batch. `deadline_ms` counts from `accepted`."""

    id: Id
    params: dict[str, Any]
    deadline_ms: Whole | None


class Adapter(Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """One LoRA of a batch."""

    id: Id
    path: Annotated[str, Meta(min_length=1)]
    sha256: Sha256
    weight: float


class Run(_Message, tag="run"):
    """Items of one batch key, to be run together."""

    batch_id: Id
    model: ModelName
    revision: Revision
    scratch_dir: AbsolutePath
    items: Annotated[list[Item], Meta(min_length=1)]
    adapters: list[Adapter]
    previews: bool | UnsetType = UNSET
    """Whether anybody looks at pictures of what is being drawn."""

    def __post_init__(self) -> None:
        """Refuses ids that repeat: nobody could tell which of them ended."""
        if len({item.id for item in self.items}) != len(self.items):
            raise ValueError("item ids repeat")


class Cancel(_Message, tag="cancel"):
    """Asks for one item to stop."""

    id: Id


class Ping(_Message, tag="ping"):
    """Asks for a `pong` at once."""

    sequence: Whole


class Drain(_Message, tag="drain"):
    """Asks to end what was accepted, and to leave."""


WorkerMessage = Hello | Load | Unload | Run | Cancel | Ping | Drain


class Capabilities(Struct, frozen=True):
    """What an engine can do beyond the least."""

    deltas: bool
    adapters: bool


class Ready(_Message, tag="ready"):
    """The answer to `hello`."""

    protocol: int
    engine: str
    versions: dict[str, str]
    capabilities: Capabilities
    vram_total_bytes: int | None


class Loaded(_Message, tag="loaded"):
    """A model is ready; 0 ms when it was before."""

    model: str
    revision: str
    ms: int
    vram_bytes: int | None


class Accepted(_Message, tag="accepted"):
    """The batch was read; deadlines of its items count from here."""

    batch_id: str


class Progress(_Message, tag="progress"):
    """`step` of an item only grows, and never passes `steps`."""

    id: str
    step: int
    steps: int


PREVIEW_CHARACTERS_MAX = 32 * 1024
"""The worker takes a longer one for a fault of the protocol."""


class Preview(_Message, tag="preview"):
    """How an item looks after a step: a small picture in base64, to be shown and forgotten."""

    id: str
    step: int
    content_type: str
    width: int
    height: int
    data: str


class Delta(_Message, tag="delta"):
    """A piece of the item's text."""

    id: str
    text: str


class File(Struct, rename="camel", frozen=True, kw_only=True):
    """A file in the scratch folder of the batch, by its bare name."""

    path: str
    content_type: str
    bytes: int
    sha256: str
    width: int | None
    height: int | None


FinishReason = Literal["stop", "length"]


class Answer(Struct, rename="camel", frozen=True, kw_only=True):
    """How a text came to its end, and the tokens that were read and written for it."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


class Result(_Message, tag="result"):
    """An item ended well. `answer` is there for an item that wrote text: its first file holds it."""

    id: str
    files: list[File]
    seeds: list[int]
    unknown_words: list[str]
    gpu_ms: int
    answer: Answer | UnsetType = UNSET


class Failed(_Message, tag="failed"):
    """An item, a batch, a model or the process failed; `scope` says which, and which of the fields below are there."""

    scope: Literal["item", "batch", "model", "process"]
    code: FailureCode
    message: str
    retryable: bool
    id: str | UnsetType = UNSET
    gpu_ms: int | UnsetType = UNSET
    batch_id: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    revision: str | UnsetType = UNSET


class Stats(_Message, tag="stats"):
    """What the process holds."""

    memory_bytes: int
    vram_allocated_bytes: int | None
    vram_reserved_bytes: int | None
    gpu_util: float | None


class Log(_Message, tag="log"):
    """A line for the worker's log. Never a prompt."""

    level: Literal["info", "warn", "error"]
    event: str
    fields: dict[str, str | int | float | bool | None]


class Pong(_Message, tag="pong"):
    """The answer to `ping`."""

    sequence: int


class Bye(_Message, tag="bye"):
    """The last word; the process exits."""

    reason: ByeReason


RunnerMessage = Ready | Loaded | Accepted | Progress | Preview | Delta | Result | Failed | Stats | Log | Pong | Bye

_RETRYABLE: frozenset[FailureCode] = frozenset({"OOM", "DEADLINE", "MODEL_NOT_LOADED", "NAN_OUTPUT", "CUDA_FATAL"})


def is_retryable(code: FailureCode) -> bool:
    """Whether such a failure may pass when the same item runs again, here or elsewhere."""
    return code in _RETRYABLE
