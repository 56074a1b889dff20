"""The informer of ConfigMaps and Secrets that environments are made of: which version each is at. Metadata only.

Owns which watches that takes. Only objects that an environment names are remembered; a watch covers a namespace in
which some are named, or the cluster if there are many such namespaces, so their number does not grow with the
references. It tells listeners only that an object has another version: what is in it is read by its name, in
the environment's turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from esc_operator.errors import ForbiddenError, KubeError, NotFoundError
from esc_operator.kube.paths import CONFIG_MAPS, SECRETS
from esc_operator.kube.pulses import Pulses
from esc_operator.kube.reflector import RECONNECT_SECONDS, Reflector
from esc_operator.resources.environment import Key
from esc_operator.resources.versions import is_older

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.paths import Resource

logger = logging.getLogger(__name__)

MOST_NAMESPACES: Final = 4
"""So many namespaces are watched each by itself, of each kind; if there are more, one watch covers the cluster. Watches
share the connections of the operator."""
REFUSED_SECONDS: Final = 10.0
"""After the API server has refused a watch."""

RESOURCES: Final = {resource.plural: resource for resource in (CONFIG_MAPS, SECRETS)}
"""The kinds of such objects, by the name in paths."""


class WatchedObject(NamedTuple):
    """A ConfigMap or a Secret; `plural` as in the API server's paths."""

    plural: str
    key: Key


class _Scope(NamedTuple):
    """What one watch covers: a kind, in a namespace or (None) in all."""

    plural: str
    namespace: str | None

    def covers(self, one: WatchedObject) -> bool:
        return self.plural == one.plural and self.namespace in {None, one.key.namespace}


class _Seen(NamedTuple):
    key: Key
    version: str


class SourceInformer:
    """`confined`: the operator may watch single namespaces only, so none of its watches covers the cluster."""

    def __init__(
        self,
        api: KubeApi,
        *,
        confined: bool = False,
        pulses: Pulses | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._api = api
        self._confined = confined
        self._pulses = pulses or Pulses()
        self._pause = pause
        self._wanted: dict[Key, frozenset[WatchedObject]] = {}
        self._environments: defaultdict[WatchedObject, set[Key]] = defaultdict(set)
        self._namespaces: dict[str, defaultdict[str, int]] = {plural: defaultdict(int) for plural in RESOURCES}
        self._versions: dict[WatchedObject, str] = {}
        self._watches: dict[_Scope, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._on_change: Callable[[Collection[Key], WatchedObject, str], None] = lambda _keys, _one, _version: None

    def listen(self, on_change: Callable[[Collection[Key], WatchedObject, str], None]) -> None:
        """Call back with the environments that an object is of which has another version, and with that version."""
        self._on_change = on_change

    def want(self, environment: Key, *objects: WatchedObject) -> None:
        """From now on an environment is made of these objects."""
        before, now = self._wanted.get(environment, frozenset()), frozenset(objects)
        if before == now:
            return
        for one in before - now:
            self._drop(environment, one)
        for one in now - before:
            if not self._environments[one]:
                self._namespaces[one.plural][one.key.namespace] += 1
            self._environments[one].add(environment)
        if now:
            self._wanted[environment] = now
        else:
            del self._wanted[environment]
        self._news.set()

    def version(self, one: WatchedObject) -> str | None:
        """Its resourceVersion as far as the watch has brought it; "" if it does not exist, None if nothing is known."""
        return self._versions.get(one)

    def _drop(self, environment: Key, one: WatchedObject) -> None:
        self._environments[one].discard(environment)
        if self._environments[one]:
            return
        del self._environments[one]
        self._versions.pop(one, None)
        counts = self._namespaces[one.plural]
        counts[one.key.namespace] -= 1
        if not counts[one.key.namespace]:
            del counts[one.key.namespace]

    # The watches.

    async def run(self) -> None:
        """Watch what is wanted, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._adjust(group)
                    await self._news.wait()
                    self._news.clear()
        finally:
            self._watches.clear()

    def _adjust(self, group: asyncio.TaskGroup) -> None:
        """Have one watch for each scope."""
        scopes = {scope for plural in RESOURCES for scope in self._scopes(plural)}
        for gone in self._watches.keys() - scopes:
            self._watches.pop(gone).cancel()
            self._pulses.forget(*_pulse_of(gone))
        for scope in scopes - self._watches.keys():
            self._watches[scope] = group.create_task(self._follow(scope), name=f"definitions-{scope.plural}")

    def _scopes(self, plural: str) -> set[_Scope]:
        namespaces, wide = self._namespaces[plural], _Scope(plural, None)
        if not namespaces:
            return set()
        # One that covers the cluster stays, or a namespace that comes and goes would have it listed again and again.
        if not self._confined and (len(namespaces) > MOST_NAMESPACES or wide in self._watches):
            return {wide}
        return {_Scope(plural, namespace) for namespace in namespaces}

    async def _follow(self, scope: _Scope) -> None:
        resource = RESOURCES[scope.plural]
        pulse = self._pulses.of(*_pulse_of(scope))
        parse = partial(self._parse, scope.plural)
        reflector: Reflector[_Seen | None] = Reflector(self._api, resource, scope.namespace, pulse, parse)
        while True:
            try:
                await reflector.follow(partial(self._replace, scope), partial(self._take, scope))
            except NotFoundError:
                logger.debug("The watch of %s with definitions has lost its place.", scope.plural)
            except ForbiddenError as error:
                _warn(resource, error)
                await self._pause(REFUSED_SECONDS)
            except KubeError as error:
                _warn(resource, error)
            await self._pause(RECONNECT_SECONDS)

    def _parse(self, plural: str, body: Mapping[str, Any]) -> _Seen | None:
        """None for an object that no environment names."""
        metadata = body["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        if WatchedObject(plural, key) not in self._environments:
            return None
        return _Seen(key, metadata["resourceVersion"])

    def _replace(self, scope: _Scope, seen: list[_Seen | None], version: str) -> None:
        """Take in a list of that version."""
        found = {WatchedObject(scope.plural, one.key): one.version for one in seen if one is not None}
        for one in [each for each in self._environments if scope.covers(each)]:
            if one in found:
                self._note(one, found[one])
            else:
                self._note_gone(one, version)

    def _take(self, scope: _Scope, kind: str, seen: _Seen | None) -> None:
        if seen is None:
            return
        one = WatchedObject(scope.plural, seen.key)
        if kind == "DELETED":
            self._note_gone(one, seen.version)
        else:
            self._note(one, seen.version)

    def _note(self, one: WatchedObject, version: str) -> None:
        known = self._versions.get(one)
        if known == version or (known and is_older(version, known)):
            return
        self._tell(one, version)

    def _note_gone(self, one: WatchedObject, version: str) -> None:
        """It did not exist at that version."""
        known = self._versions.get(one)
        if known != "" and not (known and is_older(version, known)):
            self._tell(one, "")

    def _tell(self, one: WatchedObject, version: str) -> None:
        if one in self._environments:
            self._versions[one] = version
            self._on_change(tuple(self._environments[one]), one, version)


def _pulse_of(scope: _Scope) -> tuple[str, str]:
    """A name of its own: other watches of the kind have another pulse."""
    return f"{scope.plural} with definitions", scope.namespace or ""


def _warn(resource: Resource, error: KubeError) -> None:
    logger.warning("Watching %ss with definitions: %s", resource.kind, error.message)
