"""The reads of an EscRotation: the environments that it selects, and the state of those that were asked.

Environments are listed in pages when a run starts or is resumed, and only a few words are kept of each; their progress
comes from the operator's cache of all environments, without another request to the API server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import parse_time
from esc_operator.kube.pages import PageLimits
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS, Resource
from esc_operator.reconciliation.fan_out.plan import describe_failing, newest_of
from esc_operator.reconciliation.rotations.judgement import PATIENCE, EnvironmentView, Obstacle
from esc_operator.reconciliation.sync.unfilled import EVERY_REASON
from esc_operator.resources import reasons
from esc_operator.resources.conditions import READY, REFRESHED, ROLLED_OUT, find_condition
from esc_operator.resources.rotation_selection import Candidate, Places, candidate_of, in_order, select, unrotated_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.secret_informer import SecretInformer
    from esc_operator.reconciliation.sync.cache import Cache, CachedEnvironment
    from esc_operator.reconciliation.sync.gather import Gatherer
    from esc_operator.resources.environment import Key
    from esc_operator.resources.rotate_request import AskedRotation
    from esc_operator.resources.rotation import Selector
    from esc_operator.resources.sync_record import SyncRecord

_NEEDS_SOMEBODY = frozenset({reasons.ROLLOUT_STUCK, reasons.ROLLOUT_BLOCKED, reasons.ROLLOUT_REFUSED})


class RotationGatherer:
    def __init__(
        self,
        api: KubeApi,
        gatherer: Gatherer,
        secrets: SecretInformer,
        cache: Cache,
        namespaces: Callable[[str], Mapping[str, str] | None],
    ) -> None:
        """`namespaces` returns the labels of one; None if it does not exist."""
        self._api = api
        self._gatherer = gatherer
        self._secrets = secrets
        self._cache = cache
        self._namespaces = namespaces
        self._limits = PageLimits()

    async def select(self, selector: Selector, before: datetime) -> list[Candidate]:
        """The selected environments, in order. Those created after `before` have new values anyway. Raises
        KubeError."""

        def take(body: Mapping[str, Any]) -> Candidate | None:
            return select(selector, body, self._namespaces, is_current=self._is_current(body))

        found: list[Candidate | None] = []
        for resource, namespace in _lists(selector):
            found += (await self._api.list_all(resource, namespace, take, self._limits))[0]
        return in_order(one for one in found if one and (one.created_at is None or one.created_at <= before))

    def places(self) -> Places:
        """The places of environments, what they open, and of which organizations, as far as this process knows."""
        entries = self._cache.entries()
        namespaces = {key.namespace for key, _ in entries} - {""}
        logins = [login for _, entry in entries for login in entry.status.logins]
        organizations = {login.organization for login in logins} - {""}
        return Places(namespaces, {login.provider for login in logins}, organizations)

    def _is_current(self, body: Mapping[str, Any]) -> bool:
        """Whether the status is no older than the Secret's record: a write of the status may have been lost."""
        record = self.as_listed(candidate_of(body)).record
        told_at = parse_time((body.get("status") or {}).get("refreshedAt"))
        return record is None or (told_at is not None and told_at >= record.refreshed_at)

    def as_listed(self, candidate: Candidate) -> EnvironmentView:
        """The state of an environment when it was listed."""
        record, lags = self._held(candidate.key, candidate.target, candidate.uid, candidate.seals, candidate.matched)
        return EnvironmentView(
            record=record,
            lags=lags,
            asked=candidate.asked,
            suspended=candidate.suspended,
            rolls=candidate.rolls,
            rolled_out=candidate.rolled_out,
            opens_nothing=candidate.opens_nothing,
            is_told=record is not None and record.rotation == candidate.observed,
            unrotated=candidate.unrotated,
        )

    def asked_of(self, candidate: Candidate) -> AskedRotation | None:
        """The request to an environment, as far as it is known without a read."""
        entry = self._entry(candidate)
        return entry.rotation if entry else candidate.asked

    def pending(self, candidate: Candidate) -> AskedRotation | None:
        """The request to an environment that its Secret does not honour yet, as far as it is known without a read."""
        asked, record = self.asked_of(candidate), self.as_listed(candidate).record
        return asked if asked and (record is None or record.rotation != asked.id) else None

    def is_suspended(self, candidate: Candidate) -> bool:
        entry = self._entry(candidate)
        return entry.suspended if entry else candidate.suspended

    async def look_at(self, candidate: Candidate) -> EnvironmentView | None:
        """The current state of an environment that was asked; None if it is gone. Raises KubeError."""
        entry = self._cache.find(candidate.key)
        if entry is None:
            return await self._read(candidate)  # it was just deleted, or this process has not looked at it yet
        if entry.uid != candidate.uid:
            return None
        status, summary = entry.status, entry.status.namespaces
        matched = summary.matched if summary else 0
        record, lags = self._held(candidate.key, entry.target, entry.uid, status.seals, matched)
        return EnvironmentView(
            record=record,
            asked=entry.rotation,
            trouble=_trouble(entry),
            suspended=entry.suspended,
            rolls=entry.rolls,
            rolled_out=status.rolled_out_revision,
            rollout_trouble=_rollout_trouble(entry, record),
            lags=lags,
            lag_trouble=_lag_trouble(entry, record),
            idle=_is_idle(entry),
            opens_nothing=not (status.logins or status.more_logins or status.rotator_states),
            is_told=record is not None and record.rotation == status.observed_rotation,
            unrotated=unrotated_of(status.warnings),
        )

    async def _read(self, candidate: Candidate) -> EnvironmentView | None:
        body = await self._gatherer.read_environment(candidate.key)
        if body is None or body["metadata"]["uid"] != candidate.uid:
            return None
        return self.as_listed(candidate_of(body))

    def _held(
        self, key: Key, target: Key, uid: str, seals: Sequence[str], matched: int
    ) -> tuple[SyncRecord | None, bool]:
        """The record of its Secret, or the newest one of its many Secrets, and whether any of `matched` lacks it."""
        found = [self._secrets.find(target)] if key.namespace else self._secrets.belonging(key.full_name)
        records = [secret.record for secret in found if secret and secret.record and secret.record.uid == uid]
        if key.namespace:
            return (records[0] if records else None), False
        newest, holding = newest_of(records, seals)
        return newest, holding < matched

    def _entry(self, candidate: Candidate) -> CachedEnvironment | None:
        entry = self._cache.find(candidate.key)
        return entry if entry and entry.uid == candidate.uid else None


