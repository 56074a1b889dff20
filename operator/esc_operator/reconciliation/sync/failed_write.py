"""A failed write of a Secret, or a failed read before it, for the status and for the pace of retries. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import ConflictError, KubeError, NotFoundError, UnavailableError
from esc_operator.reconciliation.sync.outcome import Imports, Refused
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from datetime import datetime


def reason_of(error: KubeError) -> str:
    """The reason of a condition: an error that passes by itself, or has a reason of its own, is not a refusal of the
    Secret."""
    passing = isinstance(error, UnavailableError | ConflictError | NotFoundError)
    return error.reason if passing or error.reason != error.default_reason else reasons.SECRET_REFUSED


def cause_of(error: KubeError) -> str:
    """What has to work again, if others wait for it as well; "" if not."""
    return error.cause if isinstance(error, UnavailableError) else ""


def refused_by(error: KubeError, due: datetime | None, imports: Imports) -> Refused:
    """`due`: when it is retried; None if the backoff decides that."""
    return Refused(
        reason_of(error),
        error.message,
        retry_after=error.retry_after,
        imports=imports,
        unwritten=due is not None,
        due=due,
    )
