"""The states of rotators that the operator stores in a cluster, read with the user's own rights.

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
    """See `driver.rotator_states`. A Secret that the user may not read is an error: the definition's own state may be
    out of date."""

    rotates = False

    def __init__(self, session: ClusterSession) -> None:
        self._session = session

    async def find(self, environment: str, path: str) -> Mapping[str, Any] | None:
        # Rotators are rare, and this imports the operator's own client.
        from esc_operator.reconciliation.opening.rotator_secrets import kept_states, secret_name

        key = key_of(environment, "")
        where = (key.namespace, secret_name(key.name)) if key.namespace else self._from_status(key)
        if where is None:
            return None
        try:
            body = self._session.read_secret(*where)
        except NotFoundError:
            return None
        except ForbiddenError as error:
            raise IdentityError(
                f"the states of its rotators are in a Secret that you may not read: {error.message}",
                reason=error.reason,
            ) from error
        state = kept_states(body, key).get(path)
        return state.value if state else None

    def _from_status(self, environment: Key) -> tuple[str, str] | None:
        """The Secret of a ClusterEscEnvironment: only its status names the operator's own namespace."""
        status = parse_status(self._session.read_environment(*environment).get("status"))
        namespace, _, name = status.rotator_states.partition("/")
        return (namespace, name) if namespace and name else None

    async def renew(self, environment: str, path: str, make: Make) -> Rotated | Failed:
        raise AssertionError("opening rotates nothing")
