"""Runs the checks of all trials."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.testing import checks
from unit.providers.declared import all_trials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.testing import Check, Seen


class Tried(NamedTuple):
    """One check, and what it saw; `error` is why it did not pass, else empty."""

    check: Check
    seen: Sequence[Seen]
    error: str
    seconds: float


def try_all(text: str = "") -> list[Tried]:
    """Runs what has this text in the name of its plug-in."""
    return [_try(check) for check in checks(*all_trials()) if text in check.plugin_name]


def _try(check: Check) -> Tried:
    began = time.monotonic()
    try:
        seen, error = check(), ""
    except Exception as raised:  # noqa: BLE001 - whatever a check raises is its result
        seen, error = (), f"{type(raised).__name__}: {raised}"
    return Tried(check, seen, error, time.monotonic() - began)
