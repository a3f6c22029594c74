"""Every item of a batch ends once, whatever its runner does. No torch needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from pilotlight_runtime.batch_run import BatchRun
from pilotlight_runtime.messages import Failed, Item, Run, RunnerMessage
from pilotlight_runtime.runner import BatchItem, Plan, RunContext, RunnerError


class Picky:
    """Trips over the plan of an item that is named for it, and ends every other one well."""

    def __init__(self, fault: Exception) -> None:
        self._fault = fault

    def plan(self, item: BatchItem) -> Plan:
        if item.id == "odd":
            raise self._fault
        return Plan(batch_key="", asked=item)

    def run(self, asked: Mapping[str, Any], context: RunContext) -> None:
        for item_id in asked:
            context.succeed(item_id, [1], 0)


def ends_of(fault: Exception) -> dict[str, str]:
    items = [Item(id=item_id, params={}, deadline_ms=None) for item_id in ("first", "odd", "last")]
    message = Run(batch_id="b", model="m", revision="1", scratch_dir="/nowhere", items=items, adapters=[])
    said: list[RunnerMessage] = []

    assert BatchRun(message, said.append).execute(Picky(fault)) is None

    return {each.id: each.code if isinstance(each, Failed) else "succeeded" for each in said}


@pytest.mark.parametrize(
    ("fault", "code"),
    [(RunnerError("INVALID_INPUT", "no"), "INVALID_INPUT"), (KeyError("a fault of ours"), "INTERNAL")],
)
def test_an_item_that_cannot_be_read_ends_alone_whatever_went_wrong(fault: Exception, code: str) -> None:
    assert ends_of(fault) == {"odd": code, "first": "succeeded", "last": "succeeded"}


def test_a_card_that_fell_over_while_an_item_was_read_ends_the_process() -> None:
    with pytest.raises(RunnerError) as ended:
        ends_of(RuntimeError("CUDA error: an illegal memory access was encountered"))

    assert ended.value.code == "CUDA_FATAL"
