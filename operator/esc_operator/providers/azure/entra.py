"""Access tokens of Entra: what is sent, what is answered, and the login with the outputs of azure-login.

azure-login itself asks the host that the settings name with a client of its own. What uses its outputs sends through
the context, with the rest of its requests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.answers import json_object
from esc_operator.providers.azure import errors
from esc_operator.providers.azure.errors import Exchange
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.login_inputs import SECRET, refuse, token_problems
from esc_operator.providers.port import HttpRequest, IdentityToken
from esc_operator.providers.token_endpoints import Reply, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from esc_operator.providers.port import OpenContext

DEFAULT_AUDIENCE = "api://AzureADTokenExchange"

# The tenant becomes part of the URL: Azure itself has to answer that it has no such tenant. A web server's answer to a
# malformed URL would look like an outage to everyone who logs in there.
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_EITHER = (
    "`login` has neither `oidc.token`, nor `clientSecret`, nor `accessToken`: give it the outputs of an azure-login"
    " with `oidc: true`, or with a `clientSecret`"
)

LOGIN: Mapping[str, Any] = {
    "type": "object",
    "title": "AzureLogin",
    "description": "The outputs of azure-login.",
    "required": ["clientId", "tenantId"],
    "properties": {
        "clientId": {"type": "string", "minLength": 1},
        "tenantId": {"type": "string", "minLength": 1},
        "subscriptionId": {"type": "string"},
        "clientSecret": SECRET,
        "oidc": {"type": "object", "required": ["token"], "properties": {"token": SECRET}},
        "accessToken": {
            **SECRET,
            "added": True,
            "description": "Of an azure-login with the `scope` of this service; it is used as it is.",
        },
        "expiresAt": {"type": "string", "added": True},
    },
}
"""The schema of an input `login` of other providers."""


@dataclass(frozen=True, slots=True)
class Client:
    """An application, and what proves that one is: an identity token, or else its secret."""

    id: str
    tenant: str
    secret: str = field(default="", repr=False)
    assertion: IdentityToken | None = None

    def form(self, scope: str) -> dict[str, str]:
        usual = {"client_id": self.id, "grant_type": "client_credentials", "scope": scope}
        if self.assertion is None:
            return {**usual, "client_secret": self.secret}
        return {
            **usual,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": self.assertion.reveal(),
        }

    def url(self, authority: str) -> str:
        return f"{authority}/{self.tenant}/oauth2/v2.0/token"

    def exchange(self, authority: str, scope: str, audience: str) -> Exchange:
        """The exchange, as messages describe it."""
        claims = unverified_claims(self.assertion) if self.assertion is not None else None
        return Exchange(self.id, self.tenant, scope, audience, host_of(authority), claims)


class AccessToken(NamedTuple):
    """`is_given`: another login has taken it, so that only another login takes a new one."""

    text: str
    is_given: bool

    def __repr__(self) -> str:
        return f"AccessToken([secret], is_given={self.is_given})"


def read_token(reply: Reply, exchange: Exchange, issued_at: datetime, now: datetime) -> tuple[str, datetime]:
    """The access token of an answer, and its expiry. Raises ProviderError."""
    if reply.status != 200:
        raise errors.translate(reply, exchange, now)
    match reply.content:
        case {"access_token": str() as token, "expires_in": int() | str() as given} if token:
            seconds = int(given) if str(given).isdecimal() else 0
        case _:
            raise errors.malformed_answer(exchange, "it has no access token with a lifetime")
    if not 0 < seconds < timedelta.max.days:
        raise errors.malformed_answer(exchange, f"the access token lasts {seconds} s")
    # Counted from before the request: the lifetime started while the request was running.
    return token, issued_at + timedelta(seconds=seconds)


def tenant_problems(tenant: object, *path: str) -> Iterator[InputProblem]:
    """What is wrong with the tenant at this path."""
    if isinstance(tenant, str) and not _TENANT.fullmatch(tenant):
        yield InputProblem(
            path,
            "`tenantId` is not a tenant: write its ID, such as 72f988bf-86f1-41af-91ab-2d7cd011db47, or one of its "
            "domains",
            reasons.INVALID_INPUTS,
        )


def login_problems(inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    """What is wrong with an input `login`."""
    login = inputs.get("login")
    if isinstance(login, dict):
        yield from tenant_problems(login.get("tenantId"), "login", "tenantId")
        if not {"oidc", "clientSecret", "accessToken"} & login.keys():
            yield InputProblem(("login",), _EITHER, reasons.INVALID_INPUTS)


async def take_token(login: Mapping[str, Any], authority: str, scope: str, context: OpenContext) -> AccessToken:
    """An access token for the scope, as the application of an input `login`. Raises ProviderError."""
    if given := login.get("accessToken"):
        refuse(token_problems(given, "login", "accessToken"))
        return AccessToken(given, is_given=True)
    text = (login.get("oidc") or {}).get("token")
    assertion = IdentityToken(text, None) if text else None
    client = Client(login["clientId"], login["tenantId"], login.get("clientSecret") or "", assertion)
    exchange = client.exchange(authority, scope, DEFAULT_AUDIENCE)
    issued_at = context.now()
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    request = HttpRequest("POST", client.url(authority), headers, urlencode(client.form(scope)).encode())
    answer = await context.send(request)
    reply = Reply(answer.status, answer.headers, json_object(answer.body))
    try:
        token, _ = read_token(reply, exchange, issued_at, context.now())
    except ProviderError as error:
        # It is older than this call, and another login has a new one.
        error.login_refused = error.reason == login_reasons.TOKEN_EXPIRED
        raise
    return AccessToken(token, is_given=False)
