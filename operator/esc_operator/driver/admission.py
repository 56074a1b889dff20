"""Before a token is asked for: whether a login is allowed. Who decides is handed in; here it is only asked in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from esc_operator.errors import IdentityError
    from esc_operator.evaluation import Failed, Login
    from esc_operator.providers.port import Identity, IdentityToken


class Admission(Protocol):
    """Decides on logins."""

    def refuse(self, login: Login, *, shown: bool) -> Failed | None:
        """Why a login is not allowed, or None. Where it is not to be `shown`, its inputs hold a secret."""

    def refuse_unknown(self, provider: str) -> IdentityError | None:
        """Why a provider that does not tell its role must not log in, or None where every role is allowed."""


class Refusing:
    """An identity that is refused every token: for a provider of which nobody knows what it would do with one."""

    def __init__(self, identity: Identity, error: IdentityError) -> None:
        self._identity = identity
        self._error = error

    @property
    def subject(self) -> str:
        return self._identity.subject

    @property
    def tenant(self) -> str:
        return self._identity.tenant

    async def token(self, audience: str) -> IdentityToken:
        raise self._error
