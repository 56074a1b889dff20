"""The world as a command is given it; importing it costs nothing, as every command does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.cli.cluster_session import ClusterSession


class Outside(NamedTuple):
    """What a command is given of the world: the environment variables, how to reach a cluster by context, and how to
    let some seconds pass."""

    settings: Mapping[str, str]
    open_session: Callable[[str], ClusterSession]
    sleep: Callable[[float], None] = time.sleep

    def __repr__(self) -> str:
        # The variables of a process hold secrets of all kinds.
        return "<Outside>"
