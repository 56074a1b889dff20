"""The Secrets of ClusterEscEnvironments in their namespaces: a fan-out's reads and writes, a bounded number at a time.

Owns which versions of them are trusted to be in order. It decides nothing about their contents.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from esc_operator.errors import ConflictError, EscError, KubeError
from esc_operator.reconciliation.fan_out.plan import Site, SiteFailure, best_of, digest_versions, make_site
from esc_operator.reconciliation.sync.failed_write import reason_of
from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.reconciliation.sync.secret_body import secret_body
from esc_operator.reconciliation.sync.target_secret import NO_SECRET, TargetSecret
from esc_operator.reconciliation.workqueue.retry_pace import RetryPace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.shared import Shared
    from esc_operator.renewal.restorations import Restorations
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""How many requests run at a time for all fan-outs together: less than half of the connections; others need some
too."""


@dataclass(slots=True)
class SiteMemory:
    """The memory of one environment's namespaces. `trusted`: the versions at which Secrets were seen in order.
    `troubles` are the failures of single namespaces, `restorations` how often in a row others have changed a Secret.
    `pending`: the record of values that no namespace has yet."""

    trusted: dict[Key, str] = field(default_factory=dict)
    troubles: dict[Key, SiteFailure] = field(default_factory=dict)
    restorations: dict[Key, Restorations] = field(default_factory=dict)
    is_fresh: bool = True
    pending: SyncRecord | None = None


class SiteSecrets:
    """`slots`: each write takes one. `retry_pace` says when failed writes are retried, by Secret."""

    def __init__(self, shared: Shared, namespaces: Namespaces) -> None:
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.retry_pace: RetryPace[Key] = RetryPace(lambda key: key.namespace)
        self._gatherer = shared.gatherer
        self._actor = shared.actor
        self._namespaces = namespaces

    def standing(self, environment: EscEnvironment, seals: Sequence[str]) -> TargetSecret:
        """The Secret that represents all, as far as it is known without a request."""
        found = self._gatherer.belonging(environment.reference)
        sites = [make_site(environment.within(one.key.namespace), TargetSecret(one)) for one in found]
        best = best_of(sites, seals)
        return best.target if best else NO_SECRET

    # Reads.

    async def look(self, environment: EscEnvironment, status: Status, memory: SiteMemory) -> list[Site]:
        """All namespaces that should have the Secret, with their current state; one whose Secret cannot be read delays
        no other. Raises KubeError if none can be read."""
        names = self._matching(environment)
        keys = {name: environment.within(name).target_key for name in names}
        if memory.is_fresh:
            memory.trusted = self._trusted_by(status, keys.values())
            memory.is_fresh = False
        wanted = set(keys.values())
        memory.restorations = {key: one for key, one in memory.restorations.items() if key in wanted}
        for gone in memory.troubles.keys() - wanted:
            del memory.troubles[gone]
            self.retry_pace.forget(gone)
        found = await asyncio.gather(*(self._try_at(environment.within(name), memory) for name in names))
        unread = [one for one in found if isinstance(one, KubeError)]
        if unread and len(unread) == len(found):
            raise unread[0]
        return [
            self._unread(environment.within(name), one) if isinstance(one, KubeError) else one
            for name, one in zip(names, found, strict=True)
        ]

    async def _try_at(self, local: EscEnvironment, memory: SiteMemory) -> Site | KubeError:
        try:
            return await self._look_at(local, memory)
        except KubeError as error:
            return error

    def _unread(self, local: EscEnvironment, error: KubeError) -> Site:
        refused = Refused(reason_of(error), error.message, retry_after=error.retry_after, unwritten=True)
        return Site(local, TargetSecret(self._gatherer.known(local.target_key)), refused)

    def missing(self, environment: EscEnvironment) -> list[str]:
        """The namespaces that its target names and that do not exist."""
        named = environment.spread.namespaces if environment.spread else ()
        return sorted(name for name in named if self._namespaces.find(name) is None)

    def _matching(self, environment: EscEnvironment) -> list[str]:
        spread = environment.spread
        if spread is None:
            return []
        return [name for name, one in self._namespaces if not one.terminating and spread.reaches(name, one.labels)]

    def _trusted_by(self, status: Status, keys: Iterable[Key]) -> dict[Key, str]:
        """After a start: all Secrets at their current versions, if the status says that these were seen in order."""
        versions = {
            key: known.version
            for key in keys
            if (known := self._gatherer.known(key)) and known.record and known.record.seal in status.seals[:1]
        }
        return versions if digest_versions(versions) == status.secret_resource_version else {}

    async def _look_at(self, local: EscEnvironment, memory: SiteMemory) -> Site:
        key = local.target_key
        known = self._gatherer.known(key)
        if known is not None and known.version == memory.trusted.get(key):
            return make_site(local, await self._gatherer.read_target(local, known.version))
        async with self.slots:
            target = await self._gatherer.read_target(local, memory.trusted.get(key, ""))
        site = make_site(local, replace(target, data=None))  # memory must not hold all their data at once
        if site.record and (version := site.target.trusted_version):
            memory.trusted[key] = version
        return site

    async def read_data(self, site: Site, record: SyncRecord) -> Mapping[str, str]:
        """The data of the record. Raises KubeError, also if the Secret has other data by now."""
        target = await self._gatherer.read_whole(site.local, keep=True)
        found = target.secret.record if target.secret else None
        if target.data is None or found is None or found.seal != record.seal:
            raise ConflictError(f"Secret {site.key} has just been changed")
        return target.data

    # Writes.

    async def write(self, site: Site, record: SyncRecord, data: Mapping[str, str]) -> Site:
        """Write the Secret of one namespace; returns its new state. Raises KubeError."""
        secret = site.target.secret
        body = secret_body(site.local, secret, record, data)
        return make_site(site.local, await self._actor.write(body, creates=secret is None))

    async def write_seals(self, environment: EscEnvironment, entry: CachedEnvironment, seals: tuple[str, ...]) -> None:
        """Write into the status which records count. Raises KubeError."""
        status = replace(entry.status, seals=seals)
        await self._actor.write_status(environment, entry.status if entry.is_written else None, status)
        entry.status, entry.is_written = status, True

    async def leave(self, environment: EscEnvironment, sites: Sequence[Site], seals: Sequence[str]) -> bool:
        """Delete the Secret in namespaces that should no longer have it, and under a former name; returns whether any
        is left over. In a namespace that is being deleted, everything goes by itself."""
        wanted = {site.key for site in sites}
        newest = seals[:1]
        filled = {site.local.key.namespace for site in sites if (record := site.record) and record.seal in newest}
        reached = {site.local.key.namespace for site in sites}
        left_over = False
        for secret in self._gatherer.belonging(environment.reference):
            place = self._namespaces.find(secret.key.namespace)
            is_former = secret.key.namespace in reached
            if secret.key in wanted or secret.holds_states or environment.uid not in secret.owners:
                continue
            if place is None or place.terminating:
                continue
            if is_former and secret.key.namespace not in filled:
                continue  # the one under the new name comes first
            left_over |= not await self._take_away(environment, secret)
        return left_over

    async def _take_away(self, environment: EscEnvironment, secret: SecretMetadata) -> bool:
        try:
            if environment.spread is not None and environment.target.deletion_policy == "Retain":
                await self._actor.release_secret(secret, environment.uid)
            else:
                await self._actor.delete_secret(secret)
        except EscError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: Secret %s is left over: %s", environment.key, secret.key, error.message, extra=log)
            return False
        return True
