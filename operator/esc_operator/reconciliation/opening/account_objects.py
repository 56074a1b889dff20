"""Reads ConfigMaps and Secrets for environments, as far as their ServiceAccounts may read them.

Owns the question whether one may: the API server answers it, for that one object, each time. Invariant: nothing is read
for a ServiceAccount that does not exist, that the operator may not act as, or that could not read the object itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from esc_operator.errors import IdentityError, NotFoundError
from esc_operator.kube.paths import CONFIG_MAPS, SECRETS
from esc_operator.kube.reviews import may_account_get
from esc_operator.providers.reasons import OBJECT_FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.identity_tokens import IdentityTokens
    from esc_operator.resources.environment import Key

PROOF: Final = "objects.esc-operator.dev"
"""The audience of a token that nobody is given. That it can be had shows that the ServiceAccount exists, which a review
of access does not, and that the operator may act as it: where it works on some namespaces only, ServiceAccounts are
named to it."""

_RESOURCES: Final = {resource.kind: resource for resource in (CONFIG_MAPS, SECRETS)}


class AccountObjects:
    def __init__(self, api: KubeApi, tokens: IdentityTokens) -> None:
        self._api = api
        self._tokens = tokens

    async def read(self, account: Key, kind: Literal["ConfigMap", "Secret"], name: str) -> Mapping[str, Any] | None:
        """An object of the account's namespace, None if it does not exist. Raises KubeError, and IdentityError if the
        account does not exist, or with the reason `OBJECT_FORBIDDEN` if it may not read the object."""
        resource = _RESOURCES[kind]
        await self._tokens.token(account, PROOF)
        if not await may_account_get(self._api, account, resource, name):
            raise IdentityError(
                f"ServiceAccount {account} may not get {kind} {account.namespace}/{name}: grant it get on "
                f"{resource.plural} with resourceNames [{name}], by a Role and a RoleBinding",
                reason=OBJECT_FORBIDDEN,
            )
        try:
            return await self._api.read(resource, account.namespace, name)
        except NotFoundError:
            return None
