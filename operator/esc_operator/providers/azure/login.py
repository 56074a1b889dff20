"""`fn::open::azure-login`: the credentials of an Azure client: an identity token (`oidc`), or a client secret.

Inputs and outputs are those of Pulumi ESC, where `oidc.token` is the identity token itself, for clients that exchange
it (`ARM_OIDC_TOKEN`). Additions are the input `scope`, which exchanges it here and outputs `accessToken` instead; the
input `audience`; and the output `expiresAt`. `subjectAttributes` is refused, since the subject of a cluster's token
cannot be changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Lease, Login, Opened, Secret
from esc_operator.formats.times import format_time
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.azure import errors
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.azure.errors import Exchange
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.login_inputs import SECRET, SUBJECT_ATTRIBUTES, refuse, subject_problems
from esc_operator.providers.token_endpoints import Asking, Post, Unreachable, host_of, is_https
from esc_operator.providers.token_expiry import expiry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from esc_operator.providers.port import IdentityToken, OpenContext
    from esc_operator.providers.token_endpoints import Poster, Reply

DEFAULT_AUDIENCE = "api://AzureADTokenExchange"
DEFAULT_AUTHORITY = "https://login.microsoftonline.com"

# The tenant becomes part of the URL: Azure itself has to answer that it has no such tenant. A web server's answer to a
# malformed URL would look like an outage to everyone who logs in there.
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["clientId", "tenantId"],
    "additionalProperties": False,
    "properties": {
        "clientId": {"type": "string", "minLength": 1, "description": "The application's client ID."},
        "tenantId": {"type": "string", "minLength": 1, "description": "The tenant's ID, or one of its domains."},
        "subscriptionId": {"type": "string", "description": "Passed through."},
        "clientSecret": {**SECRET, "description": "A client secret, if there is no federated credential."},
        "oidc": {
            "type": "boolean",
            "default": False,
            "description": "Log in with the environment's identity: the application has a federated credential for it.",
        },
        "subjectAttributes": SUBJECT_ATTRIBUTES,
        "audience": {
            "added": True,
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_AUDIENCE,
            "description": "The audience of the identity token.",
        },
        "scope": {
            "added": True,
            "type": "string",
            "minLength": 1,
            "description": "Log in, and output an access token for this scope: <resource>/.default.",
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "AzureLogin",
    "required": ["clientId", "tenantId"],
    "properties": {
        "clientId": {"type": "string"},
        "tenantId": {"type": "string"},
        "subscriptionId": {"type": "string"},
        "clientSecret": SECRET,
        "oidc": {
            "type": "object",
            "required": ["token"],
            "properties": {"token": {**SECRET, "description": "The identity token; without `scope`."}},
        },
        "accessToken": {**SECRET, "added": True, "description": "With `scope`."},
        "expiresAt": {"type": "string", "added": True, "description": "When the output token expires, RFC 3339."},
    },
}


class AzureLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "azure-login"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    exchanged_audiences: ClassVar[tuple[str, ...]] = (DEFAULT_AUDIENCE,)

    def __init__(self, endpoints: Poster | None = None) -> None:
        self._asking = Asking(endpoints)

    @property
    def clock_skew(self) -> timedelta | None:
        return self._asking.clock_skew

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        return host_of(_authority(settings)) if inputs.get("scope") else None

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"tenant {_parse_request(inputs).tenant.lower()}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        request = _parse_request(inputs)
        if not request.is_federated:
            return None
        return Login(request.client, request.audience, gives_token=not request.scope)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        return _problems(inputs)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        request = _parse_request(inputs)
        names = ("clientId", "tenantId", "subscriptionId")
        value: dict[str, Any] = {name: inputs[name] for name in names if name in inputs}
        if request.secret:
            value["clientSecret"] = Secret(request.secret)
        token = await context.identity.token(request.audience) if request.is_federated else None
        issued_at = context.now()
        if request.scope:
            access_token, expires_at = await self._exchange(request, token, context, issued_at)
            value["accessToken"] = Secret(access_token)
        elif token is not None:
            expires_at = expiry_of(token, issued_at)
            value["oidc"] = {"token": Secret(token.reveal())}
        else:
            return Opened(value=value, lease=None, secret=False)
        value["expiresAt"] = format_time(expires_at)
        return Opened(value=value, lease=Lease(issued_at=issued_at, expires_at=expires_at), secret=False)

    async def _exchange(
        self, request: _Request, token: IdentityToken | None, context: OpenContext, issued_at: datetime
    ) -> tuple[str, datetime]:
        """The access token and its expiry."""
        authority = _authority(context.settings)
        exchange = Exchange(
            client=request.client,
            tenant=request.tenant,
            scope=request.scope,
            audience=request.audience,
            host=host_of(authority),
            claims=unverified_claims(token) if token is not None else None,
        )
        post = Post(f"{authority}/{request.tenant}/oauth2/v2.0/token", request.form(token))
        reply = await self._asking.send(post, context)
        if isinstance(reply, Unreachable):
            raise errors.unreachable(exchange, reply)
        if reply.status != 200:
            raise errors.translate(reply, exchange, context.now())
        return _read_answer(reply, exchange, issued_at)


PROVIDER = AzureLogin()


@dataclass(frozen=True, slots=True)
class _Request:
    """The parsed inputs. Without `scope`, only the issuer of identity tokens is called."""

    client: str
    tenant: str
    secret: str
    is_federated: bool
    audience: str
    scope: str

    def form(self, token: IdentityToken | None) -> dict[str, str]:
        usual = {"client_id": self.client, "grant_type": "client_credentials", "scope": self.scope}
        if token is None:
            return {**usual, "client_secret": self.secret}
        return {
            **usual,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": token.reveal(),
        }

    def __repr__(self) -> str:
        return f"_Request(client={self.client}, tenant={self.tenant}, scope={self.scope})"


def _problems(inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    yield from subject_problems(inputs)
    tenant, scope = inputs.get("tenantId"), inputs.get("scope")
    if isinstance(tenant, str) and not _TENANT.fullmatch(tenant):
        yield InputProblem(
            ("tenantId",),
            "`tenantId` is not a tenant: write its ID, such as 72f988bf-86f1-41af-91ab-2d7cd011db47, or one of its "
            "domains",
            reasons.INVALID_INPUTS,
        )
    if isinstance(scope, str) and scope and not scope.endswith("/.default"):
        # Entra grants a client without a user only what was granted to it before, which this suffix means.
        yield InputProblem(
            ("scope",),
            f'`scope` "{scope}" does not end with /.default: write one like https://vault.azure.net/.default',
            azure_reasons.INVALID_SCOPE,
        )
    if scope and not inputs.get("oidc") and not inputs.get("clientSecret"):
        yield InputProblem(
            ("scope",),
            "`scope` requests an access token: set `oidc: true` or a `clientSecret` too",
            reasons.INVALID_INPUTS,
        )


def _parse_request(inputs: Mapping[str, Any]) -> _Request:
    refuse(_problems(inputs))
    return _Request(
        client=inputs["clientId"],
        tenant=inputs["tenantId"],
        secret=inputs.get("clientSecret") or "",
        is_federated=bool(inputs.get("oidc")),
        audience=inputs.get("audience") or DEFAULT_AUDIENCE,
        scope=inputs.get("scope") or "",
    )


def _authority(settings: Mapping[str, str]) -> str:
    authority = (settings.get("AZURE_AUTHORITY_HOST") or DEFAULT_AUTHORITY).rstrip("/")
    if not is_https(authority):
        raise ProviderError(
            f"AZURE_AUTHORITY_HOST must be a URL such as {DEFAULT_AUTHORITY}", reason=login_reasons.INVALID_ENDPOINT
        )
    return authority


def _read_answer(reply: Reply, exchange: Exchange, issued_at: datetime) -> tuple[str, datetime]:
    match reply.content:
        case {"access_token": str() as token, "expires_in": int() | str() as given} if token:
            seconds = int(given) if str(given).isdecimal() else 0
        case _:
            raise errors.malformed_answer(exchange, "it has no access token with a lifetime")
    if not 0 < seconds < timedelta.max.days:
        raise errors.malformed_answer(exchange, f"the access token lasts {seconds} s")
    # Counted from before the request: the lifetime started while the request was running.
    return token, issued_at + timedelta(seconds=seconds)
