"""The one translator of Azure's errors: from what the token endpoint answers to a reason and what to fix.

Entra numbers its errors (AADSTS700213) and changes their wording over the years, so the number decides. A message
repeats its words only after everything that could be a token or a secret is removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons, refusals
from esc_operator.providers.answers import without_secrets
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.claims import forgotten_account, trusted_subject
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

    from esc_operator.providers.claims import Claims
    from esc_operator.providers.token_endpoints import Reply, Unreachable


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange for an application, as messages describe it. `claims` is None with a client secret."""

    client: str
    tenant: str
    scope: str
    audience: str
    host: str
    claims: Claims | None


def translate(reply: Reply, exchange: Exchange, now: datetime) -> ProviderError:
    """The error for an answer that is not a token."""
    refusal = _read(reply)
    if reply.content is None and not explained_by_status(refusal):
        return malformed_answer(exchange, "it is not a JSON object")
    return explain(_RULES, refusal, exchange, reply.headers, now)


def unreachable(exchange: Exchange, failure: Unreachable) -> ProviderError:
    return ProviderError(
        f"{exchange.host} could not be reached for {exchange.client} ({failure.kind}): check the network, a proxy, and"
        " AZURE_AUTHORITY_HOST",
        reason=azure_reasons.AZURE_UNAVAILABLE,
        outage=True,
    )


def malformed_answer(exchange: Exchange, why: str) -> ProviderError:
    return refusals.malformed_answer(f"{exchange.host} sent an answer for {exchange.client}", why)


def _read(reply: Reply) -> Refusal:
    """The code is the number behind AADSTS."""
    content: Mapping[str, Any] = reply.content or {}
    text = without_secrets(str(content.get("error_description") or "").partition("Trace ID:")[0])
    found = re.match(r"AADSTS(\d{1,9})\b", text)
    return Refusal(found[1] if found else "", text or without_secrets(content.get("error")), reply.status)


def _credential(exchange: Exchange) -> str:
    claims = exchange.claims
    if claims is None:
        return "a federated identity credential"
    audiences = ", ".join(claims.audiences)
    return (
        f"a federated identity credential with exactly the issuer {claims.issuer}, the subject"
        f" {trusted_subject(claims)} and the audience {audiences}"
    )


def _advise_credential(exchange: Exchange, refusal: Refusal) -> str:
    forgotten = forgotten_account(exchange.claims) if exchange.claims else ""
    return (
        f"{forgotten}application {exchange.client} of tenant {exchange.tenant} needs {_credential(exchange)}"
        f" (AADSTS{refusal.code}; trailing slashes and upper case count, and a new one takes effect after minutes)"
    )


def _advise_audience(exchange: Exchange, refusal: Refusal) -> str:
    return (
        f"the federated identity credential of application {exchange.client} is for another audience than"
        f" {exchange.audience} (AADSTS{refusal.code}): set `audience` to the credential's, or change the credential's"
    )


def _advise_issuer(exchange: Exchange, _: Refusal) -> str:
    issuer = exchange.claims.issuer if exchange.claims else "the issuer"
    return (
        f"Azure could not fetch the signing keys of the issuer {issuer}:"
        f" {issuer.rstrip('/')}/.well-known/openid-configuration and the key set that it names must be readable from"
        " the internet over https"
    )


def _advise_expired(exchange: Exchange, _: Refusal) -> str:
    subject = exchange.claims.subject if exchange.claims else exchange.client
    return (
        f"the identity token of {subject} was not valid when it reached Azure: compare the clocks, and if the token"
        " comes from a file, renew the file"
    )


def _advise_application(exchange: Exchange, refusal: Refusal) -> str:
    return (
        f"tenant {exchange.tenant} has no application with the client ID {exchange.client} (AADSTS{refusal.code}):"
        " `clientId` is the application's (or the managed identity's) client ID, not its object ID"
    )


def _advise_tenant(exchange: Exchange, refusal: Refusal) -> str:
    return f"{exchange.host} has no tenant {exchange.tenant} (AADSTS{refusal.code}): check `tenantId`"


def _advise_secret(exchange: Exchange, refusal: Refusal) -> str:
    return (
        f"the client secret of application {exchange.client} is wrong or has expired (AADSTS{refusal.code}):"
        " `clientSecret` is a secret's value, not its ID; better, use `oidc: true`, which needs none"
    )


def _advise_scope(exchange: Exchange, refusal: Refusal) -> str:
    return (
        f'tenant {exchange.tenant} has no scope "{exchange.scope}" (AADSTS{refusal.code}): write one like'
        " https://vault.azure.net/.default"
    )


def _repeat(exchange: Exchange, refusal: Refusal) -> str:
    return f"Azure refused {exchange.client} of tenant {exchange.tenant}: {refusal.text or refusal.status}"


_RULES: tuple[Rule[Exchange], ...] = (
    # 7002138 is 700213 if only upper and lower case differ, 70021 an older number for all of them.
    Rule(
        says("70021", "70025", "700211", "700213", "7002137", "7002138"),
        azure_reasons.FEDERATED_CREDENTIAL_MISSING,
        _advise_credential,
    ),
    Rule(says("700212"), login_reasons.AUDIENCE_REFUSED, _advise_audience),
    Rule(says("50166", "501661"), login_reasons.ISSUER_UNREACHABLE, _advise_issuer),
    Rule(says("700024"), login_reasons.TOKEN_EXPIRED, _advise_expired),
    Rule(says("50013", "50027", "700027"), login_reasons.IDENTITY_TOKEN_REFUSED, _repeat),
    Rule(says("700016"), azure_reasons.APPLICATION_MISSING, _advise_application),
    Rule(says("90002", "900023"), azure_reasons.TENANT_MISSING, _advise_tenant),
    Rule(says("7000215", "7000222"), azure_reasons.CLIENT_SECRET_REFUSED, _advise_secret),
    Rule(says("70011", "1002012", "500011"), azure_reasons.INVALID_SCOPE, _advise_scope),
    Rule(is_throttled, login_reasons.THROTTLED, advise_throttled, throttled=True),
    # 90033: "a transient error has occurred", which comes as 400 too.
    Rule(lambda r: is_outage(r) or r.code == "90033", azure_reasons.AZURE_UNAVAILABLE, advise_outage, outage=True),
    Rule(is_any, azure_reasons.AZURE_REFUSED, _repeat),
)
