"""`fn::open::azure-login`: the credentials of an Azure client: an identity token (`oidc`), or a client secret.

Inputs and outputs are those of Pulumi ESC, where `oidc.token` is the identity token itself, for clients that exchange
it (`ARM_OIDC_TOKEN`). Additions are the input `scope`, which exchanges it here and outputs `accessToken` instead; the
input `audience`; and the output `expiresAt`. `subjectAttributes` is refused, since the subject of a cluster's token
cannot be changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import InputProblem, Lease, Login, Opened, Secret
from esc_operator.formats.times import format_time
from esc_operator.providers import reasons
from esc_operator.providers.azure import errors
from esc_operator.providers.azure import reasons as azure_reasons
from esc_operator.providers.azure.clouds import authority_of
from esc_operator.providers.azure.entra import DEFAULT_AUDIENCE, Client, read_token, tenant_problems
from esc_operator.providers.login_inputs import SECRET, SUBJECT_ATTRIBUTES, refuse, subject_problems
from esc_operator.providers.token_endpoints import Asking, Post, Unreachable, host_of
from esc_operator.providers.token_expiry import expiry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime, timedelta

    from esc_operator.providers.port import IdentityToken, OpenContext
    from esc_operator.providers.token_endpoints import Poster

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
        return host_of(authority_of(settings)) if inputs.get("scope") else None

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
        authority = authority_of(context.settings)
        client = Client(request.client, request.tenant, request.secret, token)
        exchange = client.exchange(authority, request.scope, request.audience)
        reply = await self._asking.send(Post(client.url(authority), client.form(request.scope)), context)
        if isinstance(reply, Unreachable):
            raise errors.unreachable(exchange, reply)
        return read_token(reply, exchange, issued_at, context.now())


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

    def __repr__(self) -> str:
        return f"_Request(client={self.client}, tenant={self.tenant}, scope={self.scope})"


def _problems(inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    yield from subject_problems(inputs)
    yield from tenant_problems(inputs.get("tenantId"), "tenantId")
    scope = inputs.get("scope")
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
