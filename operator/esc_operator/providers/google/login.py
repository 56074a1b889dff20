"""`fn::open::gcp-login`: a short-lived access token of Google Cloud for a service account (`oidc`), or a given one.

Inputs and outputs are those of Pulumi ESC, with the input `audience` added. `subjectAttributes` is refused, since the
subject of a cluster's token cannot be changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Lease, Login, Opened, Secret
from esc_operator.formats.durations import parse_duration
from esc_operator.formats.times import format_time, parse_time
from esc_operator.providers import reasons
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.google import errors
from esc_operator.providers.google.endpoints import endpoint_of
from esc_operator.providers.google.errors import Exchange
from esc_operator.providers.login_inputs import (
    LIFETIME,
    SECRET,
    SUBJECT_ATTRIBUTES,
    lifetime_problems,
    refuse,
    subject_problems,
)
from esc_operator.providers.token_endpoints import Asking, Post, Unreachable, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.providers.port import IdentityToken, OpenContext
    from esc_operator.providers.token_endpoints import Poster

DEFAULT_LIFETIME = "1h"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"

# The account becomes part of the URL: Google itself has to answer that it has no such account. A web server's answer to
# a malformed URL would look like an outage to everyone who logs in there.
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}(?:@[A-Za-z0-9][A-Za-z0-9.-]{0,200})?")
_NAME = {"type": "string", "minLength": 1}
_LIFETIME = {
    **LIFETIME,
    "default": DEFAULT_LIFETIME,
    "description": "How long the access token lasts: 1h at most, unless an organization policy allows more.",
}

_EITHER = "gcp-login requires exactly one of `oidc` (a workload identity provider) and `accessToken` (a given token)"

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["project"],
    "additionalProperties": False,
    "properties": {
        "project": {"type": "number", "description": "The number of the project (not its name)."},
        "oidc": {
            "type": "object",
            "title": "GCPLoginOIDC",
            "description": "Exchange the environment's identity for a service account's access token.",
            "required": ["workloadPoolId", "providerId", "serviceAccount"],
            "additionalProperties": False,
            "properties": {
                "workloadPoolId": {**_NAME, "description": "The workload identity pool."},
                "providerId": {**_NAME, "description": "The pool's provider for this issuer."},
                "serviceAccount": {**_NAME, "description": "The email address of the service account."},
                "region": {**_NAME, "default": "global", "description": "The pool's location."},
                "tokenLifetime": _LIFETIME,
                "subjectAttributes": SUBJECT_ATTRIBUTES,
                "audience": {
                    "added": True,
                    **_NAME,
                    "description": "The audience of the identity token; the provider's full name if left out.",
                },
            },
        },
        "accessToken": {
            "type": "object",
            "title": "GCPLoginAccessToken",
            "description": "A given access token, passed through or exchanged for a service account's.",
            "required": ["accessToken"],
            "additionalProperties": False,
            "properties": {
                "accessToken": {**SECRET, "minLength": 1},
                "serviceAccount": {**_NAME, "description": "The email address of a service account to impersonate."},
                "tokenLifetime": _LIFETIME,
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "GCPLogin",
    "required": ["project", "accessToken", "tokenType"],
    "properties": {
        "project": {"type": "number"},
        "accessToken": SECRET,
        "tokenType": {"type": "string"},
        "expiry": {"type": "string", "description": "When the access token expires, RFC 3339, if known."},
    },
}


class GcpLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "gcp-login"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    exchanged_audiences: ClassVar[tuple[str, ...]] = ("//iam.googleapis.com/**", "https://iam.googleapis.com/**")

    def __init__(self, endpoints: Poster | None = None) -> None:
        self._asking = Asking(endpoints)

    @property
    def clock_skew(self) -> timedelta | None:
        return self._asking.clock_skew

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        if inputs.get("oidc"):
            return host_of(endpoint_of("sts", settings))
        given = inputs.get("accessToken") or {}
        return host_of(endpoint_of("iamcredentials", settings)) if given.get("serviceAccount") else None

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"project {inputs['project']:.0f}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        if not inputs.get("oidc"):
            return None
        request = _parse_oidc(inputs)
        return Login(request.account, request.audience, gives_token=False)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if ("oidc" in inputs) == ("accessToken" in inputs):
            yield InputProblem((), _EITHER, reasons.INVALID_INPUTS)
        for name in ("oidc", "accessToken"):
            if isinstance(given := inputs.get(name), dict):
                yield from _problems(given, name)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        match inputs:
            case {"project": project, "oidc": _, **others} if not others:
                request = _parse_oidc(inputs)
                identity = await context.identity.token(request.audience)
                return await self._impersonate(project, request, context, identity=identity)
            case {"project": project, "accessToken": given, **others} if not others:
                token, account = given["accessToken"], given.get("serviceAccount")
                if not account:
                    return Opened(_outputs(project, token), lease=None, secret=False)
                refuse(_problems(given, "accessToken"))
                request = _Request("", "", account, given.get("tokenLifetime", DEFAULT_LIFETIME))
                return await self._impersonate(project, request, context, bearer=token)
        raise ProviderError(_EITHER, reason=reasons.INVALID_INPUTS)

    async def _impersonate(
        self,
        project: float,
        request: _Request,
        context: OpenContext,
        *,
        identity: IdentityToken | None = None,
        bearer: str = "",
    ) -> Opened:
        """The access token of the service account, for the identity or for the given access token."""
        issued_at = context.now()
        if identity is not None:
            bearer = await self._federate(request, identity, context)
        exchange = _describe(request, identity, "iamcredentials", context)
        url = f"{endpoint_of('iamcredentials', context.settings)}/v1/projects/-/serviceAccounts/"
        post = Post(
            f"{url}{request.account}:generateAccessToken",
            {"scope": [SCOPE], "lifetime": f"{request.seconds}s"},
            is_json=True,
            bearer=bearer,
        )
        content = await self._send(post, exchange, context)
        match content:
            case {"accessToken": str() as token, "expireTime": str() as end} if token:
                expires_at = parse_time(end)
            case _:
                raise errors.malformed_answer(exchange, "it has no access token with an expiry")
        if expires_at is None or expires_at <= issued_at:
            raise errors.malformed_answer(exchange, "the access token has already expired (compare the clocks)")
        lease = Lease(issued_at=issued_at, expires_at=expires_at.astimezone(UTC))
        return Opened(_outputs(project, token, expires_at), lease=lease, secret=False)

    async def _federate(self, request: _Request, identity: IdentityToken, context: OpenContext) -> str:
        """A federated access token for the identity."""
        exchange = _describe(request, identity, "sts", context)
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": identity.reveal(),
            "audience": request.provider,
            "scope": SCOPE,
        }
        content = await self._send(Post(f"{endpoint_of('sts', context.settings)}/v1/token", form), exchange, context)
        match content:
            case {"access_token": str() as token} if token:
                return token
        raise errors.malformed_answer(exchange, "it has no access token")

    async def _send(self, post: Post, exchange: Exchange, context: OpenContext) -> Mapping[str, Any]:
        reply = await self._asking.send(post, context)
        if isinstance(reply, Unreachable):
            raise errors.unreachable(exchange, reply)
        if reply.status != 200:
            raise errors.translate(reply, exchange, context.now())
        return reply.content or {}


PROVIDER = GcpLogin()


@dataclass(frozen=True, slots=True)
class _Request:
    """The parsed inputs; `provider` is the workload identity provider's full name, empty with a given token."""

    provider: str
    audience: str
    account: str
    lifetime: str

    @property
    def seconds(self) -> int:
        return int(parse_duration(self.lifetime).total_seconds())


