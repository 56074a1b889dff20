"""What a command gets from the outside world. Every command imports this module, so it imports nothing itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.stores.pulumi import Api


def utc_now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


class Outside(NamedTuple):
    """The environment variables, and functions that open a session with the cluster of a context, reach the Pulumi
    Cloud of a URL (True: any certificate is accepted), ask the person at the terminal for a secret, sleep, and tell
    the time (`clock`: monotonic seconds; `now`: in UTC)."""

    settings: Mapping[str, str]
    open_session: Callable[[str], ClusterSession]
    open_cloud: Callable[[str, bool], Api]
    ask_secret: Callable[[str], str]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now

    def __repr__(self) -> str:
        # The variables of a process hold secrets of all kinds.
        return "<Outside>"
