"""Which Secret an environment may fill, and why it must not touch another one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import GROUP, MANAGED_BY, MANAGED_BY_LABEL, reasons
from esc_operator.resources.conditions import REFRESHED, find_condition
from esc_operator.resources.environment import key_of

if TYPE_CHECKING:
    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status

_REFUSALS = frozenset({reasons.TARGET_CONFLICT, reasons.SECRET_NOT_OWNED, reasons.SECRET_IMMUTABLE})


def refuse_target(environment: EscEnvironment, secret: SecretMetadata | None) -> Refused | None:
    """Why the environment must not touch a Secret; None if it is free or already its own."""
    if secret and secret.holds_states and (secret.record is None or secret.record.uid != environment.uid):
        return Refused(
            reasons.TARGET_CONFLICT,
            f"spec.target.name: Secret {secret.key} holds the states of rotators of {_describe_owner(secret)}: choose "
            "another target name",
        )
    if secret is None or environment.uid in secret.owners:
        return None
    if secret.managed and secret.environment == environment.reference:
        return None
    where = f"spec.target.name: Secret {secret.key}"
    if secret.managed and secret.environment:
        return Refused(
            reasons.TARGET_CONFLICT,
            f"{where} is already filled by {_describe_owner(secret)}: choose another target name, or delete the Secret "
            "if that environment is gone and has left it behind (deletionPolicy: Retain)",
        )
    return Refused(
        reasons.SECRET_NOT_OWNED,
        f"{where} exists and is not managed by esc-operator, which does not touch it: choose another target name, or "
        "delete the Secret",
    )


def refuse_labels(environment: EscEnvironment) -> Refused | None:
    """Why a target's labels cannot be written; None if they can. The API server refuses them too, but not those of an
    environment that is older than that rule."""
    labels = environment.target.labels
    fighting = [name for name in labels if name.startswith(f"{GROUP}/")]
    if labels.get(MANAGED_BY_LABEL, MANAGED_BY) != MANAGED_BY:
        fighting.append(MANAGED_BY_LABEL)
    if not fighting:
        return None
    return Refused(
        reasons.INVALID_SPEC,
        f"spec.target.labels: only the operator sets {', '.join(sorted(fighting))}, by which it finds its Secrets: "
        "leave that out",
        retryable=False,
    )


def refuse_immutable(target: TargetSecret) -> Refused | None:
    """Why nothing can be written to a Secret of its own; None if it can."""
    if target.secret is None or not target.immutable:
        return None
    return Refused(
        reasons.SECRET_IMMUTABLE,
        f"somebody has made Secret {target.secret.key} immutable, so no new values can be written to it: delete it, "
        "and the operator creates it again",
        retryable=False,
    )


def was_refused_target(status: Status) -> bool:
    known = find_condition(status.conditions, REFRESHED)
    return known is not None and known.reason in _REFUSALS


def _describe_owner(secret: SecretMetadata) -> str:
    """The environment that a Secret names as its owner, for people."""
    owner = key_of(secret.environment, secret.key.namespace)
    return owner.describe() if not owner.namespace else f'EscEnvironment "{owner.name}"'
