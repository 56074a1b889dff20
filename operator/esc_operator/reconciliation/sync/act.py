"""The only writes: the Secret, the status, an event. In this order: the status may only tell what has happened."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from esc_operator.errors import ConflictError, ForbiddenError, NotFoundError
from esc_operator.kube.api import FIELD_MANAGER, METADATA
from esc_operator.kube.events import Subject, post_events
from esc_operator.kube.paths import SECRETS, environment_resource
from esc_operator.resources.environment import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.events import Event
    from esc_operator.kube.secret_informer import SecretInformer, SecretMetadata
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status


class Actor:
    def __init__(self, api: KubeApi, secrets: SecretInformer, now: Callable[[], datetime]) -> None:
        self._api = api
        self._secrets = secrets
        self._now = now
        # A lock lives as long as somebody holds or awaits it.
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def write_secret(self, plan: Plan) -> Status:
        """Write the plan's Secret, if it has one; answers the status that tells of it. Raises KubeError."""
        if plan.secret is None:
            return plan.status
        written = await self.write(plan.secret, creates=plan.creates)
        return replace(plan.status, secret_resource_version=written.version)

    async def write(self, secret: Mapping[str, Any], *, creates: bool) -> SecretMetadata:
        """Write a Secret; `creates`: there was none. Raises KubeError."""
        key = Key(secret["metadata"]["namespace"], secret["metadata"]["name"])
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if creates and self._secrets.find(key):
                # Another environment wants the same Secret and came first; as the same field manager, ours would win.
                raise ConflictError(f"could not write Secret {key}: it has just been created")
            with self._secrets.writing(key):
                body = await self._apply(secret, key, creates=creates)
                if creates and _is_shared(body):
                    await self._take_back(key)
                    raise ConflictError(f"could not write Secret {key}: another writer has just created it")
                return self._secrets.observe(body)

    async def release_secret(self, secret: SecretMetadata, uid: str) -> None:
        """Take an owner off a Secret, so that it stays when that one goes."""
        body = await self._api.read_metadata(SECRETS, *secret.key)
        owners = [owner for owner in body["metadata"].get("ownerReferences") or () if owner["uid"] != uid]
        change = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"], "ownerReferences": owners}}
        self._secrets.observe(await self._api.patch(SECRETS, *secret.key, change, METADATA))

    async def _apply(self, secret: Mapping[str, Any], key: Key, *, creates: bool) -> dict[str, Any]:
        try:
            # Without force where nothing was found: if somebody has created the Secret meanwhile, theirs stays.
            return await self._api.apply(SECRETS, secret, force=not creates)
        except ForbiddenError as error:
            # The admission policy, where it is installed, does not let us touch theirs in the first place.
            if creates and await self._exists(key):
                raise ConflictError(f"could not write Secret {key}: another writer has just created it") from error
            raise

    async def _exists(self, key: Key) -> bool:
        try:
            await self._api.read_metadata(SECRETS, *key)
        except NotFoundError:
            return False
        return True

    async def _take_back(self, key: Key) -> None:
        """Leave somebody's Secret as it was: applying no field at all takes away all that were applied."""
        metadata = {"namespace": key.namespace, "name": key.name}
        await self._api.apply(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}, force=False)

    async def write_status(self, environment: EscEnvironment, old: Status | None, new: Status) -> None:
        """Write a status where it differs from the last, or whole where that is not known; None clears a field. Raises
        KubeError."""
        before, after = old.to_dict() if old else {}, new.to_dict()
        patch = {name: value for name, value in after.items() if old is None or value != before[name]}
        if patch:
            key = environment.key
            resource = environment_resource(key.namespace)
            await self._api.patch_status(resource, key.namespace or None, key.name, patch, environment.uid)

    async def delete_secret(self, secret: SecretMetadata) -> None:
        await self._api.delete(SECRETS, *secret.key, uid=secret.uid)
        self._secrets.forget(secret.key)

    async def post(self, environment: EscEnvironment, *events: Event | None) -> None:
        """Post events; None stands for none. One that is lost changes nothing, so trouble is only logged."""
        about = Subject(environment_resource(environment.key.namespace), environment.key, environment.uid)
        await post_events(self._api, about, self._now(), events)


def _is_shared(body: Mapping[str, Any]) -> bool:
    """Whether somebody else, too, has set fields of an object."""
    return any(fields.get("manager") != FIELD_MANAGER for fields in body["metadata"].get("managedFields") or ())