def _lists(selector: Selector) -> list[tuple[Resource, str | None]]:
    """The lists to read: cluster-scoped environments are in no namespace."""
    if selector.namespaces:
        return [(ENVIRONMENTS, namespace) for namespace in dict.fromkeys(selector.namespaces)]
    if selector.namespace_labels is not None:
        return [(ENVIRONMENTS, None)]
    return [(ENVIRONMENTS, None), (CLUSTER_ENVIRONMENTS, None)]


def _trouble(entry: CachedEnvironment) -> Obstacle | None:
    """The problem of the last attempt, if that was made for the current request."""
    failed, told = entry.failed, find_condition(entry.status.conditions, REFRESHED)
    # Requests that its owner has made since do not count: they must not delay a rotation.
    if failed is None or told is None or failed.rotate_request[-1] != entry.rotate_request.rotation:
        return None
    return Obstacle(told.reason, told.message, final=not failed.retryable or failed.failures >= PATIENCE)


def _rollout_trouble(entry: CachedEnvironment, record: SyncRecord | None) -> Obstacle | None:
    """The problem of the rollout; None between the write of the Secret and that of the status."""
    told = find_condition(entry.status.conditions, ROLLED_OUT)
    if told is None or record is None or entry.status.observed_rotation != record.rotation:
        return None
    needs_somebody = told.status == "False" and told.reason in _NEEDS_SOMEBODY
    # If pods of other namespaces are still starting, the rotation waits for them.
    return Obstacle(told.reason, told.message, final=needs_somebody and entry.status.rollout_started_at is None)


def _lag_trouble(entry: CachedEnvironment, record: SyncRecord | None) -> Obstacle | None:
    """Why namespaces do not have the values of that record; None while the status is about earlier values."""
    summary = entry.status.namespaces
    if record is None or summary is None or not summary.failures or entry.status.observed_rotation != record.rotation:
        return None
    final = entry.namespace_failures >= PATIENCE
    return Obstacle(reasons.NAMESPACES_FAILING, describe_failing(summary), final=final)


def _is_idle(entry: CachedEnvironment) -> bool:
    told = find_condition(entry.status.conditions, READY)
    has_seen = entry.rotation is not None and entry.status.observed_rotation == entry.rotation.id
    return has_seen and told is not None and told.reason in EVERY_REASON
