"""`fn::open::infisical-login`: an access token of Infisical for the environment's identity (`oidc`), or for a client
secret (`static`).

Inputs and outputs are those of Pulumi ESC, with `oidc.audience` and `expiresAt` added. `subjectAttributes` is refused,
since the subject of a cluster's token cannot be changed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import InputProblem, Lease, Login, Opened, Secret
from esc_operator.formats.times import format_time
from esc_operator.providers import reasons as common
from esc_operator.providers.addresses import parse_origin
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.identities import AUDIENCE, IDENTITY_RULES, LONGEST, IdentityLogin
from esc_operator.providers.infisical import reasons
from esc_operator.providers.infisical.site import CLOUDS, site_of, site_problems, words_of
from esc_operator.providers.json_api import Asked, ask, has, malformed, request, translate
from esc_operator.providers.login_inputs import SECRET, SUBJECT_ATTRIBUTES, is_token, refuse, subject_problems
from esc_operator.providers.refusals import Refusal, Rule
from esc_operator.providers.token_endpoints import host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.providers.json_api import Reply
    from esc_operator.providers.port import OpenContext

_TEXT = {"type": "string", "minLength": 1}
_EITHER = "infisical-login requires exactly one of `oidc` (a login with the identity) and `static` (a client secret)"

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "siteUrl": {"type": "string", "description": "The URL of Infisical; https://app.infisical.com if left out."},
        "oidc": {
            "type": "object",
            "title": "InfisicalLoginOIDC",
            "description": "Log in with the environment's identity.",
            "required": ["identityId"],
            "additionalProperties": False,
            "properties": {
                "identityId": {**_TEXT, "description": "The ID of a machine identity with OIDC Auth."},
                "audience": AUDIENCE,
                "subjectAttributes": SUBJECT_ATTRIBUTES,
            },
        },
        "static": {
            "type": "object",
            "title": "InfisicalLoginStatic",
            "description": "Log in with a client secret (Universal Auth).",
            "required": ["clientId", "clientSecret"],
            "additionalProperties": False,
            "properties": {
                "clientId": {**_TEXT, "description": "The client ID of a machine identity."},
                "clientSecret": {**SECRET, "minLength": 1, "description": "The client secret."},
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "InfisicalLogin",
    "required": ["accessToken"],
    "properties": {
        "accessToken": {**SECRET, "description": "The access token."},
        "siteUrl": {"type": "string", "description": "The URL of Infisical, if it was given."},
        "expiresAt": {"type": "string", "added": True, "description": "When the token expires, RFC 3339."},
    },
}


class InfisicalLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "infisical-login"
    host_inputs: ClassVar[tuple[str, ...]] = ("siteUrl",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    exchanged_audiences: ClassVar[tuple[str, ...]] = CLOUDS

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return host_of(site_of(inputs))

    def account(self, inputs: Mapping[str, Any]) -> str:
        if "oidc" in inputs:
            return f"identity {inputs['oidc']['identityId']}"
        return f"client {inputs['static']['clientId']}" if "static" in inputs else ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """The role's name is a URL, so that an allow-list can tell one Infisical's identities from another's."""
        oidc, site = inputs.get("oidc"), site_of(inputs)
        if not oidc:
            return None
        role = f"{site}/identities/{oidc['identityId']}"
        return Login(role, oidc.get("audience") or site, gives_token=site not in CLOUDS)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if ("oidc" in inputs) == ("static" in inputs):
            yield InputProblem((), _EITHER, common.INVALID_INPUTS)
        yield from site_problems(inputs)
        if isinstance(oidc := inputs.get("oidc"), dict):
            yield from subject_problems(oidc, "oidc")
            yield from _audience_problems(oidc.get("audience"), inputs.get("siteUrl"))

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        issued_at = context.now()
        if "oidc" in inputs:
            token, seconds = await _exchange(inputs, context)
        else:
            token, seconds = await _present_secret(inputs, context)
        lease = Lease(issued_at, issued_at + min(timedelta(seconds=seconds), LONGEST))
        value = {"accessToken": Secret(token), "expiresAt": format_time(lease.expires_at)}
        if inputs.get("siteUrl"):
            value["siteUrl"] = inputs["siteUrl"]
        return Opened(value, lease, secret=False)


PROVIDER = InfisicalLogin()


def _audience_problems(audience: object, site: object) -> Iterator[InputProblem]:
    """A token for Infisical's cloud is worth a login there: whoever runs another site must not get one."""
    if not isinstance(audience, str) or not isinstance(site, str) or audience.rstrip("/").lower() not in CLOUDS:
        return
    try:
        is_cloud = parse_origin(site) in CLOUDS
    except ValueError:
        return  # reported by itself
    if not is_cloud:
        message = (
            f"`oidc.audience` {audience} is that of Infisical's cloud, and `siteUrl` names another site, which could"
            " log in there with the token: leave the audience out, or give the identity at that site another one"
        )
        yield InputProblem(("oidc", "audience"), message, common.INVALID_INPUTS)


async def _exchange(inputs: Mapping[str, Any], context: OpenContext) -> tuple[str, int]:
    site, oidc = site_of(inputs), inputs["oidc"]
    identity = await context.identity.token(oidc.get("audience") or site)
    claims = unverified_claims(identity)
    asked = IdentityLogin(host_of(site), "a login", "siteUrl", oidc["identityId"], claims)
    body = {"identityId": oidc["identityId"], "jwt": identity.reveal()}
    reply = await ask(context, request("POST", f"{site}/api/v1/auth/oidc-auth/login", body=body))
    if reply.status != 200 or reply.content is None:
        raise translate(IDENTITY_RULES, reply, words_of(reply), asked, context.now())
    return _token(reply, asked)


async def _present_secret(inputs: Mapping[str, Any], context: OpenContext) -> tuple[str, int]:
    site, given = site_of(inputs), inputs["static"]
    asked = Asked(host_of(site), "a login", "siteUrl")
    body = {"clientId": given["clientId"], "clientSecret": given["clientSecret"]}
    reply = await ask(context, request("POST", f"{site}/api/v1/auth/universal-auth/login", body=body))
    if reply.status != 200 or reply.content is None:
        # Without Infisical's words, which might quote what it was sent.
        raise translate(_CLIENT_RULES, reply, "", asked, context.now())
    return _token(reply, asked)


def _token(reply: Reply, asked: Asked) -> tuple[str, int]:
    """The token, and for how many seconds it is valid."""
    match reply.content:
        case {"accessToken": str() as token, "expiresIn": int() as seconds} if (
            is_token(token) and not isinstance(seconds, bool) and 0 < seconds <= LONGEST.total_seconds()
        ):
            return token, seconds
    raise malformed(asked, "it has no token with an expiry")


def _advise_client(asked: Asked, _: Refusal) -> str:
    return (
        f"{asked.host} does not accept the client ID and the client secret in `static`: one of them is wrong, or the"
        " secret has expired, was revoked, or was used as often as it may be"
    )


_CLIENT_RULES: tuple[Rule[Asked], ...] = (Rule(has(400, 401, 403, 404), reasons.CLIENT_REFUSED, _advise_client),)
