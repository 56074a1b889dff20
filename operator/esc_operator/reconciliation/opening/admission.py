"""Which logins a namespace allows its environments, and the messages for those that it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import IdentityError, KubeError
from esc_operator.evaluation import Failed
from esc_operator.resources import reasons
from esc_operator.resources.allowances import (
    ALLOWED_AUDIENCES,
    ALLOWED_ROLES,
    ALLOWED_TOKEN_AUDIENCES,
    Allowances,
)
from esc_operator.stores.imports import place_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from esc_operator.driver.admission import Wish

REFUSALS = frozenset({reasons.ROLE_NOT_ALLOWED, reasons.AUDIENCE_NOT_ALLOWED, reasons.TOKEN_NOT_ALLOWED})


class Admissions:
    """An Admission: the namespace of the ServiceAccount has to allow a login, whichever definition has the call; if
    that is an import of another namespace, that namespace has to allow it as well. `read` raises KubeError."""

    def __init__(self, home: NamespaceAdmission, read: Callable[[str], Awaitable[Allowances]]) -> None:
        self._home = home
        self._read = read

    async def refuse(self, wish: Wish) -> Failed | None:
        judges = await self._judges(wish.author)
        if isinstance(judges, Failed):
            return judges
        return next((refused for judge in judges if (refused := judge.refuse(wish))), None)

    async def refuse_unknown(self, provider: str, author: str) -> IdentityError | Failed | None:
        judges = await self._judges(author)
        if isinstance(judges, Failed):
            return judges
        return next((refused for judge in judges if (refused := judge.refuse_unknown(provider))), None)

    async def _judges(self, author: str) -> list[NamespaceAdmission] | Failed:
        place = place_of(author)
        if place in {"", self._home.namespace}:
            return [self._home]
        try:
            return [self._home, NamespaceAdmission(place, await self._read(place))]
        except KubeError as error:
            return Failed(f"the allow-lists of namespace {place} could not be read: {error.message}", error.reason)


class NamespaceAdmission:
    """What one namespace allows. Pure."""

    def __init__(self, namespace: str, allowances: Allowances) -> None:
        self.namespace = namespace
        self._allowances = allowances

    @property
    def digest(self) -> str:
        """A digest of the allowed roles."""
        return self._allowances.digest

    def refuse(self, wish: Wish) -> Failed | None:
        login, shown = wish.login, wish.shown
        if not self._allowances.allows_role(login.role):
            role = f'"{login.role}"' if shown else "(which is a secret)"
            return Failed(
                f"the role {role} is not allowed in namespace {self.namespace}: use one that is, or ask an "
                f"administrator to add it to the namespace's annotation {ALLOWED_ROLES}",
                reasons.ROLE_NOT_ALLOWED,
            )
        return self.refuse_audience(login.audience, shown=shown) or self._refuse_token(wish)

    def _refuse_token(self, wish: Wish) -> Failed | None:
        login, other = wish.login, wish.exchanged_by
        if not login.gives_token or self._allowances.allows_token(login.audience, exchanged=bool(other)):
            return None
        audience = f'"{login.audience}"' if wish.shown else "(which may be a secret)"
        if wish.receiver:
            return Failed(
                f"{wish.receiver} would be sent the identity token itself, for the audience {audience}, which Pulumi "
                f"Cloud accepts too, and namespace {self.namespace} does not allow that: leave apiUrl out, or ask "
                "an administrator to add the audience, literally, to the namespace's annotation "
                f"{ALLOWED_TOKEN_AUDIENCES}",
                reasons.TOKEN_NOT_ALLOWED,
            )
        listed = f", literally, because {other} logs in with it," if other else ""
        return Failed(
            f'"{wish.provider}" would output the identity token itself, for the audience {audience}, and namespace '
            f"{self.namespace} does not allow that: let the provider exchange it (azure-login does with `scope`), or "
            f"ask an administrator to add the audience{listed} to the namespace's annotation {ALLOWED_TOKEN_AUDIENCES}",
            reasons.TOKEN_NOT_ALLOWED,
        )

    def refuse_audience(self, audience: str, *, shown: bool = False) -> Failed | None:
        if self._allowances.allows_audience(audience):
            return None
        name = f'"{audience}"' if shown else "(which may be a secret)"
        if audience.strip() in self._allowances.api_audiences:
            return Failed(
                f"the audience {name} is one of the API server's own, for which no environment gets a token: name that "
                "of the service it logs in to",
                reasons.AUDIENCE_NOT_ALLOWED,
            )
        return Failed(
            f"the audience {name} is not allowed in namespace {self.namespace}: use one that is, or ask an "
            f"administrator to add it to the namespace's annotation {ALLOWED_AUDIENCES}",
            reasons.AUDIENCE_NOT_ALLOWED,
        )

    def refuse_unknown(self, provider: str) -> IdentityError | None:
        if not self._allowances.restricts:
            return None
        return IdentityError(
            f'the provider "{provider}" does not report its role, and namespace {self.namespace} allows only some: use '
            f"another provider, or ask an administrator about the annotation {ALLOWED_ROLES}",
            reason=reasons.ROLE_NOT_ALLOWED,
        )
