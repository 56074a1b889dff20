"""A status survives its way through the API server, with every field."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given

from esc_operator.resources.status import Status, parse_status
from unit.resources.strategies import statuses


@given(statuses)
def test_a_status_survives_and_tells_every_field(status: Status) -> None:
    stored = status.to_dict()
    assert parse_status(json.loads(json.dumps(stored))) == status
    # What lies behind imports, and the own text in another object, are told beside them.
    assert len(stored) == len(fields(Status)) + 3
    # A merge patch drops what is None; nothing else may mean the same.
    assert parse_status({name: value for name, value in stored.items() if value is not None}) == status


@pytest.mark.parametrize("data", [None, {}, {"conditions": None, "imports": None, "failures": None}])
def test_an_absent_status_is_one_that_was_never_written(data: dict[str, Any] | None) -> None:
    assert replace(parse_status(data), imports=None) == Status()
