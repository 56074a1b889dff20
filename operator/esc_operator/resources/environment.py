"""EscEnvironment: its typed spec, and keys of environments."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from esc_operator.formats.durations import parse_duration
from esc_operator.resources import CLUSTER_KIND, ENVIRONMENT_KIND, ROTATE_PULUMI_ROTATORS, ROTATE_REQUESTED_AT
from esc_operator.resources.applied import applied_manifest, applied_mark
from esc_operator.resources.definition_source import parse_source
from esc_operator.resources.extent import refuse_size
from esc_operator.resources.rotate_request import NO_REQUEST, AskedRotation, RotateRequest, parse_asked_rotation
from esc_operator.resources.sharing import parse_trusted
from esc_operator.resources.spread import Spread, parse_spread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.resources.definition_source import DefinitionSource

DEFAULT_INTERVAL = timedelta(hours=1)

DEFAULT_MIN_INTERVAL = timedelta(minutes=1)

LONGEST_REQUEST = 253
"""Characters of the annotation that requests new credentials; a longer value is replaced by its digest."""

DeletionPolicy = Literal["Delete", "Retain"]
RolloutPolicy = Literal["Never", "OnChange"]


class Key(NamedTuple):
    """Namespace and name of an object; the namespace of a cluster-scoped one is "".

    An environment's imports name another one by a reference: `name` in its own place, `namespace/name` in another
    namespace, `ClusterEscEnvironment/name` for a cluster-scoped one.
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def full_name(self) -> str:
        """The name of an environment, the same from every place."""
        return f"{self.namespace or CLUSTER_KIND}/{self.name}"

    @property
    def reference(self) -> str:
        """The name of the environment on its Secrets."""
        return self.name if self.namespace else self.full_name

    def seen_from(self, place: str) -> str:
        """The reference by which environments in `place`, a namespace or "", import this one."""
        return self.name if self.namespace == place else self.full_name

    def describe(self) -> str:
        """Kind and name, for messages."""
        return f'{ENVIRONMENT_KIND if self.namespace else CLUSTER_KIND} "{self}"'


def key_of(reference: str, place: str) -> Key:
    """The environment that the reference means in `place`."""
    namespace, slash, name = reference.rpartition("/")
    if not slash:
        return Key(place, name)
    return Key("" if namespace == CLUSTER_KIND else namespace, name)


