"""`fn::open::snowflake-login`: the environment's identity token, for a user of Snowflake with a workload identity.

Inputs and outputs are those of Pulumi ESC, with the added input `oidc.audience` and the added outputs `authenticator`,
`role` and `expiresAt`. Pulumi ESC's token is one of External OAuth, whose own claims name the user (`snowflake_user`)
and the role. A cluster's token has no such claims, and nobody can add one. So this token is for Snowflake's workload
identity federation, where the user names the issuer and the subject: its holder logs in with the authenticator
WORKLOAD_IDENTITY and the provider OIDC, and not with OAUTH. No request is made: clients give the token to Snowflake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Lease, Login, Opened, Secret
from esc_operator.formats.times import format_time
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.snowflake.names import account_problems, user_problems
from esc_operator.providers.token_expiry import expiry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import InputProblem
    from esc_operator.providers.port import OpenContext

DEFAULT_AUDIENCE = "snowflakecomputing.com"
"""What Snowflake accepts for a user without an OIDC_AUDIENCE_LIST."""

AUTHENTICATOR = "WORKLOAD_IDENTITY"

_NAME = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["oidc"],
    "additionalProperties": False,
    "properties": {
        "oidc": {
            "type": "object",
            "title": "SnowflakeLoginOIDC",
            "description": "The user, which has this environment's identity as its workload identity.",
            "required": ["account", "user"],
            "additionalProperties": False,
            "properties": {
                "account": {**_NAME, "description": "The account identifier, such as myorganization-account."},
                "user": {**_NAME, "description": "The user's login name."},
                "role": {**_NAME, "description": "The role that clients use; passed through."},
                "audience": {
                    **_NAME,
                    "added": True,
                    "default": DEFAULT_AUDIENCE,
                    "description": "The audience of the identity token; one of the user's OIDC_AUDIENCE_LIST.",
                },
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "SnowflakeLogin",
    "required": ["account", "token", "user"],
    "properties": {
        "account": {"type": "string"},
        "user": {"type": "string"},
        "token": {**SECRET, "description": "The identity token, for the authenticator WORKLOAD_IDENTITY."},
        "authenticator": {"type": "string", "added": True, "description": AUTHENTICATOR},
        "role": {"type": "string", "added": True},
        "expiresAt": {"type": "string", "added": True, "description": "When the token expires, RFC 3339."},
    },
}


class SnowflakeLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "snowflake-login"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    exchanged_audiences: ClassVar[tuple[str, ...]] = (DEFAULT_AUDIENCE,)

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None: only the issuer of identity tokens is called."""
        return None

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"account {inputs['oidc']['account'].lower()}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        oidc = inputs["oidc"]
        return Login(f"{oidc['account']}/{oidc['user']}", _audience(oidc), gives_token=True)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if isinstance(oidc := inputs.get("oidc"), dict):
            yield from account_problems(oidc, "oidc")
            yield from user_problems(oidc, "user", "oidc")

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        oidc, issued_at = inputs["oidc"], context.now()
        token = await context.identity.token(_audience(oidc))
        expires_at = expiry_of(token, issued_at)
        value = {
            **{name: oidc[name] for name in ("account", "user", "role") if name in oidc},
            "token": Secret(token.reveal()),
            "authenticator": AUTHENTICATOR,
            "expiresAt": format_time(expires_at),
        }
        return Opened(value, Lease(issued_at, expires_at), secret=False)


PROVIDER = SnowflakeLogin()


def _audience(oidc: Mapping[str, Any]) -> str:
    return oidc.get("audience") or DEFAULT_AUDIENCE
