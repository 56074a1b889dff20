"""Which Secret an environment may fill, and why it must not touch another one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.reconciliation.sync.outcome import Refused
from esc_operator.resources import reasons
from esc_operator.resources.conditions import REFRESHED, find_condition
from esc_operator.resources.environment import key_of

if TYPE_CHECKING:
    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.resources.environment import EscEnvironment
    from esc_operator.resources.status import Status


def refuse_target(environment: EscEnvironment, secret: SecretMetadata | None) -> Refused | None:
    """Why the environment must not touch a Secret; None where it is free or already its own."""
    if secret and secret.holds_states:
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


def was_refused_target(status: Status) -> bool:
    known = find_condition(status.conditions, REFRESHED)
    return known is not None and known.reason in {reasons.TARGET_CONFLICT, reasons.SECRET_NOT_OWNED}


def _describe_owner(secret: SecretMetadata) -> str:
    """The environment that a Secret names as its own, for people."""
    owner = key_of(secret.environment, secret.key.namespace)
    return owner.describe() if not owner.namespace else f'EscEnvironment "{owner.name}"'
