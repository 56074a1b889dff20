"""The states of an environment's rotators, in a Secret of the operator's own beside the target.

Not in the spec: that is the owner's, GitOps would put it back, and a state is a secret. It belongs to the environment,
has an annotation for what it holds, and is never a target. A new state is written before anything that is made of it,
together with the request that it was made for: so after a crash the next operator finds it, and rotates nothing twice
for one request. What a rotation will make is written before it is made, for the request before, if its rotator asks for
that (`providers.port.Intends`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.driver.rotator_states import plain_state
from esc_operator.errors import ConflictError, KubeError, NotFoundError
from esc_operator.evaluation import Failed, Rotated
from esc_operator.kube.paths import SECRETS
from esc_operator.kube.secret_informer import parse_secret_metadata
from esc_operator.reconciliation.sync.difference import excess
from esc_operator.reconciliation.sync.failed_write import reason_of
from esc_operator.reconciliation.sync.secret_body import owner_reference
from esc_operator.renewal.why import asks_for_more
from esc_operator.resources import (
    ENVIRONMENT,
    HOLDS,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    ROTATOR_STATES,
    reasons,
)
from esc_operator.resources.environment import Key, key_of
from esc_operator.resources.rotate_request import NO_REQUEST, RotateRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.driver.rotator_states import Make
    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.resources.environment import EscEnvironment

SUFFIX = "-rotators"
CLUSTER_SUFFIX = "-rotator-states"
"""It must not end like the other suffix: an environment of that namespace may have any name."""
LONGEST_NAME = 253
_DATA_KEY = "states"


def secret_name(environment: str, suffix: str = SUFFIX) -> str:
    """The Secret for the states of an environment's rotators."""
    if len(environment) + len(suffix) <= LONGEST_NAME:
        return environment + suffix
    digest = hashlib.sha256(environment.encode()).hexdigest()[:8]
    # A part of a name must not end with a separator.
    start = environment[: LONGEST_NAME - len(suffix) - len(digest) - 1].rstrip("-.")
    return f"{start}-{digest}{suffix}"


def states_key(environment: Key, home: str) -> Key | None:
    """The Secret with the states of an environment's rotators: beside it, or for a cluster-scoped one in the operator's
    own namespace, `home`. None if that is not known."""
    if environment.namespace:
        return Key(environment.namespace, secret_name(environment.name))
    return Key(home, secret_name(environment.name, CLUSTER_SUFFIX)) if home else None


class RotatorState(NamedTuple):
    """One rotator's state, and the request that it was made for. Never shows in `repr`."""

    value: Any
    request: RotateRequest

    def __repr__(self) -> str:
        return f"<RotatorState for {self.request}>"


@dataclass(slots=True)
class Kept:
    """The states of one environment by path, as of a version of its Secret at `key`; "" if there is none yet. `refused`
    says why they cannot be stored, for instance because the Secret of that name cannot be used."""

    key: Key
    version: str = ""
    states: dict[str, RotatorState] = field(default_factory=dict, repr=False)
    refused: Failed | None = None


class RotatorSecrets:
    """The states of all environments, for all evaluations of the process. A state that could not be written is kept in
    memory until it is. `home` is the operator's own namespace, "" if it has none: no tenant writes Secrets there, and
    its contents reach all namespaces of a ClusterEscEnvironment."""

    def __init__(self, api: KubeApi, home: str = "") -> None:
        self._api = api
        self._home = home
        self._unwritten: dict[str, dict[str, RotatorState]] = {}

    def of(self, environment: EscEnvironment, *, rotates: bool) -> EnvironmentStates:
        return EnvironmentStates(self, environment, rotates=rotates)

    async def read(self, environment: Key, uid: str = "") -> Kept:
        """The states of an environment; with `uid`, only of that object. Raises KubeError."""
        key = states_key(environment, self._home)
        if key is None:
            return Kept(environment, refused=_NOWHERE)
        try:
            body = await self._api.read(SECRETS, *key)
        except NotFoundError:
            return Kept(key, states=dict(self._unwritten.get(uid, {})))
        seen = parse_secret_metadata(body)
        if not _is_of(seen, environment) or (uid and uid not in seen.owners):
            return Kept(key, refused=_refusal(seen.key))
        states = {**kept_states(body, environment), **self._unwritten.get(uid, {})}
        return Kept(key, seen.version, states)

    async def write(self, environment: EscEnvironment, kept: Kept) -> None:
        """Write exactly these states: the additions of others are removed. Raises KubeError; states that were not
        written stay in memory."""
        self._unwritten[environment.uid] = dict(kept.states)
        wanted = _body(environment, kept)
        body = await self._api.apply(SECRETS, wanted, force=bool(kept.version), whole=True)
        if surplus := excess(body, wanted):
            body = await self._api.patch(SECRETS, *kept.key, surplus)
        kept.version = body["metadata"]["resourceVersion"]
        self._unwritten.pop(environment.uid, None)

    def is_written(self, uid: str) -> bool:
        return uid not in self._unwritten


