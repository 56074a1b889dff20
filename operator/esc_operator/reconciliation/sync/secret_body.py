"""The target Secret to write, with the record of what it was made from. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.resources import (
    API_VERSION,
    CLUSTER_KIND,
    ENVIRONMENT,
    ENVIRONMENT_KIND,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SYNC_RECORD,
)
from esc_operator.resources.sync_record import SyncRecord, digest_data

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.reconciliation.sync.outcome import OpenedValues
    from esc_operator.resources.environment import EscEnvironment


def make_record(
    environment: EscEnvironment, opened: OpenedValues, held: SyncRecord | None, now: datetime, salt: str
) -> SyncRecord:
    """The record of these values; `held` is that of the values that they replace, if there are any."""
    digest = digest_data(opened.data)
    now = now.replace(microsecond=0)
    same = held is not None and held.digest == digest
    return SyncRecord(
        uid=environment.uid,
        generation=environment.generation,
        digest=digest,
        refreshed_at=now,
        issued_at=opened.window.issued_at.replace(microsecond=0) if opened.window else now,
        expires_at=opened.window.expires_at.replace(microsecond=0) if opened.window else None,
        rotate_request=environment.rotate_request.annotation,
        rotation=environment.rotate_request.rotation,
        imports=opened.imports.used,
        rereads=opened.rereads,
        salt=held.salt if held and held.salt else salt,
        changed_at=None if held is None else held.changed_at if same else now,
        replaced_expires_at=None if held is None else held.replaced_expires_at if same else held.expires_at,
        leaves_pods=held is not None and (held.leaves_pods if same else _leaves_pods(environment, held)),
    )


def _leaves_pods(environment: EscEnvironment, held: SyncRecord) -> bool:
    """Whether the data changes for a rotation that excludes a rollout; this does not hold for later changes."""
    asked = environment.rotation
    return asked is not None and not asked.rolls and held.rotation != asked.id


def secret_body(
    environment: EscEnvironment, existing: SecretMetadata | None, record: SyncRecord, data: Mapping[str, str]
) -> dict[str, Any]:
    """The whole Secret for server-side apply; only onto the version that was read, if there was one."""
    target = environment.target
    metadata: dict[str, Any] = {
        "name": target.name,
        "namespace": environment.key.namespace,
        "labels": {**target.labels, MANAGED_BY_LABEL: MANAGED_BY},
        "annotations": {
            **target.annotations,
            ENVIRONMENT: environment.reference,
            SYNC_RECORD: record.to_annotation(),
        },
    }
    if target.deletion_policy == "Delete":
        metadata["ownerReferences"] = [owner_reference(environment)]
    if existing is not None:
        metadata["resourceVersion"] = existing.version
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": target.type, "data": dict(data)}


def owner_reference(environment: EscEnvironment) -> dict[str, Any]:
    """The owner reference: the Secret is deleted with its environment."""
    return {
        "apiVersion": API_VERSION,
        "kind": CLUSTER_KIND if environment.cluster_scoped else ENVIRONMENT_KIND,
        "name": environment.key.name,
        "uid": environment.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
