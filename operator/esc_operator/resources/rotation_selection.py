"""Which environments an EscRotation selects, and in which order. Pure; used by the operator and `esc rotate`."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.formats.spelling import Known, Speller
from esc_operator.formats.times import parse_time
from esc_operator.resources.allowances import is_visible, matches
from esc_operator.resources.conditions import READY
from esc_operator.resources.environment import Key
from esc_operator.resources.reasons import NO_NAMESPACES, NO_VARIABLES, ROTATORS_NOT_ROTATED
from esc_operator.resources.rotate_request import AskedRotation, parse_asked_rotation
from esc_operator.resources.warnings import parse_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from esc_operator.resources.rotation import Selector
    from esc_operator.resources.warnings import StatusWarning

    NamespaceLabels = Callable[[str], Mapping[str, str] | None]
    """The labels of a namespace; None if it does not exist."""

FITS_WIDELY = "matches only with ** in place of each *"
"""The note about a role with a path, if the selector is written as if it had none."""

_NONE: Mapping[str, int] = MappingProxyType({})
_MOST_NAMED = 5
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An environment as listed. `rolls`: its pods are replaced when its Secret changes; `rolled_out` is the revision
    that all of them were known to have. A ClusterEscEnvironment fills Secrets in `matched` namespaces; `seals` are
    those of the records that they may hold, the newest first. `unsure`: its login is hidden, and may match. `wide`: it
    matches only with `**` in place of each `*` of the selector. `opens_nothing`: its status lists no provider.
    `observed` is the run that its status is about, `unrotated` its warning that rotators in Pulumi Cloud have not
    rotated."""

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
    opens_nothing: bool = False
    observed: str = ""
    unrotated: str = ""


