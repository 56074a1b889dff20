"""The only writes: the Secret, the status, an event. In this order: the status may only say what has happened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from esc_operator.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from esc_operator.kube.api import METADATA
from esc_operator.kube.events import Subject, post_events
from esc_operator.kube.paths import SECRETS, environment_resource
from esc_operator.projection.secret import SECRET_TOO_LARGE
from esc_operator.reconciliation.sync.difference import excess, former_fields
from esc_operator.reconciliation.sync.secret_size import refuse_size
from esc_operator.reconciliation.sync.target_secret import as_written
from esc_operator.resources.environment import Key
from esc_operator.resources.field_managers import FIELD_MANAGER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.events import Event
    from esc_operator.kube.secret_informer import SecretInformer, SecretMetadata
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status


class Actor:
    def __init__(self, api: KubeApi, secrets: SecretInformer, now: Callable[[], datetime]) -> None:
        self._api = api
        self._secrets = secrets
        self._now = now
        # A lock lives as long as a task holds or awaits it.
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()

    async def write(self, secret: Mapping[str, Any], *, creates: bool) -> TargetSecret:
        """Write a Secret so that it is exactly that, and return its new state; `creates`: there was none. Raises
        KubeError."""
        key = Key(secret["metadata"]["namespace"], secret["metadata"]["name"])
        if why := refuse_size(secret):
            raise InvalidError(f"could not write Secret {key}: {why}", reason=SECRET_TOO_LARGE)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if creates and self._secrets.find(key):
                # Another environment has the same target and came first; as the same field manager, ours would win.
                raise ConflictError(f"could not write Secret {key}: it has just been created")
            with self._secrets.writing(key):
                body = await self._apply(await self._without_former(secret, key), key, creates=creates)
                if creates and _is_shared(body):
                    await self._take_back(key)
                    raise ConflictError(f"could not write Secret {key}: another writer has just created it")
                if surplus := excess(body, secret):
                    body = await self._api.patch(SECRETS, *key, surplus)
                return as_written(self._secrets.observe(body), body, secret)

    async def _without_former(self, secret: Mapping[str, Any], key: Key) -> Mapping[str, Any]:
        """The Secret to write, after the removal of our labels and annotations that are no longer desired and that
        another field manager has set too. Before the write: afterwards nothing shows that they were ours."""
        known = self._secrets.find(key)
        former = former_fields(known.shared, secret) if known else None
        if known is None or former is None or known.version != secret["metadata"].get("resourceVersion"):
            return secret
        change = {"metadata": {**former, "resourceVersion": known.version}}
        version = self._secrets.observe(await self._api.patch(SECRETS, *key, change, METADATA)).version
        return {**secret, "metadata": {**secret["metadata"], "resourceVersion": version}}

    async def release_secret(self, secret: SecretMetadata, uid: str) -> None:
        """Remove an owner of a Secret, so that the Secret stays when the owner is deleted."""
        body = await self._api.read_metadata(SECRETS, *secret.key)
        owners = [owner for owner in body["metadata"].get("ownerReferences") or () if owner["uid"] != uid]
        change = {"metadata": {"resourceVersion": body["metadata"]["resourceVersion"], "ownerReferences": owners}}
        self._secrets.observe(await self._api.patch(SECRETS, *secret.key, change, METADATA))

    async def _apply(self, secret: Mapping[str, Any], key: Key, *, creates: bool) -> dict[str, Any]:
        try:
            # Without force if there was none: if another writer has created the Secret since, theirs stays.
            return await self._api.apply(SECRETS, secret, force=not creates, whole=True)
        except ForbiddenError as error:
            # The admission policy, if installed, already forbids us to touch theirs.
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
        """Leave another writer's Secret as it was: applying no fields removes all that were applied."""
        metadata = {"namespace": key.namespace, "name": key.name}
        await self._api.apply(SECRETS, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}, force=False)

    async def write_status(self, environment: EscEnvironment, old: Status | None, new: Status) -> None:
        """Write the differences of a status from the last one, or all of it if that is not known; None clears a field.
        Raises KubeError."""
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
        """Post events; None stands for none. A lost one changes nothing, so a failure is only logged."""
        about = Subject(environment_resource(environment.key.namespace), environment.key, environment.uid)
        await post_events(self._api, about, self._now(), events)


def _is_shared(body: Mapping[str, Any]) -> bool:
    """Whether another writer has set fields of an object, too."""
    return any(fields.get("manager") != FIELD_MANAGER for fields in body["metadata"].get("managedFields") or ())
