"""The status of an EscEnvironment. Names, times and counts only: no value of any variable."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.formats.times import format_optional_time, parse_time
from esc_operator.resources.conditions import Condition, parse_condition, shorten
from esc_operator.resources.imported import BEHIND, NOT_THERE, SOURCE, Imported, own_source
from esc_operator.resources.rotate_request import RotateRequest
from esc_operator.resources.warnings import StatusWarning, parse_warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


MAX_LOGINS = 64
"""How many logins a status lists; more would only make every object larger."""


class LoginStatus(NamedTuple):
    """A provider that an environment opens, its role and its organization, "" for none. `hidden`: it may have a role
    that is not shown, because it is a secret or the provider does not report it."""

    provider: str
    role: str = ""
    hidden: bool = False
    organization: str = ""

    def to_dict(self) -> dict[str, Any]:
        told = {"role": self.role, "organization": self.organization, "roleHidden": self.hidden}
        return {"provider": self.provider, **{name: value for name, value in told.items() if value}}


MAX_VERSIONS = 64
"""How many versions of secrets a status lists."""


class SecretVersion(NamedTuple):
    """Which version of a secret was read: the provider, the input that asked for it, such as `get.db`, the secret's
    name and version, "" if they may not be shown, and what else a reader of the value has to know."""

    provider: str
    input: str
    name: str = ""
    version: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, str]:
        return {name: text for name, text in self._asdict().items() if text}


MAX_FAILING = 20
"""How many failing namespaces a status names."""


class FailingNamespace(NamedTuple):
    """A namespace that does not have the current values, or whose pods do not, and why."""

    namespace: str
    reason: str
    message: str

    def to_dict(self) -> dict[str, str]:
        return {"namespace": self.namespace, "reason": self.reason, "message": shorten(self.message)}


@dataclass(frozen=True, slots=True)
class NamespaceSummary:
    """How many namespaces should have a Secret and how many have it; `failures` are the first of those that do not.

    With rollouts, `rolled_out` counts the namespaces whose workloads all run with their Secret's values, and `behind`
    are the first others, the worst first.
    """

    matched: int = 0
    synced: int = 0
    failing: int = 0
    failures: tuple[FailingNamespace, ...] = ()
    rolled_out: int | None = None
    behind: tuple[FailingNamespace, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "matched": self.matched,
            "synced": self.synced,
            "failing": self.failing,
            "failures": [one.to_dict() for one in self.failures[:MAX_FAILING]] or None,
            "rolledOut": self.rolled_out,
            "behind": [one.to_dict() for one in self.behind[:MAX_FAILING]] or None,
        }


def parse_summary(data: Mapping[str, Any] | None) -> NamespaceSummary | None:
    if not data:
        return None
    return NamespaceSummary(
        data.get("matched") or 0,
        data.get("synced") or 0,
        data.get("failing") or 0,
        _parse_failing(data.get("failures")),
        data.get("rolledOut"),
        _parse_failing(data.get("behind")),
    )


def _parse_failing(items: Iterable[Mapping[str, Any]] | None) -> tuple[FailingNamespace, ...]:
    return tuple(
        FailingNamespace(item["namespace"], item.get("reason") or "", item.get("message") or "") for item in items or ()
    )


@dataclass(frozen=True, slots=True)
class Status:
    """What the operator last did, and when it will act again.

    `observed_rotate_request` is the value of the rotate annotation at the last attempt, `observed_rotation` the id of
    the EscRotation's run at that time. `status.rotation` itself is left out: the EscRotation writes it separately.
    `secret_resource_version` is the Secret as the operator last saw it in order: any other version is checked before it
    is trusted.
    """

    conditions: tuple[Condition, ...] = ()
    observed_generation: int = 0
    observed_rotate_request: str = ""
    observed_rotation: str = ""
    secret_name: str = ""
    secret_resource_version: str = ""
    variables: tuple[str, ...] = ()
    expires_at: datetime | None = None
    refreshed_at: datetime | None = None
    next_refresh_at: datetime | None = None
    failures: int = 0
    last_failure_at: datetime | None = None
    rolled_out_revision: str = ""
    """The revision of the Secret that all workloads are known to run with."""
    rollout_started_at: datetime | None = None
    rollout_seconds: int = 0
    """How long the last rollout took, until its last pod was ready."""
    rollout_digest: str = ""
    """Of a ClusterEscEnvironment: a digest of the namespaces whose workloads are known to run with their Secret's
    values."""
    definition_origin: str = ""
    """The environment in Pulumi Cloud that the values are from, such as acme/shop/prod@stable."""
    definition_revision: str = ""
    """Its revision, as far as it is known."""
    imports: Mapping[str, Imported] | None = None
    """Each environment that definitions of its own place imported, by name; `BEHIND` stands for all others, `SOURCE`
    for the object that holds its own definition."""
    logins: tuple[LoginStatus, ...] = ()
    """The logins for the values in the Secret, each once, in order."""
    more_logins: bool = False
    """There may be more logins than `logins` lists: there were too many, or a status that listed them was lost."""
    secret_versions: tuple[SecretVersion, ...] = ()
    """The versions of the secrets that were read from stores, in order."""
    allowances: str = ""
    """If a role is hidden: a digest of the roles that the namespace allowed at the last login."""
    rotations_count_until: datetime | None = None
    """How long the rotations count that the annotation requested (see `renewal.rotation_gap`)."""
    rotation_due_at: datetime | None = None
    """When the rotation that the annotation requests will start, if it has to wait."""
    rotator_states: str = ""
    """The Secret, as `namespace/name`, that holds the states of its rotators."""
    warnings: tuple[StatusWarning, ...] = ()
    """What is probably not as its author meant it; the condition Warnings repeats them."""

    namespaces: NamespaceSummary | None = None
    """Of a ClusterEscEnvironment that fills Secrets."""
    seals: tuple[str, ...] = ()
    """The seals of the records that its Secrets may hold, the newest first: a Secret with another one is not the
    operator's."""

    @property
    def hides_roles(self) -> bool:
        """Whether it may log in to a hidden role."""
        return self.more_logins or any(login.hidden for login in self.logins)

    @property
    def observed_request(self) -> RotateRequest:
        return RotateRequest(self.observed_rotate_request, self.observed_rotation)

    def _named_imports(self) -> list[tuple[str, Imported]]:
        return sorted((name, used) for name, used in (self.imports or {}).items() if name not in {BEHIND, SOURCE})

    @property
    def rollout_time(self) -> timedelta:
        """How long the last rollout took; zero if not known."""
        return timedelta(seconds=self.rollout_seconds)

    def to_dict(self) -> dict[str, Any]:
        """The status as the API server stores it; absent fields are None, so that a merge patch clears them."""
        return {
            "conditions": [condition.to_dict() for condition in self.conditions],
            "observedGeneration": self.observed_generation,
            "observedRotateRequest": self.observed_rotate_request or None,
            "observedRotation": self.observed_rotation or None,
            "secretName": self.secret_name or None,
            "secretResourceVersion": self.secret_resource_version or None,
            "variables": list(self.variables) or None,
            "expiresAt": format_optional_time(self.expires_at),
            "refreshedAt": format_optional_time(self.refreshed_at),
            "nextRefreshAt": format_optional_time(self.next_refresh_at),
            "failures": self.failures or None,
            "lastFailureAt": format_optional_time(self.last_failure_at),
            "rolledOutRevision": self.rolled_out_revision or None,
            "rolloutStartedAt": format_optional_time(self.rollout_started_at),
            "rolloutSeconds": self.rollout_seconds or None,
            "rolloutDigest": self.rollout_digest or None,
            "imports": [_import_to_dict(name, used) for name, used in self._named_imports()] or None,
            "indirectImports": (self.imports or {}).get(BEHIND, NOT_THERE).uid or None,
            "definitionMark": (self.imports or {}).get(SOURCE, NOT_THERE).uid or None,
            "definitionNamespace": (self.imports or {}).get(SOURCE, NOT_THERE).source or None,
            "definitionOrigin": self.definition_origin or None,
            "definitionRevision": self.definition_revision or None,
            "namespaces": self.namespaces.to_dict() if self.namespaces else None,
            "seals": list(self.seals) or None,
            "rotatorStates": self.rotator_states or None,
            "logins": [login.to_dict() for login in self.logins[:MAX_LOGINS]] or None,
            "moreLogins": self.more_logins or None,
            "secretVersions": [one.to_dict() for one in self.secret_versions[:MAX_VERSIONS]] or None,
            "allowances": self.allowances or None,
            "rotationsCountUntil": format_optional_time(self.rotations_count_until),
            "rotationDueAt": format_optional_time(self.rotation_due_at),
            "warnings": [warning.to_dict() for warning in self.warnings] or None,
        }


