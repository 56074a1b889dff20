"""Queues environments when an outside cause of their failure is gone: a provider answers again, a ServiceAccount
exists.

It only decides what is worth another attempt, and when; the attempt itself finds out whether anything is due. Without
it every failed attempt would still be retried, at its own pace.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.reconciliation.opening.admission import REFUSALS
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.resources.environment import Key

ACCOUNT_MISSING = frozenset({reasons.SERVICE_ACCOUNT_MISSING})


class Recovery:
    def __init__(self, shared: Shared) -> None:
        self._recoveries = shared.recoveries
        self._scheduler = shared.scheduler
        self._cache = shared.cache
        self._now = shared.now

    def on_recovery(self, rate: float, namespace: str | None) -> None:
        """A provider answers again: queue the environments that waited for one, `rate` a second, the earliest expiry
        first. Only those of the namespace that was paused, unless all were (None).

        One after the other, because it may be out of order again before the last one: then they fail no faster than
        they would have been served.
        """
        now, gap = self._now(), timedelta(seconds=1 / rate)
        self._recoveries.note()
        waiting = [
            (key, entry)
            for key, entry in self._cache.failed_by_outage()
            if namespace is None or namespace == (entry.account.namespace if entry.account else "")
        ]
        for place, (key, entry) in enumerate(sorted(waiting, key=lambda one: one[1].status.expires_at or now)):
            self._mend(key, entry, now + place * gap)

    def on_namespace(self, namespace: str) -> None:
        """The allow-lists of a namespace have changed: queue environments, wherever they are, that were refused as a
        ServiceAccount of that namespace, or hold a role as one, or were refused a call of its definitions."""
        self._recoveries.note()
        refused = {key for key, _ in self._cache.failed_for(REFUSALS)}
        for key, entry in self._cache.entries():
            is_home = entry.account is not None and entry.account.namespace == namespace
            if key in refused and (is_home or namespace in entry.trusted):
                self._mend(key, entry, self._now())
            elif not is_home:
                continue
            elif entry.status.logins or entry.status.more_logins:
                self._scheduler.set(key, self._now())

    def missing_accounts(self) -> frozenset[Key]:
        """The ServiceAccounts that environments wait for."""
        waiting = self._cache.failed_for(ACCOUNT_MISSING)
        return frozenset(entry.account for _, entry in waiting if entry.account)

    def on_account(self, account: Key) -> None:
        """A missing ServiceAccount exists now."""
        self._recoveries.note()
        for key, entry in self._cache.failed_for(ACCOUNT_MISSING):
            if account == entry.account:
                self._mend(key, entry, self._now())

    def _mend(self, key: Key, entry: CachedEnvironment, when: datetime) -> None:
        if entry.failed:
            entry.failed = replace(entry.failed, mended=True)
        self._scheduler.set(key, when)
