"""The only reads: an environment, and what is in its target Secret."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.errors import NotFoundError
from esc_operator.kube.lookups import Lookups
from esc_operator.kube.paths import SECRETS, environment_resource
from esc_operator.kube.secret_informer import SecretInformer, SecretMetadata, parse_secret_metadata
from esc_operator.resources.sync_record import digest_data

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.kube.api import KubeApi
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.sync_record import SyncRecord


@dataclass(frozen=True, slots=True)
class TargetSecret:
    """The Secret an environment wants to fill: None where there is none.

    `intact` is False where its data is not what its record says; `keys` are the names in it, where they were read.
    """

    secret: SecretMetadata | None
    intact: bool = True
    keys: tuple[str, ...] | None = None


class Gatherer:
    def __init__(self, api: KubeApi, secrets: SecretInformer, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        """Counts seconds; tells when it was that an environment wanted its Secret."""
        self._api = api
        self._secrets = secrets
        self._lookups = Lookups(api, clock)

    def known(self, key: Key) -> SecretMetadata | None:
        """What is known of an owned Secret without asking."""
        return self._secrets.find(key)

    def own_record(self, environment: EscEnvironment) -> SyncRecord | None:
        """The record on the environment's Secret as far as known, unless it is another one's."""
        secret = self.known(environment.target_key)
        return secret.record if secret and secret.record and secret.record.uid == environment.uid else None

    def belonging(self, reference: str) -> list[SecretMetadata]:
        """The owned Secrets that name a ClusterEscEnvironment as theirs, in whichever namespace."""
        return self._secrets.belonging(reference)

    async def read_data(self, key: Key) -> tuple[TargetSecret, Mapping[str, str]]:
        """A Secret with its data."""
        body = await self._api.read(SECRETS, *key)
        return self._whole(body), body.get("data") or {}

    async def read_environment(self, key: Key) -> dict[str, Any] | None:
        """The environment as it is now; None where it is gone."""
        try:
            return await self._api.read(environment_resource(key.namespace), key.namespace or None, key.name)
        except NotFoundError:
            return None

    async def read_target(self, key: Key, trusted_version: str, wanted_at: float | None = None) -> TargetSecret:
        """The target Secret, as it was when the environment wanted it (by `clock`; None for now) or later. Its values
        are read only if it is not at the version that was last seen in order."""
        known = self._secrets.find(key)
        if known is None:
            return await self._read_unknown(key, self.clock() if wanted_at is None else wanted_at)
        if known.version == trusted_version or known.record is None:
            return TargetSecret(known)
        return await self._read_whole(key)

    async def _read_unknown(self, key: Key, wanted_at: float) -> TargetSecret:
        found = await self._lookups.look(key, wanted_at)
        if found is None:
            return TargetSecret(None)
        if found.managed and found.record:
            return await self._read_whole(key)  # the watch has yet to bring it
        # Without our label it is somebody else's, or ours and the label was taken off: then it has to be put back.
        return TargetSecret(found, intact=False)

    async def _read_whole(self, key: Key) -> TargetSecret:
        try:
            body = await self._api.read(SECRETS, *key)
        except NotFoundError:
            self._secrets.forget(key)
            return TargetSecret(None)
        return self._whole(body)

    def _whole(self, body: Mapping[str, Any]) -> TargetSecret:
        seen = parse_secret_metadata(body)
        data = body.get("data") or {}
        self._secrets.observe(body)
        intact = seen.managed and seen.record is not None and seen.record.digest == digest_data(data)
        return TargetSecret(seen, intact=intact, keys=tuple(sorted(data)))
