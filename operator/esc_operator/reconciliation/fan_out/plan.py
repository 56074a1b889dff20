"""One evaluation in many namespaces: which Secret represents them, which lag behind, and what the status says. Pure.

All Secrets of a ClusterEscEnvironment hold the same data and the same record. A tenant who may write Secrets in one
namespace could write another record with other data there, so a record counts only if its seal is in the status, which
only the operator writes: no tenant can spread data to other namespaces.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from esc_operator.formats.phrases import counted, first_of
from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.contest import describe_change
from esc_operator.reconciliation.sync.targets import refuse_immutable, refuse_labels, refuse_target
from esc_operator.resources import reasons
from esc_operator.resources.conditions import READY, carry_transition_times, find_condition
from esc_operator.resources.status import MAX_FAILING, FailingNamespace, NamespaceSummary, Status
from esc_operator.resources.warnings import StatusWarning, make_warning, replace_warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.outcome import Refused
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.sync_record import SyncRecord

NAMED = 5
"""How many failing namespaces a message names."""

GIVE_UP_AFTER = 16
"""After this many requests in a row without an answer, the API server is at fault, not single namespaces."""


@dataclass(frozen=True, slots=True)
class Site:
    """A namespace that should have the Secret. `local` is the environment as one of that namespace, `target` the
    current Secret, `refused` why that must not be touched."""

    local: EscEnvironment
    target: TargetSecret
    refused: Refused | None = None

    @property
    def key(self) -> Key:
        return self.local.target_key

    @property
    def record(self) -> SyncRecord | None:
        """The record of its Secret, if that belongs to this environment and its values are all there."""
        secret = self.target.secret
        if self.refused or secret is None or not self.target.intact or secret.record is None:
            return None
        return secret.record if secret.record.uid == self.local.uid else None

    @property
    def was_changed(self) -> bool:
        """Whether others have changed its Secret."""
        return not self.refused and self.target.secret is not None and not self.target.in_order

    def has_values(self, seal: str) -> bool:
        """Whether all values of the record with that seal are in its Secret."""
        record = self.record
        return record is not None and record.seal == seal

    def holds(self, seal: str) -> bool:
        """Whether its Secret is exactly as it was written with that record."""
        return self.has_values(seal) and self.target.in_order


@dataclass(frozen=True, slots=True)
class SiteFailure:
    """A namespace whose Secret could not be written: how often in a row, and when to retry."""

    failures: int
    due: datetime
    reason: str
    message: str


def make_site(local: EscEnvironment, target: TargetSecret) -> Site:
    refused = refuse_target(local, target.secret) or refuse_labels(local) or refuse_immutable(target)
    return Site(local, target, refused)


def best_of(sites: Iterable[Site], seals: Sequence[str]) -> Site | None:
    """The namespace to copy from: the one with the newest record that the operator made."""
    sealed = ((seals.index(record.seal), site) for site in sites if (record := site.record) and record.seal in seals)
    return min(sealed, key=lambda one: one[0], default=(0, None))[1]


def newest_of(records: Iterable[SyncRecord], seals: Sequence[str]) -> tuple[SyncRecord | None, int]:
    """The newest record that the operator made, and how many Secrets have it."""
    sealed = [(seals.index(seal), record) for record in records if (seal := record.seal) in seals]
    place, newest = min(sealed, key=lambda one: one[0], default=(0, None))
    return newest, sum(each == place for each, _ in sealed)


def lagging(sites: Iterable[Site], seal: str) -> list[Site]:
    """The namespaces that may be written and do not have the desired data."""
    return [site for site in sites if not site.refused and not site.holds(seal)]


def digest_versions(versions: Mapping[Key, str]) -> str:
    """A digest of the versions of many Secrets: by it a status records which ones were intact."""
    lines = "\n".join(f"{key}={version}" for key, version in sorted(versions.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32] if versions else ""


def summarise(sites: Sequence[Site], troubles: Mapping[Key, SiteFailure], seal: str) -> NamespaceSummary:
    failing = [
        FailingNamespace(site.local.key.namespace, *_why(site, troubles))
        for site in sites
        if not site.holds(seal) and (site.refused or site.key in troubles)
    ]
    synced = sum(site.holds(seal) for site in sites)
    return NamespaceSummary(len(sites), synced, len(failing), tuple(failing[:MAX_FAILING]))


def _why(site: Site, troubles: Mapping[Key, SiteFailure]) -> tuple[str, str]:
    if site.refused:
        return site.refused.reason, site.refused.message
    return troubles[site.key].reason, troubles[site.key].message


def with_namespaces(plan: Plan, old: Status, summary: NamespaceSummary, now: datetime) -> Plan:
    """The plan with the namespaces' state: Ready is True only if all of them have the values."""
    status = replace(plan.status, namespaces=summary)
    ready = find_condition(status.conditions, READY)
    if not summary.failing or ready is None or ready.status != "True" or ready.reason == reasons.SUSPENDED:
        return replace(plan, status=status)
    failing = replace(ready, status="False", reason=reasons.NAMESPACES_FAILING, message=describe_failing(summary))
    others = [one for one in status.conditions if one.type != READY]
    conditions = carry_transition_times((failing, *others), old.conditions, now)
    before = find_condition(old.conditions, READY)
    is_news = before is None or before.reason != reasons.NAMESPACES_FAILING
    event = Event("Warning", reasons.NAMESPACES_FAILING, failing.message) if is_news else plan.event
    return replace(plan, status=replace(status, conditions=conditions), event=event)


def warn_of_missing(plan: Plan, missing: Sequence[str]) -> Plan:
    """The plan with a warning about the namespaces that the target names and that do not exist, if there are any."""
    found: list[StatusWarning] = []
    if missing:
        named = first_of(missing, NAMED, '"{}"'.format)
        do = "does" if len(missing) == 1 else "do"
        message = (
            f"spec.target.namespaces: {named} {do} not exist: correct the name, or create the namespace, which "
            "then gets the Secret at once"
        )
        found.append(make_warning(reasons.NAMESPACES_MISSING, message))
    warnings = replace_warnings(plan.status.warnings, {reasons.NAMESPACES_MISSING}, found)
    return replace(plan, status=replace(plan.status, warnings=warnings))


def describe_failing(summary: NamespaceSummary) -> str:
    """The message about namespaces that do not have the values."""
    named = "; ".join(f"{one.namespace}: {one.reason}: {one.message}" for one in summary.failures[:NAMED])
    more = f"; and {summary.failing - NAMED} more" if summary.failing > NAMED else ""
    return f"{summary.failing} of {summary.matched} namespaces do not have the values: {named}{more}"


def restored_event(restored: Sequence[Site]) -> Event | None:
    """The event for namespaces whose Secrets were restored, as they were found; None if there are none."""
    if not restored:
        return None
    named = "; ".join(f"{site.local.key.namespace}: {describe_change(site.target)}" for site in restored[:NAMED])
    more = f"; and {len(restored) - NAMED} more" if len(restored) > NAMED else ""
    count = counted(len(restored), "namespace")
    return Event("Normal", reasons.SECRET_RESTORED, f"restored the Secrets of {count}: {named}{more}")
