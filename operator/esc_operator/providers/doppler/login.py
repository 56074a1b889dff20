"""`fn::open::doppler-login`: an access token of Doppler for the environment's identity.

Inputs and outputs are those of Pulumi ESC, with `oidc.audience` and `expiresAt` added. `subjectAttributes` is refused,
since the subject of a cluster's token cannot be changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Login, Opened, Secret
from esc_operator.formats.times import format_time, parse_time
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.doppler.api import API, api_url, words_of
from esc_operator.providers.identities import AUDIENCE, IDENTITY_RULES, IdentityLogin, lease_until
from esc_operator.providers.json_api import ask, malformed, request, translate
from esc_operator.providers.login_inputs import SECRET, SUBJECT_ATTRIBUTES, refuse, subject_problems
from esc_operator.providers.token_endpoints import host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import InputProblem
    from esc_operator.providers.port import OpenContext

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["oidc"],
    "additionalProperties": False,
    "properties": {
        "oidc": {
            "type": "object",
            "title": "DopplerLoginOIDC",
            "description": "Log in with the environment's identity.",
            "required": ["identityId"],
            "additionalProperties": False,
            "properties": {
                "identityId": {
                    "type": "string",
                    "pattern": "^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$",
                    "description": "The ID of the identity of a service account at Doppler.",
                },
                "audience": AUDIENCE,
                "subjectAttributes": SUBJECT_ATTRIBUTES,
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "DopplerLogin",
    "required": ["accessToken"],
    "properties": {
        "accessToken": {**SECRET, "description": "The access token."},
        "expiresAt": {"type": "string", "added": True, "description": "When the token expires, RFC 3339."},
    },
}


class DopplerLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "doppler-login"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    exchanged_audiences: ClassVar[tuple[str, ...]] = (API,)

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del inputs
        return host_of(api_url(settings))

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"identity {inputs['oidc']['identityId']}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        oidc = inputs["oidc"]
        return Login(oidc["identityId"], oidc.get("audience") or API, gives_token=False)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if isinstance(oidc := inputs.get("oidc"), dict):
            yield from subject_problems(oidc, "oidc")

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        oidc, issued_at = inputs["oidc"], context.now()
        identity = await context.identity.token(oidc.get("audience") or API)
        api = api_url(context.settings)
        asked = IdentityLogin(
            host_of(api),
            "a login",
            identity=oidc["identityId"],
            claims=unverified_claims(identity),
        )
        body = {"identity": oidc["identityId"], "token": identity.reveal()}
        reply = await ask(context, request("POST", f"{api}/v3/auth/oidc", body=body))
        match reply:
            case (200, {"token": str() as token, "expires_at": str() as end}, _) if token and token.isprintable():
                lease = lease_until(parse_time(end), issued_at)
            case (200, None | {"success": True}, _):
                raise malformed(asked, "it has no token with an expiry")
            case _:
                raise translate(IDENTITY_RULES, reply, words_of(reply), asked, context.now())
        if lease is None:
            raise malformed(asked, "its token has already expired (compare the clocks)")
        value = {"accessToken": Secret(token), "expiresAt": format_time(lease.expires_at)}
        return Opened(value, lease, secret=False)


PROVIDER = DopplerLogin()