class Fit(StrEnum):
    """Whether an environment matches a selector. MAYBE counts as a match: its login is hidden and may match, and hiding
    it must not be a way around a rotation. So does WIDE: the author of a `*` may have meant roles with paths too, and a
    leaked role must not be left out silently.
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
        opens_nothing=not any(status.get(field) for field in ("logins", "moreLogins", "rotatorStates")),
        observed=status.get("observedRotation") or "",
        unrotated=unrotated_of(parse_warnings(status.get("warnings"))),
    )


def unrotated_of(warnings: Iterable[StatusWarning]) -> str:
    """The warning that rotators in Pulumi Cloud have not rotated although that was requested; "" if there is none."""
    return next((one.message for one in warnings if one.reason == ROTATORS_NOT_ROTATED), "")


def select(
    selector: Selector, body: Mapping[str, Any], namespaces: NamespaceLabels, *, is_current: bool = True
) -> Candidate | None:
    """The environment as a candidate; None if it does not match. See `fit`."""
    found = fit(selector, body, namespaces, is_current=is_current)
    return None if found is Fit.NO else replace(candidate_of(body), unsure=found is Fit.MAYBE, wide=found is Fit.WIDE)


def fit(selector: Selector, body: Mapping[str, Any], namespaces: NamespaceLabels, *, is_current: bool = True) -> Fit:
    """Whether an environment matches every field of the selector, and fills a Secret. `is_current` is False if its
    status is known to be older than its Secret."""
    metadata = body["metadata"]
    if not (
        _fills(body)
        and _is_there(selector, metadata.get("namespace") or "", namespaces)
        and selector.labels.fits(metadata.get("labels") or {})
    ):
        return Fit.NO
    return _logs_in(selector, body.get("status") or {}, is_current=is_current and _is_observed(body))


def _is_observed(body: Mapping[str, Any]) -> bool:
    """Whether the operator has observed the current definition: before that, its logins are not known."""
    seen = (body.get("status") or {}).get("observedGeneration") or 0
    return bool(seen == (body["metadata"].get("generation") or 0))


class Places(NamedTuple):
    """Where there are environments, what they open, and of which organizations: what a selector may have meant."""

    namespaces: Collection[str] = ()
    providers: Collection[str] = ()
    organizations: Collection[str] = ()


def places_of(bodies: Iterable[Mapping[str, Any]]) -> Places:
    """Those of environments as listed."""
    namespaces: set[str] = set()
    providers: set[str] = set()
    organizations: set[str] = set()
    for body in bodies:
        namespaces.add(body["metadata"].get("namespace") or "")
        for one in (body.get("status") or {}).get("logins") or ():
            providers.add(one.get("provider") or "")
            organizations.add(one.get("organization") or "")
    return Places(namespaces - {""}, providers - {""}, organizations - {""})


def describe_nothing(selector: Selector, suspended: int, places: Places = Places()) -> str:  # noqa: B008 - immutable
    """The message for a selector that matches nothing: what was searched, and what to do."""
    allow = "to accept this, set spec.allowNone (`esc rotate --allow-none`)"
    if suspended:
        which = "the only environment that matches is" if suspended == 1 else f"all {suspended} that match are"
        return f"{which} suspended, so nothing was rotated: set their spec.suspend to false; {allow}"
    look = "compare the selector with the namespaces and labels of `kubectl get escenvironments -A --show-labels`"
    if selector.names_login:
        look += ", and with status.logins of `kubectl get escenvironments -A -o yaml`"
    look += "; environments that fill no Secret (NoVariables, NoNamespaces) have nothing to renew"
    steps = "; ".join((*_misspelled(selector, places), look, allow))
    return f"no environment matches {selector.describe()}, so nothing was rotated: {steps}"


def _misspelled(selector: Selector, places: Places) -> Iterator[str]:
    speller = Speller()
    for namespace in selector.namespaces[:_MOST_NAMED]:
        if places.namespaces and namespace not in places.namespaces:
            hint = speller.hint(namespace, Known(places.namespaces, "there are some in"))
            yield f'there is none in namespace "{namespace}"{hint}'
    if selector.provider and places.providers and selector.provider not in places.providers:
        hint = speller.hint(selector.provider, Known(places.providers, "what they open is"))
        yield f'none opens "{selector.provider}"{hint}'
    folded = {name.casefold() for name in places.organizations}
    if selector.organization and folded and selector.organization.casefold() not in folded:
        hint = speller.hint(selector.organization, Known(places.organizations, "there are some of"))
        yield f'none is of organization "{selector.organization}"{hint}'


def _is_there(selector: Selector, namespace: str, namespaces: NamespaceLabels) -> bool:
    if selector.namespaces and namespace not in selector.namespaces:
        return False
    if selector.namespace_labels is None:
        return True
    labels = namespaces(namespace) if namespace else None
    return labels is not None and selector.namespace_labels.fits(labels)


def _fills(body: Mapping[str, Any]) -> bool:
    """Whether there is anything to renew: a Secret, or the secrets of rotators. What exports nothing has no Secret."""
    status = body.get("status") or {}
    reasons = [one.get("reason") for one in status.get("conditions") or () if one.get("type") == READY]
    if set(reasons) & {NO_VARIABLES, NO_NAMESPACES} and _is_observed(body):
        return bool(status.get("rotatorStates"))
    return bool(body["metadata"].get("namespace")) or (body.get("spec") or {}).get("target") is not None


def in_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The earliest expiry first; those that never expire last."""
    return sorted(candidates, key=lambda one: (one.expires_at or _NEVER, one.key))


def by_turns(
    candidates: Sequence[Candidate], running: Mapping[str, int] = _NONE, asked: Mapping[str, int] = _NONE
) -> Iterator[Candidate]:
    """By turns among namespaces: the one with the fewest running first, of equal ones the one with the fewest asked; in
    a namespace they keep their order. `running` and `asked` are the counts so far."""
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


def _logs_in(selector: Selector, status: Mapping[str, Any], *, is_current: bool) -> Fit:
    if not selector.names_login:
        return Fit.YES
    logins = [one for one in status.get("logins") or () if _may_be_of(selector, one)]
    # Of a login without an organization it is not known whether it is of the selected one.
    sure = [one.get("role") or "" for one in logins if one.get("organization") or not selector.organization]
    if any(not selector.role or matches(selector.role, role) for role in sure):
        return Fit.YES
    wide = selector.role.replace("?", "*").replace("*", "**")
    if any(matches(wide, role) for role in sure):
        return Fit.WIDE
    hidden = len(sure) < len(logins) or any(one.get("roleHidden") for one in logins)
    may_be = not is_current or status.get("moreLogins") or hidden
    return Fit.MAYBE if may_be or not all(map(is_visible, sure)) else Fit.NO


def _may_be_of(selector: Selector, login: Mapping[str, Any]) -> bool:
    organization = login.get("organization") or ""
    return selector.provider in {"", login.get("provider")} and (
        not (selector.organization and organization) or organization.casefold() == selector.organization.casefold()
    )
