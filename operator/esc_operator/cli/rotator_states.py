"""The states of rotators that the operator keeps in a cluster, for a person who may read its Secrets.

Read only: `esc open` and `esc run` rotate nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.errors import ForbiddenError, IdentityError, NotFoundError
from esc_operator.resources.environment import key_of
from esc_operator.resources.status import parse_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.cli.cluster_session import ClusterSession
    from esc_operator.driver.rotator_states import Make
    from esc_operator.evaluation import Failed, Rotated
    from esc_operator.resources.environment import Key


class KeptStates:
    """See `driver.rotator_states`. What may not be read is told: the definition's own state may be long out of use."""

    rotates = False

    def __init__(self, session: ClusterSession) -> None:
        self._session = session

    async def find(self, environment: str, path: str) -> Mapping[str, Any] | None:
        # Rotators are rare, and this brings the operator's own client along.
        from esc_operator.reconciliation.opening.rotator_secrets import kept_states, secret_name

        key = key_of(environment, "")
        where = (key.namespace, secret_name(key.name)) if key.namespace else self._told_by(key)
        if where is None:
            return None
        try:
            body = self._session.read_secret(*where)
        except NotFoundError:
            return None
        except ForbiddenError as error:
            raise IdentityError(
                f"what its rotators made last is in a Secret that you may not read: {error.message}",
                reason=error.reason,
            ) from error
        state = kept_states(body, key).get(path)
        return state.value if state else None

    def _told_by(self, environment: Key) -> tuple[str, str] | None:
        """Where the states of one of the cluster are: in the operator's own namespace, which only its status tells."""
        status = parse_status(self._session.read_environment(*environment).get("status"))
        namespace, _, name = status.rotator_states.partition("/")
        return (namespace, name) if namespace and name else None

    async def renew(self, environment: str, path: str, make: Make) -> Rotated | Failed:
        raise AssertionError("opening rotates nothing")
