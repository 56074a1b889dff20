"""What a command gets from the outside world. Every command imports this module, so it imports nothing itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.cli.cluster_session import ClusterSession


class Outside(NamedTuple):
    """The environment variables, and functions that open a session with the cluster of a context, sleep, and
    tell the time (monotonic seconds)."""

    settings: Mapping[str, str]
    open_session: Callable[[str], ClusterSession]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def __repr__(self) -> str:
        # The variables of a process hold secrets of all kinds.
        return "<Outside>"
