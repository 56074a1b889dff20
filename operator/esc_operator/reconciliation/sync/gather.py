"""The only reads: an environment, and its target Secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from esc_operator.errors import NotFoundError
from esc_operator.kube.lookups import Lookups
from esc_operator.kube.paths import SECRETS, environment_resource
from esc_operator.kube.secret_informer import SecretInformer, SecretMetadata, parse_secret_metadata
from esc_operator.reconciliation.sync.target_secret import NO_SECRET, TargetSecret, examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.sync_record import SyncRecord


class Gatherer:
    def __init__(self, api: KubeApi, secrets: SecretInformer, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        """Counts seconds, for the time at which an environment needed its Secret."""
        self._api = api
        self._secrets = secrets
        self._lookups = Lookups(api, clock)

    def known(self, key: Key) -> SecretMetadata | None:
        """The known state of an owned Secret, without a request."""
        return self._secrets.find(key)

    def own_record(self, environment: EscEnvironment) -> SyncRecord | None:
        """The record on the environment's Secret as far as known, unless it is another one's."""
        secret = self.known(environment.target_key)
        return secret.record if secret and secret.record and secret.record.uid == environment.uid else None

    def belonging(self, reference: str) -> list[SecretMetadata]:
        """The owned Secrets that name this ClusterEscEnvironment, in all namespaces."""
        return self._secrets.belonging(reference)

    async def read_whole(
        self, environment: EscEnvironment, remembered: SyncRecord | None = None, *, keep: bool = False
    ) -> TargetSecret:
        """The target Secret, read with its values; see `examine`."""
        try:
            body = await self._api.read(SECRETS, *environment.target_key)
        except NotFoundError:
            self._secrets.forget(environment.target_key)
            return NO_SECRET
        if parse_secret_metadata(body).managed:
            self._secrets.observe(body)  # the watch does not bring others
        return examine(body, environment, remembered, keep=keep)

    async def read_metadata(self, key: Key) -> SecretMetadata | None:
        """The metadata of a Secret; None if there is none."""
        try:
            return parse_secret_metadata(await self._api.read_metadata(SECRETS, *key))
        except NotFoundError:
            self._secrets.forget(key)
            return None

    async def read_environment(self, key: Key) -> dict[str, Any] | None:
        """The current environment; None if it is gone."""
        try:
            return await self._api.read(environment_resource(key.namespace), key.namespace or None, key.name)
        except NotFoundError:
            return None

    async def read_target(
        self,
        environment: EscEnvironment,
        trusted_version: str,
        *,
        remembered: SyncRecord | None = None,
        wanted_at: float | None = None,
    ) -> TargetSecret:
        """The target Secret, as it was when the environment needed it (by `clock`; None for now) or later. Its values
        are read only if it is not at the version that was last seen in order. `remembered`: see `examine`."""
        if remembered is not None and remembered.uid != environment.uid:
            remembered = None
        known = self._secrets.find(environment.target_key)
        if known is None:
            return await self._read_unknown(environment, self.clock() if wanted_at is None else wanted_at, remembered)
        if known.version == trusted_version or not (known.record or remembered):
            return TargetSecret(known)
        return await self.read_whole(environment, remembered)

    async def _read_unknown(
        self, environment: EscEnvironment, wanted_at: float, remembered: SyncRecord | None
    ) -> TargetSecret:
        found = await self._lookups.look(environment.target_key, wanted_at)
        if found is None:
            return NO_SECRET
        if found.record and (found.managed or environment.uid in found.owners):
            # The watch has yet to bring it, or does not, because our label was removed.
            return await self.read_whole(environment, remembered)
        # It belongs to another writer, or the marks that make it ours were removed and have to be restored.
        return TargetSecret(found, intact=False)