class EnvironmentStates:
    """The states for one evaluation of one environment and what it imports; see `driver.rotator_states`. `has_failed`:
    they could not be read or written."""

    def __init__(self, secrets: RotatorSecrets, environment: EscEnvironment, *, rotates: bool) -> None:
        self._secrets = secrets
        self._environment = environment
        self.has_failed = False
        self._rotates = rotates
        self._kept: dict[str, Kept] = {}
        self._lock = asyncio.Lock()

    @property
    def rotates(self) -> bool:
        return self._rotates

    @property
    def place(self) -> str:
        """Where the states of the environment's own rotators are, as `namespace/name`; "" if the evaluation has not met
        any."""
        own = self._kept.get(self._environment.key.full_name)
        return str(own.key) if own and own.key != self._environment.key else ""

    async def find(self, environment: str, path: str) -> Mapping[str, Any] | None:
        async with self._lock:
            kept = await self._load(environment)
        state = kept.states.get(path)
        return state.value if state else None

    async def renew(self, environment: str, path: str, make: Make) -> Rotated | Failed:
        """One after the other: all states of an environment are in one Secret."""
        async with self._lock:
            kept, request = await self._load(environment), self._environment.rotate_request
            if kept.refused:
                return kept.refused  # a state that could not be stored must not be made
            known = kept.states.get(path)
            if known and not asks_for_more(request, known.request):
                if not self._secrets.is_written(self._environment.uid):
                    await self._write(kept)
                return Rotated(known.value)

            async def keep(intended: Mapping[str, Any]) -> None:
                kept.states[path] = RotatorState(plain_state(intended), known.request if known else NO_REQUEST)
                await self._write(kept)

            answer = await make(known.value if known else None, keep)
            if isinstance(answer, Rotated):
                kept.states[path] = RotatorState(plain_state(answer.state), request)
                await self._write(kept)
            return answer

    @property
    def are_written(self) -> bool:
        """Whether the environment's own states are stored as they are known."""
        return self._secrets.is_written(self._environment.uid)

    async def own(self) -> Kept:
        """The states of the environment itself. Raises KubeError."""
        async with self._lock:
            return await self._load(self._environment.key.full_name)

    async def keep(self, kept: Kept, path: str, state: RotatorState) -> None:
        """Store one of its own states. Raises KubeError; then it is kept in memory."""
        async with self._lock:
            kept.states[path] = state
            await self._write(kept)

    async def _load(self, name: str) -> Kept:
        if name not in self._kept:
            key = key_of(name, "")
            own = key == self._environment.key
            with self._noting_failure():
                self._kept[name] = await self._secrets.read(key, self._environment.uid if own else "")
        return self._kept[name]

    async def _write(self, kept: Kept) -> None:
        with self._noting_failure():
            try:
                await self._secrets.write(self._environment, kept)
            except ConflictError:
                # A user has edited it, or an answer to us was lost: the new state takes precedence over the stored one.
                fresh = await self._secrets.read(self._environment.key, self._environment.uid)
                if fresh.refused:
                    raise
                kept.version = fresh.version
                await self._secrets.write(self._environment, kept)

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        """Record that a read or a write has failed, and give it the reason of a failure of a Secret."""
        try:
            yield
        except KubeError as error:
            self.has_failed, error.reason = True, reason_of(error)
            raise


def kept_states(body: Mapping[str, Any], environment: Key) -> dict[str, RotatorState]:
    """The states in a Secret, by path, if it holds those of that environment."""
    if not _is_of(parse_secret_metadata(body), environment):
        return {}
    return parse_states((body.get("data") or {}).get(_DATA_KEY, ""))


def _is_of(seen: SecretMetadata, environment: Key) -> bool:
    """Also if our label was removed: the next write restores it."""
    is_ours = seen.managed or bool(seen.owners)
    return is_ours and seen.holds_states and seen.environment == environment.reference


def parse_states(data: str) -> dict[str, RotatorState]:
    """Read what `_body` writes; an unreadable part counts as absent."""
    try:
        parsed = json.loads(base64.b64decode(data))
        return {
            str(path): RotatorState(entry["state"], RotateRequest(*map(str, entry["request"])))
            for path, entry in parsed.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def _body(environment: EscEnvironment, kept: Kept) -> dict[str, Any]:
    states = {path: {"state": state.value, "request": list(state.request)} for path, state in kept.states.items()}
    metadata: dict[str, Any] = {
        "name": kept.key.name,
        "namespace": kept.key.namespace,
        "labels": {MANAGED_BY_LABEL: MANAGED_BY},
        "annotations": {ENVIRONMENT: environment.reference, HOLDS: ROTATOR_STATES},
        "ownerReferences": [owner_reference(environment)],
        **({"resourceVersion": kept.version} if kept.version else {}),
    }
    data = {_DATA_KEY: base64.b64encode(json.dumps(states).encode()).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}


_NOWHERE = Failed(
    "the states of a ClusterEscEnvironment's rotators are stored in the operator's own namespace, and this operator "
    "has none, so nothing is rotated: run it in the cluster, or with --lease-namespace",
    reasons.ROTATOR_STATES_UNPLACED,
)


def _refusal(key: Key) -> Failed:
    return Failed(
        f"Secret {key} exists and does not hold the states of this environment's rotators, so nothing is rotated: "
        "delete it, or rename the environment",
        reasons.ROTATOR_STATES_NOT_OWNED,
    )
