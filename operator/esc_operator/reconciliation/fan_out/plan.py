"""One evaluation in many namespaces: which Secret the others are measured by, which lag behind, what is told. Pure.

All Secrets of a ClusterEscEnvironment hold the same data and the same record. Whoever may write Secrets in one
namespace could write another record with other data there, so a record counts only if its seal stands in the status,
which only the operator writes: nobody can make the others get what is theirs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from esc_operator.kube.events import Event
from esc_operator.reconciliation.sync.decide import Plan
from esc_operator.reconciliation.sync.targets import refuse_target
from esc_operator.resources import reasons
from esc_operator.resources.conditions import READY, Condition, carry_transition_times, find_condition
from esc_operator.resources.status import MAX_FAILING, FailingNamespace, NamespaceSummary, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.reconciliation.sync.gather import TargetSecret
    from esc_operator.reconciliation.sync.outcome import Refused
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.sync_record import SyncRecord

NAMED = 5
"""So many failing namespaces are named in a message."""


@dataclass(frozen=True, slots=True)
class Site:
    """A namespace that is to have the Secret. `local` is the environment as if it were one of that namespace, `target`
    what is there, `refused` why that must not be touched."""

    local: EscEnvironment
    target: TargetSecret
    refused: Refused | None = None

    @property
    def key(self) -> Key:
        return self.local.target_key

    @property
    def record(self) -> SyncRecord | None:
        """What its Secret was made from, if that is this environment's and as it was made."""
        secret = self.target.secret
        if self.refused or secret is None or not self.target.intact or secret.record is None:
            return None
        return secret.record if secret.record.uid == self.local.uid else None

    def holds(self, seal: str) -> bool:
        record = self.record
        return record is not None and record.seal == seal


@dataclass(frozen=True, slots=True)
class Trouble:
    """A namespace whose Secret could not be written: how often in a row, and when that is tried again."""

    failures: int
    due: datetime
    reason: str
    message: str


def make_site(local: EscEnvironment, target: TargetSecret) -> Site:
    return Site(local, target, refuse_target(local, target.secret))


def best_of(sites: Iterable[Site], seals: Sequence[str]) -> Site | None:
    """A namespace whose Secret the others may be filled from: of the records that the operator made, the newest."""
    sealed = ((seals.index(record.seal), site) for site in sites if (record := site.record) and record.seal in seals)
    return min(sealed, key=lambda one: one[0], default=(0, None))[1]


def newest_of(records: Iterable[SyncRecord], seals: Sequence[str]) -> tuple[SyncRecord | None, int]:
    """Of the records that the operator made, the newest, and how many Secrets have it."""
    sealed = [(seals.index(seal), record) for record in records if (seal := record.seal) in seals]
    place, newest = min(sealed, key=lambda one: one[0], default=(0, None))
    return newest, sum(each == place for each, _ in sealed)


def lagging(sites: Iterable[Site], seal: str) -> list[Site]:
    """Those that may be written and do not hold what they should."""
    return [site for site in sites if not site.refused and not site.holds(seal)]


def digest_versions(versions: Mapping[Key, str]) -> str:
    """All versions of many Secrets in one short text: a status says with it which ones were seen in order."""
    lines = "\n".join(f"{key}={version}" for key, version in sorted(versions.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32] if versions else ""


def summarise(sites: Sequence[Site], troubles: Mapping[Key, Trouble], seal: str) -> NamespaceSummary:
    failing = [
        FailingNamespace(site.local.key.namespace, *_why(site, troubles))
        for site in sites
        if not site.holds(seal) and (site.refused or site.key in troubles)
    ]
    synced = sum(site.holds(seal) for site in sites)
    return NamespaceSummary(len(sites), synced, len(failing), tuple(failing[:MAX_FAILING]))


def _why(site: Site, troubles: Mapping[Key, Trouble]) -> tuple[str, str]:
    if site.refused:
        return site.refused.reason, site.refused.message
    return troubles[site.key].reason, troubles[site.key].message


def tell_namespaces(plan: Plan, old: Status, summary: NamespaceSummary, now: datetime) -> Plan:
    """The plan that also tells of the namespaces: Ready is True only if all of them have the values."""
    status = replace(plan.status, namespaces=summary)
    ready = find_condition(status.conditions, READY)
    if not summary.failing or ready is None or ready.status != "True" or ready.reason == reasons.SUSPENDED:
        return replace(plan, status=status)
    failing = replace(ready, status="False", reason=reasons.NAMESPACES_FAILING, message=tell_failing(summary))
    others = [one for one in status.conditions if one.type != READY]
    conditions = carry_transition_times((failing, *others), old.conditions, now)
    before = find_condition(old.conditions, READY)
    is_news = before is None or before.reason != reasons.NAMESPACES_FAILING
    event = Event("Warning", reasons.NAMESPACES_FAILING, failing.message) if is_news else plan.event
    return replace(plan, status=replace(status, conditions=conditions), event=event)


def tell_failing(summary: NamespaceSummary) -> str:
    """Which namespaces do not have the values, for people."""
    named = "; ".join(f"{one.namespace}: {one.reason}: {one.message}" for one in summary.failures[:NAMED])
    more = f"; and {summary.failing - NAMED} more" if summary.failing > NAMED else ""
    return f"{summary.failing} of {summary.matched} namespaces do not have the values: {named}{more}"


def plan_idle(environment: EscEnvironment, old: Status, now: datetime) -> Plan:
    """Nothing is to be filled, so nothing is evaluated."""
    if environment.spread is None:
        reason, message = reasons.NO_TARGET, "spec.target is not set: it fills no Secret and is there to be imported"
    else:
        reason, message = reasons.NO_NAMESPACES, "no namespace fits spec.target: no Secret is filled"
    ready = Condition(READY, "True", reason, message, environment.generation)
    status = Status(
        conditions=carry_transition_times((ready,), old.conditions, now),
        observed_generation=environment.generation,
        observed_rotate_request=environment.rotate_request.annotation,
        observed_rotation=environment.rotate_request.rotation,
        namespaces=NamespaceSummary() if environment.spread else None,
        seals=old.seals,
    )
    return Plan(status=status, wake_at=None)
