"""Which logins a namespace allows its environments, and what a person is told of those that it does not. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import IdentityError
from esc_operator.evaluation import Failed
from esc_operator.resources import reasons
from esc_operator.resources.allowances import ALLOWED_AUDIENCES, ALLOWED_ROLES, Allowances

if TYPE_CHECKING:
    from esc_operator.evaluation import Login

REFUSALS = frozenset({reasons.ROLE_NOT_ALLOWED, reasons.AUDIENCE_NOT_ALLOWED})


class NamespaceAdmission:
    """An Admission: what one namespace allows, for its own environments and for whatever they import."""

    def __init__(self, namespace: str, allowances: Allowances) -> None:
        self._namespace = namespace
        self._allowances = allowances

    def refuse(self, login: Login, *, shown: bool) -> Failed | None:
        if not self._allowances.allows_role(login.role):
            role = f'"{login.role}"' if shown else "(which is a secret)"
            return Failed(
                f"the role {role} is not allowed in namespace {self._namespace}: use one that is, or let an "
                f"administrator add it to the namespace's annotation {ALLOWED_ROLES}",
                reasons.ROLE_NOT_ALLOWED,
            )
        return self.refuse_audience(login.audience, shown=shown)

    def refuse_audience(self, audience: str, *, shown: bool = False) -> Failed | None:
        if self._allowances.allows_audience(audience):
            return None
        told = f'"{audience}"' if shown else "(which may be a secret)"
        if audience.strip() in self._allowances.api_audiences:
            return Failed(
                f"the audience {told} is one of the API server's own, for which nobody is given a token: name the one "
                "of whom it logs in to",
                reasons.AUDIENCE_NOT_ALLOWED,
            )
        return Failed(
            f"the audience {told} is not allowed in namespace {self._namespace}: use one that is, or let an "
            f"administrator add it to the namespace's annotation {ALLOWED_AUDIENCES}",
            reasons.AUDIENCE_NOT_ALLOWED,
        )

    def refuse_unknown(self, provider: str) -> IdentityError | None:
        if self._allowances.roles is None:
            return None
        return IdentityError(
            f'the provider "{provider}" does not tell its role, and namespace {self._namespace} allows only some: see '
            f"its annotation {ALLOWED_ROLES}",
            reason=reasons.ROLE_NOT_ALLOWED,
        )
