"""Before a token is asked for: whether a login is allowed. Who decides is handed in; here it is only asked in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from esc_operator.errors import IdentityError
    from esc_operator.evaluation import Failed, Login
    from esc_operator.providers.port import Identity, IdentityToken


class Wish(NamedTuple):
    """A login that a definition asks for. `author` is the environment that the call stands in, `exchanged_by` another
    provider that logs in with tokens like the one that this one gives out. Where it is not to be `shown`, its inputs
    hold a secret."""

    provider: str
    author: str
    login: Login
    shown: bool
    exchanged_by: str = ""


class Admission(Protocol):
    """Decides on logins."""

    async def refuse(self, wish: Wish) -> Failed | None:
        """Why a login is not allowed, or None."""

    async def refuse_unknown(self, provider: str, author: str) -> IdentityError | Failed | None:
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
