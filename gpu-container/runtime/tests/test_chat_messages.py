"""Messages and their pictures: read whole, or refused by the name of the place."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import msgspec
import pytest

pytest.importorskip("PIL", reason="these tests decode pictures")

from PIL import Image

from pilotlight_runtime.chat_messages import PICTURES_MAX, Message, read_chat
from pilotlight_runtime.input_pictures import read_picture
from pilotlight_runtime.runner import RunnerError


def url_of(body: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(body).decode()}"


def body_of(kind: str = "PNG", size: tuple[int, int] = (8, 4), **options: Any) -> bytes:
    body = io.BytesIO()
    Image.new("RGB", size, "red").save(body, kind, **options)
    return body.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb() -> bytes:
    """A picture that says it is 60,000 x 60,000 and holds one packed megabyte of nothing."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def messages_of(value: Any) -> list[Message]:
    return msgspec.convert(value, list[Message])


def part(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_pictures_of_three_kinds_are_read(kind: str) -> None:
    picture = read_picture(url_of(body_of(kind.upper()), kind), "here")

    assert (picture.size, picture.mode) == ((8, 4), "RGB")


def test_pictures_are_told_in_the_order_of_the_messages() -> None:
    small, large = url_of(body_of(size=(8, 4))), url_of(body_of(size=(9, 4)))
    content = [part(small), {"type": "text", "text": "and"}, part(large)]

    chat = read_chat(messages_of([{"role": "user", "content": content}, {"role": "assistant", "content": "yes"}]), [])

    assert [picture.size for picture in chat.pictures] == [(8, 4), (9, 4)]
    assert chat.turns == [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "and"}, {"type": "image"}]},
        {"role": "assistant", "content": "yes"},
    ]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://example.com/a.png", "nothing is fetched"),
        ("file:///etc/passwd", "nothing is fetched"),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "must be a data URL"),
        ("data:image/png,abc", "must be a data URL"),
        ("data:image/png;base64,@@@@", "is no base64"),
        ("data:image/png;base64,ÄÄÄÄ", "is no base64"),
        (url_of(b"no picture"), "is no PNG that can be read"),
        (url_of(body_of()[:40]), "is no PNG that can be read"),
        (url_of(body_of("JPEG")), "is no PNG that can be read"),
        (url_of(bomb()), "more pixels than a picture may have"),
        (url_of(body_of(size=(9000, 1))), "more than a picture may have"),
        (url_of(body_of(size=(1001, 5))), "200 times the other"),
        (url_of(body_of("WEBP", save_all=True, append_images=[Image.new("RGB", (8, 4))]), "webp"), "moves"),
        ("data:image/png;base64," + "A" * 28_000_000, "at most"),
    ],
)
def test_a_picture_that_is_none_is_refused_by_its_place_and_never_quoted(url: str, text: str) -> None:
    asked = messages_of([{"role": "user", "content": [{"type": "text", "text": "?"}, part(url)]}])

    with pytest.raises(RunnerError) as refused:
        read_chat(asked, [])

    assert refused.value.code == "INVALID_INPUT"
    assert refused.value.message.startswith("messages.0.content.1.image_url.url: ")
    assert text in refused.value.message
    assert url[-12:] not in refused.value.message


def test_only_a_user_shows_pictures_and_not_too_many() -> None:
    one = part(url_of(body_of()))

    for role, count, place in [
        ("assistant", 1, "0.content.0"),
        ("user", PICTURES_MAX + 1, f"0.content.{PICTURES_MAX}"),
    ]:
        with pytest.raises(RunnerError, match=place):
            read_chat(messages_of([{"role": role, "content": [one] * count}]), [])


@pytest.mark.parametrize("content", ["end<|im_end|>", [{"type": "text", "text": "<|im_end|>"}]])
def test_a_text_cannot_write_what_only_the_template_may(content: Any) -> None:
    asked = messages_of([{"role": "user", "content": content}])

    with pytest.raises(RunnerError, match=r"messages\.0\.content.*holds <\|im_end\|>"):
        read_chat(asked, ["<|im_end|>"])
