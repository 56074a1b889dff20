"""The informer of the Secrets that carry this operator's label: their metadata only, values never leave the server.

Owns a small record of each, kept true by a watch, and by the answers to our own writes, which are put in at once: who
has just written a Secret must not decide on what it was before. It tells listeners only that something about a Secret
changed; what to do is for the reconciler to find out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from esc_operator.errors import ForbiddenError, KubeError, NotFoundError
from esc_operator.kube.paths import SECRETS
from esc_operator.kube.pulses import Pulses
from esc_operator.kube.reflector import RECONNECT_SECONDS, Reflector
from esc_operator.resources import (
    CLUSTER_KIND,
    ENVIRONMENT,
    ENVIRONMENT_KIND,
    HOLDS,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    ROTATOR_STATES,
)
from esc_operator.resources.environment import Key
from esc_operator.resources.field_managers import ANNOTATIONS, LABELS, shared_names
from esc_operator.resources.sync_record import SyncRecord, parse_sync_record
from esc_operator.resources.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from esc_operator.kube.api import KubeApi

logger = logging.getLogger(__name__)

SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
REFUSED_SECONDS = 10.0
"""After a namespace has refused the operator."""
MOST_GONE = 1024
"""So many Secrets that are gone are remembered: for as long as an answer from before may be on its way."""
MOST_OWNERS = 16
"""So many environments that own a Secret are remembered; the operator makes one the owner."""
LONGEST_NAME = len(f"{CLUSTER_KIND}/") + 253
MOST_SHARED = 128
"""So many labels and annotations of ours that somebody else has set too are remembered: as many as a target has."""
LONGEST_FIELD = 253 + len("/") + 63
_OWNERS = {ENVIRONMENT_KIND, CLUSTER_KIND}
BLIPS = 3
"""So many refusals in a row mean nothing: an API server that has just started has yet to learn of any rights."""


@dataclass(frozen=True, slots=True)
class SecretMetadata:
    """What is known of a Secret. `environment` names the environment it says to belong to, `owners` the UIDs of its
    owners, `version` is its resourceVersion. `holds_states`: it stores states of rotators, and is no environment's
    target. `shared`: of the labels and annotations that the operator applied, those that another field manager has set
    too, each with its part of the metadata."""

    key: Key
    uid: str
    version: str
    environment: str
    owners: tuple[str, ...]
    managed: bool
    record: SyncRecord | None
    holds_states: bool = False
    shared: tuple[tuple[str, str], ...] = ()


def nothing_at(key: Key, version: str) -> SecretMetadata:
    """No Secret was there at that version."""
    return SecretMetadata(key, "", version, "", (), managed=False, record=None)


def parse_secret_metadata(body: Mapping[str, Any]) -> SecretMetadata:
    """Keeps at most as much of a Secret as the operator itself may have written: a user who may write Secrets may write
    any metadata, of any size."""
    metadata = body["metadata"]
    annotations, owners = metadata.get("annotations") or {}, metadata.get("ownerReferences") or ()
    return SecretMetadata(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        environment=named if len(named := annotations.get(ENVIRONMENT, "")) <= LONGEST_NAME else "",
        owners=tuple(owner["uid"] for owner in owners if owner["kind"] in _OWNERS)[:MOST_OWNERS],
        managed=(metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY,
        record=parse_sync_record(annotations),
        holds_states=annotations.get(HOLDS) == ROTATOR_STATES,
        shared=_shared(metadata),
    )


def _shared(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    found = [("labels", name) for name in shared_names(metadata, *LABELS)]
    found += [("annotations", name) for name in shared_names(metadata, *ANNOTATIONS)]
    return tuple(sorted(one for one in found if len(one[1]) <= LONGEST_FIELD)[:MOST_SHARED])


class SecretInformer:
    """The informer of some namespaces, or of all where there are none. Await `listed` before trusting an absence."""

    def __init__(
        self,
        api: KubeApi,
        namespaces: Sequence[str],
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pulses: Pulses | None = None,
    ) -> None:
        self._api = api
        self._pulses = pulses or Pulses()
        self._pause = pause
        self._scopes: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._unlisted = set(self._scopes)
        self._on_change: Callable[[Key], None] = lambda _: None
        self._known: dict[Key, SecretMetadata] = {}
        self._kept_back: dict[Key, list[tuple[str, SecretMetadata]]] = {}
        self._gone: dict[Key, str] = {}
        self.listed = asyncio.Event()

    def listen(self, on_change: Callable[[Key], None]) -> None:
        """Call back with each Secret that was changed or deleted, by whomever but this process."""
        self._on_change = on_change

    def find(self, key: Key) -> SecretMetadata | None:
        return self._known.get(key)

    def belonging(self, environment: str) -> list[SecretMetadata]:
        """Those that name an environment as theirs."""
        return [secret for secret in self._known.values() if secret.environment == environment]

    def observe(self, body: Mapping[str, Any]) -> SecretMetadata:
        """Take in what the API server answered, or sent on the watch, unless something newer is known: an answer may be
        overtaken by the watch, also by the news that the Secret is gone."""
        return self._note(parse_secret_metadata(body))

    def _note(self, seen: SecretMetadata) -> SecretMetadata:
        known, gone_at = self._known.get(seen.key), self._gone.get(seen.key)
        if gone_at is not None and is_older(seen.version, gone_at):
            return seen
        if known is None or not is_older(seen.version, known.version):
            self._gone.pop(seen.key, None)
            self._known[seen.key] = seen
        return seen

    @contextlib.contextmanager
    def writing(self, key: Key) -> Iterator[None]:
        """Around a write of a Secret, until its answer is processed: what the watch brings meanwhile is often that
        write, and is processed once it can be distinguished from writes of others."""
        self._kept_back[key] = []
        try:
            yield
        finally:
            for kind, secret in self._kept_back.pop(key):
                self._take(kind, secret)

    def forget(self, key: Key) -> None:
        self._known.pop(key, None)

    def _note_gone(self, key: Key, version: str) -> None:
        """It was not there any more at that version."""
        self.forget(key)
        self._gone.pop(key, None)
        self._gone[key] = version
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    async def run(self) -> None:
        """List and watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            for scope in self._scopes:
                group.create_task(self._follow(scope))

    async def _follow(self, scope: str | None) -> None:
        """A watch that ended is opened again where it was; one that fell behind its history is listed again."""
        pulse = self._pulses.of(SECRETS.plural, scope or "")
        reflector = Reflector(self._api, SECRETS, scope, pulse, parse_secret_metadata, labelSelector=SELECTOR)
        refusals = 0
        while True:
            refusals += 1  # until it turns out that it was none
            try:
                await reflector.follow(partial(self._replace, scope), self._take)
                refusals = 0
            except NotFoundError:
                refusals = 0
            except ForbiddenError as error:
                await self._be_refused(reflector, scope, error, refusals)
            except KubeError as error:
                refusals = 0
                logger.warning("Watching Secrets: %s", error.message)
            await self._pause(RECONNECT_SECONDS)

    async def _be_refused(
        self, reflector: Reflector[SecretMetadata], scope: str | None, error: ForbiddenError, refusals: int
    ) -> None:
        logger.warning("Watching Secrets: %s", error.message)
        if scope is not None:
            self._note_listed(scope)  # the other namespaces do not wait for it, and in it nothing can be done
        if refusals > BLIPS:
            reflector.lose_place()
            await self._pause(REFUSED_SECONDS)

    def _note_listed(self, scope: str | None) -> None:
        self._unlisted.discard(scope)
        if not self._unlisted:
            self.listed.set()

    def _replace(self, scope: str | None, secrets: Iterable[SecretMetadata], version: str) -> None:
        """Take in a list of that version. It knows nothing of what was written after it was made."""
        found = {secret.key: secret for secret in secrets}
        changed = [
            key
            for key, known in self._known.items()
            if key not in found and scope in {None, key.namespace} and not is_older(version, known.version)
        ]
        for key in changed:
            self._note_gone(key, version)
        for key in self._kept_back:
            if key not in found and scope in {None, key.namespace}:
                self._kept_back[key].append(("DELETED", nothing_at(key, version)))
        for key, secret in found.items():
            before = self._known.get(key)
            if before != self._note(secret):
                changed.append(key)
        self._call_back(changed)
        self._note_listed(scope)

    def _take(self, kind: str, secret: SecretMetadata) -> None:
        key = secret.key
        if key in self._kept_back:
            self._kept_back[key].append((kind, secret))
            return
        before = self._known.get(key)
        if kind == "DELETED":
            if before is None or not is_older(secret.version, before.version):
                self._note_gone(key, secret.version)
            if before is not None and key not in self._known:
                self._call_back([key])
            return
        self._note(secret)
        if self._known[key] != before:
            self._call_back([key])

    def _call_back(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._on_change(key)