def _import_to_dict(name: str, used: Imported) -> dict[str, Any]:
    known = {"uid": used.uid, "definitionMark": used.source}
    return {"name": name, "generation": used.generation, **{field: text for field, text in known.items() if text}}


def _parse_imports(data: Mapping[str, Any]) -> dict[str, Imported]:
    named = {
        item["name"]: Imported(item.get("generation") or 0, item.get("uid") or "", item.get("definitionMark") or "")
        for item in data.get("imports") or ()
    }
    behind, own, place = data.get("indirectImports"), data.get("definitionMark"), data.get("definitionNamespace") or ""
    return {
        **named,
        **({BEHIND: Imported(1, behind)} if behind else {}),
        **({SOURCE: own_source(own, place)} if own else {}),
    }


def parse_status(data: Mapping[str, Any] | None) -> Status:
    """Read a status; whatever is absent or unreadable counts as never written."""
    data = data or {}
    return Status(
        conditions=tuple(parse_condition(item) for item in data.get("conditions") or ()),
        observed_generation=data.get("observedGeneration") or 0,
        observed_rotate_request=data.get("observedRotateRequest") or "",
        observed_rotation=data.get("observedRotation") or "",
        secret_name=data.get("secretName") or "",
        secret_resource_version=data.get("secretResourceVersion") or "",
        variables=tuple(data.get("variables") or ()),
        expires_at=parse_time(data.get("expiresAt")),
        refreshed_at=parse_time(data.get("refreshedAt")),
        next_refresh_at=parse_time(data.get("nextRefreshAt")),
        failures=data.get("failures") or 0,
        last_failure_at=parse_time(data.get("lastFailureAt")),
        rolled_out_revision=data.get("rolledOutRevision") or "",
        rollout_started_at=parse_time(data.get("rolloutStartedAt")),
        rollout_seconds=data.get("rolloutSeconds") or 0,
        rollout_digest=data.get("rolloutDigest") or "",
        definition_origin=data.get("definitionOrigin") or "",
        definition_revision=data.get("definitionRevision") or "",
        imports=_parse_imports(data),
        namespaces=parse_summary(data.get("namespaces")),
        seals=tuple(data.get("seals") or ()),
        rotator_states=data.get("rotatorStates") or "",
        logins=tuple(
            LoginStatus(
                item["provider"],
                item.get("role") or "",
                bool(item.get("roleHidden")),
                item.get("organization") or "",
            )
            for item in data.get("logins") or ()
        ),
        more_logins=bool(data.get("moreLogins")),
        secret_versions=tuple(
            SecretVersion(*(item.get(field) or "" for field in SecretVersion._fields))
            for item in data.get("secretVersions") or ()
        ),
        allowances=data.get("allowances") or "",
        rotations_count_until=parse_time(data.get("rotationsCountUntil")),
        rotation_due_at=parse_time(data.get("rotationDueAt")),
        warnings=parse_warnings(data.get("warnings")),
    )
