"""Which environments an EscRotation means, and in which order. Pure; the operator and `esc rotate` both ask here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from esc_operator.resources.environment import Key
from esc_operator.resources.rotate_request import AskedRotation, parse_asked_rotation
from esc_operator.resources.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from esc_operator.resources.rotation import Selector

    NamespaceLabels = Callable[[str], Mapping[str, str] | None]
    """The labels of a namespace; None where it is not there."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An environment as it was listed. `rolls`: its pods are replaced when its Secret changes, and `rolled_out` is the
    revision that all of them were known to hold. A ClusterEscEnvironment was to fill Secrets in `matched` namespaces,
    and `seals` are those of the records that they may hold, the newest first."""

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


def is_selected(selector: Selector, body: Mapping[str, Any], namespaces: NamespaceLabels) -> bool:
    """Whether an environment fits everything that the selector gives, and fills a Secret at all."""
    metadata = body["metadata"]
    return (
        _fills(body)
        and _is_there(selector, metadata.get("namespace") or "", namespaces)
        and selector.labels.fits(metadata.get("labels") or {})
        and _logs_in(selector, (body.get("status") or {}).get("logins") or ())
    )


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


def _logs_in(selector: Selector, logins: Iterable[Mapping[str, Any]]) -> bool:
    if not (selector.provider or selector.role):
        return True
    return any(
        (not selector.provider or login.get("provider") == selector.provider)
        and (not selector.role or _fits(login.get("role") or "", selector.role))
        for login in logins
    )


def _fits(role: str, pattern: str) -> bool:
    # A bracket is an ordinary character here: nobody expects sets of characters in the pattern of an ARN.
    return fnmatchcase(role, pattern.replace("[", "[[]"))
