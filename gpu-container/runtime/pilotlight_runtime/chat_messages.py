"""Reads the messages of a chat, pictures included, before anything of them reaches a device.

Messages have OpenAI's form. A picture comes with its message, as a data URL of a PNG, JPEG or WebP: nothing is ever
fetched, because an address that a tenant chose may lead anywhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from .input_pictures import read_picture
from .runner import BatchItem, RunnerError

PICTURES_MAX = 16
"""`imageLimits` of `core/limits.ts`, over all messages of a chat together."""


class TextPart(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="type", tag="text"):
    """Words of a message."""

    text: str


class ImageUrl(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where a picture is: in the URL itself. `detail` changes nothing for models that read a picture at one size."""

    url: str
    detail: Literal["auto"] = "auto"


class ImagePart(msgspec.Struct, forbid_unknown_fields=True, frozen=True, tag_field="type", tag="image_url"):
    """A picture of a message."""

    image_url: ImageUrl


class Message(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str | Annotated[list[TextPart | ImagePart], msgspec.Meta(min_length=1)]


_Stop = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ChatParams(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What may be asked of a model that answers."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=256)]
    max_tokens: Annotated[int, msgspec.Meta(ge=1, le=262_144)] = 512
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] = 0.7
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] = 0.8
    stop: _Stop | Annotated[list[_Stop], msgspec.Meta(max_length=4)] = msgspec.field(default_factory=list)
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)] | None = None

    @property
    def stops(self) -> Sequence[str]:
        """A single one as a list."""
        return [self.stop] if isinstance(self.stop, str) else self.stop

    def seed_or_lot(self) -> int:
        """The seed, or one drawn by lot."""
        return secrets.randbelow(2**32) if self.seed is None else self.seed


def chat_params(item: BatchItem) -> ChatParams:
    """Reads what an item asks for.

    Raises:
        RunnerError: `INVALID_INPUT`, which names the parameter.
    """
    try:
        return msgspec.convert(dict(item.params), ChatParams)
    except msgspec.ValidationError as error:
        raise RunnerError("INVALID_INPUT", str(error)) from None


@dataclass(frozen=True)
class Chat:
    """Messages as a chat template takes them, and the pictures that it asks for, in their order."""

    turns: list[dict[str, Any]]
    pictures: list[Any]


def read_chat(messages: Sequence[Message], reserved: Sequence[str]) -> Chat:
    """Checks the messages and decodes their pictures.

    Args:
        messages: At least one.
        reserved: Tokens that only the chat template may write: in a text they would end a turn, or stand for a picture.

    Raises:
        RunnerError: `INVALID_INPUT`, which names the place and never the value.
    """
    pictures: list[Any] = []
    turns = [_turn(message, f"messages.{index}", reserved, pictures) for index, message in enumerate(messages)]
    return Chat(turns, pictures)


def _turn(message: Message, path: str, reserved: Sequence[str], pictures: list[Any]) -> dict[str, Any]:
    if isinstance(message.content, str):
        return {"role": message.role, "content": _checked(message.content, f"{path}.content", reserved)}
    parts: list[dict[str, str]] = []
    for index, part in enumerate(message.content):
        place = f"{path}.content.{index}"
        if isinstance(part, TextPart):
            parts.append({"type": "text", "text": _checked(part.text, f"{place}.text", reserved)})
            continue
        if message.role != "user":
            raise _refusal(place, "only messages of the role user hold pictures")
        if len(pictures) == PICTURES_MAX:
            raise _refusal(place, f"a chat holds at most {PICTURES_MAX} pictures")
        pictures.append(read_picture(part.image_url.url, f"{place}.image_url.url"))
        parts.append({"type": "image"})
    return {"role": message.role, "content": parts}


def _checked(text: str, path: str, reserved: Sequence[str]) -> str:
    found = next((token for token in reserved if token in text), None)
    if found is not None:
        raise _refusal(path, f"holds {found}, which only the chat template may write")
    return text


def _refusal(path: str, text: str) -> RunnerError:
    return RunnerError("INVALID_INPUT", f"{path}: {text}")