def _problems(given: Mapping[str, Any], name: str) -> Iterator[InputProblem]:
    """What is wrong with one of the two ways to log in."""
    yield from subject_problems(given, name)
    account = given.get("serviceAccount")
    if isinstance(account, str) and not _ACCOUNT.fullmatch(account):
        yield InputProblem(
            (name, "serviceAccount"),
            "`serviceAccount` is not a service account: write one like name@project.iam.gserviceaccount.com",
            reasons.INVALID_INPUTS,
        )
    yield from lifetime_problems(given, (name, "tokenLifetime"), "Google", timedelta(seconds=1))


def _parse_oidc(inputs: Mapping[str, Any]) -> _Request:
    oidc, project = inputs["oidc"], inputs["project"]
    refuse(_problems(oidc, "oidc"))
    provider = (
        f"//iam.googleapis.com/projects/{project:.0f}/locations/{oidc.get('region') or 'global'}"
        f"/workloadIdentityPools/{oidc['workloadPoolId']}/providers/{oidc['providerId']}"
    )
    return _Request(
        provider=provider,
        audience=oidc.get("audience") or provider,
        account=oidc["serviceAccount"],
        lifetime=oidc.get("tokenLifetime", DEFAULT_LIFETIME),
    )


def _describe(request: _Request, identity: IdentityToken | None, service: str, context: OpenContext) -> Exchange:
    return Exchange(
        provider=request.provider,
        account=request.account,
        lifetime=request.lifetime,
        host=host_of(endpoint_of(service, context.settings)),
        claims=unverified_claims(identity) if identity is not None else None,
    )


def _outputs(project: float, token: str, expires_at: datetime | None = None) -> dict[str, Any]:
    value = {"project": project, "accessToken": Secret(token), "tokenType": "Bearer"}
    return value | ({"expiry": format_time(expires_at)} if expires_at is not None else {})
