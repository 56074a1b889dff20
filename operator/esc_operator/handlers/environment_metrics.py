"""Metrics of all environments at one moment: how many have each condition, and the series of single environments.

Computed for each scrape from the cache, so no series outlives its environment and none costs memory in between. A few
at a time: counting ten thousand environments must not block the work on them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from esc_operator.resources.conditions import REFRESHED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.resources.environment import Key

AT_ONCE = 250
"""A few milliseconds."""

EXPIRES_IN = "esc_operator_environment_expires_in_seconds"
FAILING = "esc_operator_environment_failing_seconds"

_EXPIRES_IN_HEAD = (
    f"# HELP {EXPIRES_IN} Time until the contents of its Secret expire; negative once they have. Without a name: the"
    f" earliest of the namespace.\n# TYPE {EXPIRES_IN} gauge\n"
)
_FAILING_HEAD = (
    f"# HELP {FAILING} How long its refresh has been failing; absent if it is not failing. Without a name: the"
    f" longest of the namespace.\n# TYPE {FAILING} gauge\n"
)


@dataclass(slots=True)
class EnvironmentMetrics:
    """`conditions`: environments by type, status and reason. `expires_in` and `failing` are seconds by the labels of
    their series: each environment's, or each namespace's if there are too many environments."""

    environments: int = 0
    conditions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    expires_in: dict[str, float] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)

    def text(self) -> bytes:
        """The series of single environments, in Prometheus' text format."""
        parts = [_EXPIRES_IN_HEAD]
        parts += [f"{EXPIRES_IN}{{{labels}}} {value:.0f}\n" for labels, value in self.expires_in.items()]
        parts.append(_FAILING_HEAD)
        parts += [f"{FAILING}{{{labels}}} {value:.0f}\n" for labels, value in self.failing.items()]
        return "".join(parts).encode()


async def count_environments(
    entries: Sequence[tuple[Key, CachedEnvironment]], now: datetime, limit: int
) -> EnvironmentMetrics:
    """Count all. Above `limit` environments, namespaces have series instead of environments."""
    counted = EnvironmentMetrics()
    by_name = len(entries) <= limit
    for start in range(0, len(entries), AT_ONCE):
        for key, entry in entries[start : start + AT_ONCE]:
            _count(counted, key, entry, now, by_name=by_name)
        await asyncio.sleep(0)
    return counted


def _count(counted: EnvironmentMetrics, key: Key, entry: CachedEnvironment, now: datetime, *, by_name: bool) -> None:
    status = entry.status
    counted.environments += 1
    # Names of objects are DNS names: nothing in them has to be escaped.
    labels = f'namespace="{key.namespace}",name="{key.name}"' if by_name else f'namespace="{key.namespace}"'
    if status.expires_at:
        left = (status.expires_at - now).total_seconds()
        counted.expires_in[labels] = min(left, counted.expires_in.get(labels, left))
    for condition in status.conditions:
        counted.conditions[condition.type, condition.status, condition.reason] += 1
        if condition.type == REFRESHED and condition.status == "False" and condition.last_transition_time:
            since = (now - condition.last_transition_time).total_seconds()
            counted.failing[labels] = max(since, counted.failing.get(labels, 0.0))
