"""The one translator of Key Vault's errors. Pure.

A refusal has a code, and most have a second one within, which is the better of the two. A message repeats nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons, refusals
from esc_operator.providers.answers import code_word
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.refusals import (
    Refusal,
    Rule,
    advise_outage,
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

    from esc_operator.providers.token_endpoints import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """One reading, as messages describe it. `version` is "" for the latest, `input` the input that asks for it;
    `is_given`: the access token is one of the inputs."""

    host: str
    vault: str
    client: str
    tenant: str
    secret: str
    version: str
    input: str
    is_given: bool = False

    @property
    def what(self) -> str:
        return (
            f'version {self.version} of the secret "{self.secret}"' if self.version else f'the secret "{self.secret}"'
        )


def translate(reply: Reply, asked: Asked, now: datetime) -> ProviderError:
    """The error for an answer that is not a secret."""
    refusal = _read(reply)
    if reply.content is None and not explained_by_status(refusal):
        return malformed_answer(asked, "it is not a JSON object")
    error = explain(_RULES, refusal, asked, reply.headers, now)
    error.login_refused = error.reason == azure_reasons.TOKEN_REFUSED and asked.is_given
    return error


def vault_missing(asked: Asked) -> ProviderError:
    return ProviderError(
        f"there is no Key Vault {asked.vault}: {asked.host} has no address; correct `vault` (one that was deleted can"
        " be recovered), or look at the DNS if the name is right",
        reason=azure_reasons.VAULT_MISSING,
        outage=True,
    )


def malformed_answer(asked: Asked, why: str) -> ProviderError:
    return refusals.malformed_answer(f"{asked.host} sent an answer for {asked.what}", why)


def _read(reply: Reply) -> Refusal:
    found = (reply.content or {}).get("error")
    error: Mapping[str, Any] = found if isinstance(found, dict) else {}
    inner = error.get("innererror") or error.get("innerError")
    code = inner.get("code") if isinstance(inner, dict) else None
    return Refusal(code_word(code or error.get("code")), str(error.get("message") or ""), reply.status)


def _advise_missing(asked: Asked, _: Refusal) -> str:
    return (
        f"the Key Vault {asked.vault} does not have {asked.what}: correct `{asked.input}`, or add it; one that was"
        " deleted can be recovered"
    )


def _advise_disabled(asked: Asked, _: Refusal) -> str:
    return f"{asked.what} in the Key Vault {asked.vault} is disabled: enable it, or correct `{asked.input}`"


def _advise_permission(asked: Asked, _: Refusal) -> str:
    return (
        f"the application {asked.client} may not read {asked.what} in the Key Vault {asked.vault}: give it the role Key"
        " Vault Secrets User there, or the secret permission get in the vault's access policies (which takes effect"
        " after minutes)"
    )


def _advise_network(asked: Asked, _: Refusal) -> str:
    return (
        f"the firewall of the Key Vault {asked.vault} does not admit this network: add the address from which this"
        " cluster reaches the internet to the vault's network rules, or give the cluster a private endpoint"
    )


def _advise_tenant(asked: Asked, _: Refusal) -> str:
    return (
        f"the Key Vault {asked.vault} belongs to another tenant than {asked.tenant}: log in with an application of the"
        " vault's tenant"
    )


def _advise_token(asked: Asked, _: Refusal) -> str:
    if asked.is_given:
        return (
            f"the Key Vault {asked.vault} does not accept `login.accessToken`: it has expired, or the azure-login has"
            " another `scope` than https://vault.azure.net/.default"
        )
    return f"the Key Vault {asked.vault} does not accept the access token of {asked.client}: compare the clocks"


def _advise_throttled(asked: Asked, _: Refusal) -> str:
    return f"the Key Vault {asked.vault} limits the rate of calls; this is tried again later"


def _repeat(asked: Asked, refusal: Refusal) -> str:
    return f"the Key Vault {asked.vault} refused to give out {asked.what} ({refusal.code or refusal.status})"


_DENIED = ("Forbidden", "ForbiddenByRbac", "ForbiddenByPolicy", "AccessDenied")

_RULES: tuple[Rule[Asked], ...] = (
    Rule(says("SecretNotFound"), azure_reasons.SECRET_MISSING, _advise_missing),
    Rule(says("SecretDisabled"), azure_reasons.SECRET_DISABLED, _advise_disabled),
    Rule(says("Forbidden", words="disabled secret"), azure_reasons.SECRET_DISABLED, _advise_disabled),
    Rule(says("ForbiddenByFirewall", "ForbiddenByConnection"), azure_reasons.VAULT_NETWORK_REFUSED, _advise_network),
    Rule(says(*_DENIED), azure_reasons.ACCESS_DENIED, _advise_permission),
    Rule(
        lambda refusal: refusal.status == 401 and "issuer" in refusal.text.lower(),
        azure_reasons.VAULT_OF_ANOTHER_TENANT,
        _advise_tenant,
    ),
    Rule(lambda refusal: refusal.status == 401, azure_reasons.TOKEN_REFUSED, _advise_token),
    Rule(is_throttled, login_reasons.THROTTLED, _advise_throttled, throttled=True),
    Rule(is_outage, azure_reasons.AZURE_UNAVAILABLE, advise_outage, outage=True),
    Rule(is_any, azure_reasons.AZURE_REFUSED, _repeat),
)
