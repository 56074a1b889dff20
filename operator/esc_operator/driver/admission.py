"""The port that decides, before a token is requested, whether a login is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from esc_operator.errors import IdentityError
    from esc_operator.evaluation import Failed, Login
    from esc_operator.providers.port import Identity, IdentityToken


class Wish(NamedTuple):
    """A login that a definition requests. `author` is the environment whose definition has the call. `exchanged_by` is
    another provider that logs in with tokens like the one that this provider outputs. `shown` is false if the inputs
    hold a secret. `receiver` is who would be sent the token, as a field and its value; "" if the provider outputs it.
    """

    provider: str
    author: str
    login: Login
    shown: bool
    exchanged_by: str = ""
    receiver: str = ""


class Admission(Protocol):
    """Decides on logins."""

    async def refuse(self, wish: Wish) -> Failed | None:
        """Why the login is not allowed; None if it is."""

    async def refuse_unknown(self, provider: str, author: str) -> IdentityError | Failed | None:
        """Why a provider that does not report its role must not log in; None if every role is allowed."""


class Refusing:
    """An identity that gets no token: for a provider that does not report what it would do with one."""

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
