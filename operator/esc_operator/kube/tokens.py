"""TokenRequest: the body, the answer, and the error of a ServiceAccount that is not there. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.errors import IdentityError
from esc_operator.formats.times import parse_time
from esc_operator.providers.port import IdentityToken
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_SECONDS = 600
"""The shortest life that the API server grants: a token is exchanged in the moment that it is given."""


def token_request(audience: str) -> dict[str, Any]:
    # Without an audience the server would issue a token for itself, with all the rights of the ServiceAccount.
    if not audience:
        raise IdentityError("an identity token needs an audience", reason=reasons.TOKEN_REFUSED)
    return {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": [audience], "expirationSeconds": TOKEN_SECONDS},
    }


def parse_token(answer: Mapping[str, Any]) -> IdentityToken:
    # The server may grant less time than asked for, and says so only here.
    status = answer["status"]
    return IdentityToken(status["token"], parse_time(status.get("expirationTimestamp")))


def missing_service_account(namespace: str, name: str) -> IdentityError:
    return IdentityError(
        f"ServiceAccount {namespace}/{name} does not exist: create it, or name another one in spec.serviceAccountName",
        reason=reasons.SERVICE_ACCOUNT_MISSING,
    )
