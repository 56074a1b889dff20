"""The one translator of Microsoft Graph's errors about client secrets. Pure.

A message repeats only the code of an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.providers import login_reasons, refusals
from esc_operator.providers.answers import code_word
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.refusals import (
    Refusal,
    Rule,
    advise_outage,
    advise_throttled,
    explain,
    explained_by_status,
    is_any,
    is_outage,
    is_throttled,
    says,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from esc_operator.errors import ProviderError
    from esc_operator.providers.token_endpoints import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """One rotation, as messages describe it: `client` rotates the secrets of `application`."""

    host: str
    application: str
    client: str
    tenant: str
    days: str
    is_given: bool = False


def translate(reply: Reply, asked: Asked, now: datetime) -> ProviderError:
    refusal = _read(reply)
    if reply.content is None and not explained_by_status(refusal):
        return malformed_answer(asked, "it is not a JSON object")
    error = explain(_RULES, refusal, asked, reply.headers, now)
    error.login_refused = error.reason == azure_reasons.TOKEN_REFUSED and asked.is_given
    return error


def malformed_answer(asked: Asked, why: str) -> ProviderError:
    return refusals.malformed_answer(f"{asked.host} sent an answer for application {asked.application}", why)


def _read(reply: Reply) -> Refusal:
    found = (reply.content or {}).get("error")
    error: Mapping[str, Any] = found if isinstance(found, dict) else {}
    return Refusal(code_word(error.get("code")), str(error.get("message") or ""), reply.status)


def _advise_missing(asked: Asked, _: Refusal) -> str:
    return (
        f"tenant {asked.tenant} has no application with the client ID {asked.application}: `clientId` is the client ID"
        " of the application whose secrets rotate, not its object ID"
    )


def _advise_permission(asked: Asked, _: Refusal) -> str:
    return (
        f"the application {asked.client} may not change the secrets of {asked.application}: make it an owner of that"
        " and give it Microsoft Graph's application permission Application.ReadWrite.OwnedBy, or"
        " Application.ReadWrite.All, with an administrator's consent"
    )


def _advise_lifetime(asked: Asked, _: Refusal) -> str:
    return (
        f"a policy of tenant {asked.tenant} allows no client secret that lasts {asked.days} days: lower"
        " `lifetimeInDays`"
    )


def _advise_kind(asked: Asked, _: Refusal) -> str:
    return (
        f"a policy of tenant {asked.tenant} allows no client secrets for application {asked.application}: have it"
        " excepted, or log in with `oidc: true`, which needs none"
    )


def _advise_token(asked: Asked, _: Refusal) -> str:
    if asked.is_given:
        return (
            f"{asked.host} does not accept `login.accessToken`: it has expired, or the azure-login has another `scope`"
            " than https://graph.microsoft.com/.default"
        )
    return f"{asked.host} does not accept the access token of {asked.client}: compare the clocks"


def _repeat(asked: Asked, refusal: Refusal) -> str:
    return (
        f"{asked.host} refused to rotate the secrets of application {asked.application}"
        f" ({refusal.code or refusal.status})"
    )


_RULES: tuple[Rule[Asked], ...] = (
    Rule(says("Request_ResourceNotFound"), azure_reasons.APPLICATION_MISSING, _advise_missing),
    Rule(says("Authorization_RequestDenied"), azure_reasons.ACCESS_DENIED, _advise_permission),
    Rule(says("CredentialInvalidLifetimeAsPerAppPolicy"), azure_reasons.SECRET_LIFETIME_REFUSED, _advise_lifetime),
    Rule(says("CredentialTypeNotAllowedAsPerAppPolicy"), azure_reasons.CLIENT_SECRETS_FORBIDDEN, _advise_kind),
    Rule(lambda refusal: refusal.status == 401, azure_reasons.TOKEN_REFUSED, _advise_token),
    Rule(is_throttled, login_reasons.THROTTLED, advise_throttled, throttled=True),
    Rule(is_outage, azure_reasons.AZURE_UNAVAILABLE, advise_outage, outage=True),
    Rule(is_any, azure_reasons.AZURE_REFUSED, _repeat),
)
