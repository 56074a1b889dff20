"""Which environments an EscRotation means, and in which order. Pure; the operator and `esc rotate` both ask here."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from esc_operator.formats.times import parse_time
from esc_operator.resources.allowances import is_visible, matches
from esc_operator.resources.environment import Key
from esc_operator.resources.rotate_request import AskedRotation, parse_asked_rotation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from esc_operator.resources.rotation import Selector

    NamespaceLabels = Callable[[str], Mapping[str, str] | None]
    """The labels of a namespace; None where it is not there."""

FITS_WIDELY = "fits only with ** in place of each *"
"""What a person is told of a role in a path, whose selector is written as if there were none."""

_NONE: Mapping[str, int] = MappingProxyType({})
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An environment as it was listed. `rolls`: its pods are replaced when its Secret changes, and `rolled_out` is the
    revision that all of them were known to hold. A ClusterEscEnvironment was to fill Secrets in `matched` namespaces,
    and `seals` are those of the records that they may hold, the newest first. `unsure`: whether it logs in as the
    selector says is not told, so it may. `wide`: it does only with `**` in place of each `*` of the selector."""

    key: Key
    uid: str
    target: Key
    expires_at: datetime | None = None
    created_at: datetime | None = None
    suspended: bool = False
    rolls: bool = False
    rolled_out: str = ""
    asked: AskedRotation | None = None
    seals: tuple[str, ...] = ()
    matched: int = 0
    unsure: bool = False
    wide: bool = False


class Fit(StrEnum):
    """Whether an environment fits a selector. MAYBE counts as a fit: it may log in as is asked for, and that is not
    told, which must not be a way around a rotation. So does WIDE: who wrote `*` may have meant roles in paths too, and
    a leaked role must not be left out without a word.
    """

    NO = "no"
    MAYBE = "maybe"
    WIDE = "wide"
    YES = "yes"


def candidate_of(body: Mapping[str, Any]) -> Candidate:
    metadata, spec, status = body["metadata"], body.get("spec") or {}, body.get("status") or {}
    namespace, name = metadata.get("namespace") or "", metadata["name"]
    return Candidate(
        key=Key(namespace, name),
        uid=metadata["uid"],
        target=Key(namespace, (spec.get("target") or {}).get("name") or name),
        expires_at=parse_time(status.get("expiresAt")),
        created_at=parse_time(metadata.get("creationTimestamp")),
        suspended=bool(spec.get("suspend", False)),
        rolls=(spec.get("rollout") or {}).get("policy") == "OnChange",
        rolled_out=status.get("rolledOutRevision") or "",
        asked=parse_asked_rotation(status.get("rotation")),
        seals=tuple(status.get("seals") or ()),
        matched=(status.get("namespaces") or {}).get("matched") or 0,
    )


def select(
    selector: Selector, body: Mapping[str, Any], namespaces: NamespaceLabels, *, is_told: bool = True
) -> Candidate | None:
    """The candidate that an environment is; None where it does not fit. See `fit`."""
    found = fit(selector, body, namespaces, is_told=is_told)
    return None if found is Fit.NO else replace(candidate_of(body), unsure=found is Fit.MAYBE, wide=found is Fit.WIDE)


def fit(selector: Selector, body: Mapping[str, Any], namespaces: NamespaceLabels, *, is_told: bool = True) -> Fit:
    """Whether an environment fits everything that the selector gives, and fills a Secret at all. `is_told` is False
    where its status is known to be older than what its Secret holds."""
    metadata = body["metadata"]
    if not (
        _fills(body)
        and _is_there(selector, metadata.get("namespace") or "", namespaces)
        and selector.labels.fits(metadata.get("labels") or {})
    ):
        return Fit.NO
    return _logs_in(selector, body.get("status") or {}, is_told=is_told and _is_observed(body))


def _is_observed(body: Mapping[str, Any]) -> bool:
    """Whether the operator has looked at the present definition: before, nobody knows what it is about to open."""
    seen = (body.get("status") or {}).get("observedGeneration") or 0
    return bool(seen == (body["metadata"].get("generation") or 0))


def tell_nothing(selector: Selector, suspended: int) -> str:
    """What a person is told whose selector means nobody: what was looked for, and what to do."""
    allow = "spec.allowNone (`esc rotate --allow-none`) says that this is fine"
    if suspended:
        meant = "the only environment that fits is" if suspended == 1 else f"all {suspended} environments that fit are"
        return f"{meant} suspended, so nothing was rotated: end spec.suspend of what is meant; {allow}"
    look = "compare the selector with the namespaces and labels of `kubectl get escenvironments -A --show-labels`"
    if selector.names_login:
        look += ", and with status.logins of `kubectl get escenvironments -A -o yaml`"
    return f"no environment fits {selector.describe()}, so nothing was rotated: {look}; {allow}"


def _is_there(selector: Selector, namespace: str, namespaces: NamespaceLabels) -> bool:
    if selector.namespaces and namespace not in selector.namespaces:
        return False
    if selector.namespace_labels is None:
        return True
    labels = namespaces(namespace) if namespace else None
    return labels is not None and selector.namespace_labels.fits(labels)


def _fills(body: Mapping[str, Any]) -> bool:
    return bool(body["metadata"].get("namespace")) or (body.get("spec") or {}).get("target") is not None


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Whose values expire first goes first; those that never do come last."""
    return sorted(candidates, key=lambda one: (one.expires_at or _NEVER, one.key))


def by_turns(
    candidates: Sequence[Candidate], running: Mapping[str, int] = _NONE, asked: Mapping[str, int] = _NONE
) -> Iterator[Candidate]:
    """By turns among namespaces: that with the fewest under way first, of several the one that was asked least; in a
    namespace they stay in their order. `running` and `asked` say how many there are by then."""
    queues: defaultdict[str, list[tuple[int, Candidate]]] = defaultdict(list)
    for place, one in enumerate(candidates):
        queues[one.key.namespace].append((place, one))
    heads = [(running.get(name, 0), asked.get(name, 0), queue[0][0], name, 0) for name, queue in queues.items()]
    heapq.heapify(heads)
    while heads:
        busy, count, _, name, index = heads[0]
        queue = queues[name]
        yield queue[index][1]
        if index + 1 < len(queue):
            heapq.heapreplace(heads, (busy + 1, count + 1, queue[index + 1][0], name, index + 1))
        else:
            heapq.heappop(heads)


def _logs_in(selector: Selector, status: Mapping[str, Any], *, is_told: bool) -> Fit:
    if not (selector.provider or selector.role):
        return Fit.YES
    logins = [one for one in status.get("logins") or () if selector.provider in {"", one.get("provider")}]
    roles = [one.get("role") or "" for one in logins]
    if any(not selector.role or matches(selector.role, role) for role in roles):
        return Fit.YES
    wide = selector.role.replace("?", "*").replace("*", "**")
    if any(matches(wide, role) for role in roles):
        return Fit.WIDE
    may_be = not is_told or status.get("moreLogins") or any(one.get("roleHidden") for one in logins)
    return Fit.MAYBE if may_be or not all(map(is_visible, roles)) else Fit.NO
