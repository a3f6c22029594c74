"""Rows of docs/compatibility/: one method of an official client each, and what was seen of it.

A module of rows is run by local/python-clients.test.ts against a platform that it has started, and prints a line of JSON
per row. Beside the client only the standard library is used, so that a row passes by what the client does itself; keys and
certificates of what stands beside the platform are made and checked by `cryptography`.
"""

from __future__ import annotations

import json
import os
import time
import traceback
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

URL = os.environ["PILOTLIGHT_URL"]
DEMO_KEY = os.environ["PILOTLIGHT_DEMO_KEY"]
ADMIN_KEY = os.environ["PILOTLIGHT_ADMIN_KEY"]

ENDED = ("succeeded", "failed", "canceled", "expired")
"""States of a job that it never leaves."""

_WAIT_S = 60.0


@dataclass(frozen=True)
class Row:
    method: str
    what: str
    see: Callable[[], None]


_rows: list[Row] = []


def row(method: str, what: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """The function passes when it returns."""

    def keep(see: Callable[[], None]) -> Callable[[], None]:
        _rows.append(Row(method, what, see))
        return see

    return keep


def run(client: str, version: str) -> None:
    """Runs every row, in order. A row that failed says why and stops none of the others."""
    for each in _rows:
        fault = None
        try:
            each.see()
        except Exception:  # noqa: BLE001 - whatever it is, it is what the test has to show
            fault = traceback.format_exc()
        told = {"client": client, "version": version, "method": each.method, "what": each.what}
        print(json.dumps({**told, "fault": fault}), flush=True)


def refused(kind: type[Exception], call: Callable[[], object]) -> Any:
    """What the call raises, which has to be of this kind."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"not refused with {kind.__name__}")


def ask(method: str, path: str, key: str, body: object = None) -> Any:
    """The API's own answer, without the client."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:
        return json.load(answer)


def tenant_with(tenant_id: str, limits: dict[str, Any], models: list[str] | None = None) -> str:
    """The key of a tenant of its own, so that what it may do and what it has open is known."""
    made = ask("POST", "/admin/v1/tenants", ADMIN_KEY, {"id": tenant_id, "plan": "vip", **limits})
    if models is not None:
        ask("PUT", f"/admin/v1/tenants/{tenant_id}/models", ADMIN_KEY, {"models": models})
    return made["key"]["secret"]


def newest_job(key: str, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The newest job of the key's tenant, once it is as it is waited for."""
    return until(lambda: next((job for job in ask("GET", "/v1/jobs?limit=1", key)["data"] if is_so(job)), None))


def until(look: Callable[[], Any]) -> Any:
    """The first answer that is not None."""
    end_s = time.monotonic() + _WAIT_S
    while time.monotonic() < end_s:
        found = look()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come to be")
