"""The states of rotators that the operator keeps in a cluster, for a person who may read its Secrets.

Read only: `esc open` and `esc run` rotate nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.errors import ForbiddenError, IdentityError, NotFoundError
from esc_operator.resources.environment import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.cli.cluster import Session
    from esc_operator.driver.rotator_states import Make
    from esc_operator.evaluation import Failed, Rotated


class KeptStates:
    """See `driver.rotator_states`. What may not be read is told: the definition's own state may be long out of use."""

    rotates = False

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, environment: str, path: str) -> Mapping[str, Any] | None:
        # Rotators are rare, and this brings the operator's own client along.
        from esc_operator.reconciliation.rotator_secrets import kept_states, secret_name

        namespace, name = key_of(environment, "")
        if not namespace:
            return None  # of one of the cluster none is kept
        try:
            body = self._session.read_secret(namespace, secret_name(name))
        except NotFoundError:
            return None
        except ForbiddenError as error:
            raise IdentityError(
                f"what its rotators made last is in a Secret that you may not read: {error.message}",
                reason=error.reason,
            ) from error
        state = kept_states(body, name).get(path)
        return state.value if state else None

    async def renew(self, environment: str, path: str, make: Make) -> Rotated | Failed:
        raise AssertionError("opening rotates nothing")