@dataclass(frozen=True, slots=True)
class Refresh:
    """`interval`: how often to read inputs without an expiry again. `before`: renew credentials at least this long
    before they expire; None: depends on the lifetime."""

    interval: timedelta = DEFAULT_INTERVAL
    before: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The Secret to fill."""

    name: str
    type: str = "Opaque"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    deletion_policy: DeletionPolicy = "Delete"


@dataclass(frozen=True, slots=True)
class RolloutTarget:
    """Workloads of one kind to roll: the named one, or all whose labels match."""

    kind: str
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rollout:
    """Whether to roll workloads when the Secret's data changes. Without `targets`: those that take the Secret.

    `min_interval`: the minimum time between two rollouts of one workload.
    """

    policy: RolloutPolicy = "Never"
    targets: tuple[RolloutTarget, ...] = ()
    min_interval: timedelta = DEFAULT_MIN_INTERVAL


@dataclass(frozen=True, slots=True)
class EscEnvironment:
    """One environment as its owner wrote it. `source` is where its definition is; None if it has none, or that was left
    out because it is too large.

    `account` is the ServiceAccount for its logins; a ClusterEscEnvironment need not have one. `spread` says which
    namespaces get the Secret of a ClusterEscEnvironment; None if it fills none. `trusted` are the other namespaces
    whose definitions may open providers as its identity. `rotate_request` has the requests for new credentials,
    `rotators_request` those of them that also rotate its rotators in Pulumi Cloud, `rotation` the details of an
    EscRotation's request.
    """

    key: Key
    uid: str
    generation: int
    source: DefinitionSource | None
    target: Target
    account: Key | None = None
    refresh: Refresh = Refresh()
    rollout: Rollout = Rollout()
    rotate_request: RotateRequest = NO_REQUEST
    rotators_request: RotateRequest = NO_REQUEST
    rotation: AskedRotation | None = None
    suspend: bool = False
    trusted: frozenset[str] = frozenset()
    spread: Spread | None = None
    cluster_scoped: bool = False
    too_large: str = ""
    """Why it is too large to evaluate; then it has no definition here."""
    manifest: str = field(default="", repr=False)
    """What `kubectl apply` was given, if there is a null in it."""
    applied_mark: int = 0
    """Changes with `manifest`, also if that was left out."""

    @property
    def target_key(self) -> Key:
        return Key(self.key.namespace, self.target.name)

    @property
    def reference(self) -> str:
        """Its name on its Secrets."""
        return Key("", self.key.name).reference if self.cluster_scoped else self.key.reference

    def within(self, namespace: str) -> EscEnvironment:
        """A ClusterEscEnvironment as an environment of one namespace whose Secret it fills."""
        return replace(self, key=Key(namespace, self.key.name))


def parse_environment(body: Mapping[str, Any]) -> EscEnvironment:
    """Parse an environment of either kind that the API server has validated against the CRD."""
    metadata, spec = body["metadata"], body.get("spec") or {}
    rotation = parse_asked_rotation((body.get("status") or {}).get("rotation"))
    key = Key(metadata.get("namespace") or "", metadata["name"])
    return EscEnvironment(
        key=key,
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        source=parse_source(spec),
        target=_parse_target(spec.get("target") or {}, metadata["name"]),
        account=parse_account(spec, key.namespace),
        refresh=_parse_refresh(spec.get("refresh") or {}),
        rollout=_parse_rollout(spec.get("rollout") or {}),
        rotate_request=_rotate_request(metadata, rotation),
        rotators_request=_rotators_request(metadata, rotation),
        rotation=rotation,
        suspend=bool(spec.get("suspend", False)),
        trusted=parse_trusted(body),
        spread=None if key.namespace else parse_spread(spec.get("target")),
        cluster_scoped=not key.namespace,
        too_large=refuse_size(body),
        manifest=applied_manifest(body),
        applied_mark=applied_mark(body),
    )


def parse_rotate_request(body: Mapping[str, Any]) -> RotateRequest:
    """The requests for new credentials of an environment, without parsing the rest of it."""
    return _rotate_request(body["metadata"], parse_asked_rotation((body.get("status") or {}).get("rotation")))


def _rotate_request(metadata: Mapping[str, Any], rotation: AskedRotation | None) -> RotateRequest:
    annotation = _request_of((metadata.get("annotations") or {}).get(ROTATE_REQUESTED_AT, ""))
    return RotateRequest(annotation, rotation.id if rotation else "")


def _rotators_request(metadata: Mapping[str, Any], rotation: AskedRotation | None) -> RotateRequest:
    annotations = metadata.get("annotations") or {}
    asked = annotations.get(ROTATE_REQUESTED_AT, "")
    annotation = _request_of(asked) if asked == annotations.get(ROTATE_PULUMI_ROTATORS) else ""
    return RotateRequest(annotation, rotation.id if rotation and rotation.pulumi_rotators else "")


def _request_of(annotation: str) -> str:
    """The annotation's value, or its digest if it is long: memory, the status and the Secret store it."""
    return annotation if len(annotation) <= LONGEST_REQUEST else hashlib.sha256(annotation.encode()).hexdigest()


def parse_account(spec: Mapping[str, Any], namespace: str) -> Key | None:
    """The ServiceAccount for the logins of an environment of that namespace, "" for a ClusterEscEnvironment."""
    if namespace:
        return Key(namespace, spec.get("serviceAccountName") or "default")
    account = spec.get("serviceAccount")
    return Key(account["namespace"], account["name"]) if account else None


def _parse_target(data: Mapping[str, Any], default_name: str) -> Target:
    return Target(
        name=data.get("name") or default_name,
        type=data.get("type") or "Opaque",
        labels=data.get("labels") or {},
        annotations=data.get("annotations") or {},
        deletion_policy=data.get("deletionPolicy") or "Delete",
    )


def _parse_refresh(data: Mapping[str, Any]) -> Refresh:
    return Refresh(
        interval=parse_duration(data["interval"]) if data.get("interval") else DEFAULT_INTERVAL,
        before=parse_duration(data["before"]) if data.get("before") else None,
    )


def _parse_rollout(data: Mapping[str, Any]) -> Rollout:
    targets = tuple(
        RolloutTarget(
            kind=target["kind"],
            name=target.get("name") or "",
            labels=(target.get("selector") or {}).get("matchLabels") or {},
        )
        for target in data.get("targets") or ()
    )
    return Rollout(
        policy=data.get("policy") or "Never",
        targets=targets,
        min_interval=parse_duration(data["minInterval"]) if data.get("minInterval") else DEFAULT_MIN_INTERVAL,
    )
