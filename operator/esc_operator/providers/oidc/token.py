"""`fn::open::oidc`: the environment's identity token for an audience, as a text.

Inputs and output are those of Pulumi ESC. The token is the cluster's, so its issuer and subject are those of the
ServiceAccount, and it lasts as long as the cluster makes it: `duration` is the most that is accepted, and shortens
nothing. An administrator may have to allow it: see `resources.allowances.ALLOWED_TOKEN_AUDIENCES`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Lease, Login, Opened
from esc_operator.formats.durations import format_duration, parse_duration
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.login_inputs import LIFETIME, SECRET, refuse
from esc_operator.providers.token_expiry import expiry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.providers.port import OpenContext

DEFAULT_DURATION = "1h"
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(hours=1)
LONGEST_AUDIENCE = 512
VERSION = "v2"

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["audience", "identityToken"],
    "additionalProperties": False,
    "properties": {
        "audience": {"type": "string", "minLength": 1, "description": "The service that the token is for: its `aud`."},
        "identityToken": {
            "type": "object",
            "description": "Which token.",
            "required": ["version"],
            "additionalProperties": False,
            "properties": {"version": {"type": "string", "description": "The version of the format: v2."}},
        },
        "duration": {
            **LIFETIME,
            "default": DEFAULT_DURATION,
            "description": "How long the token may last at most, such as 15m: 1m to 1h.",
        },
    },
}

OUTPUTS: Mapping[str, Any] = {**SECRET, "description": "The token."}


class OidcToken:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "oidc"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None: only the issuer of identity tokens is called."""
        return None

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """It logs in nowhere, so the role that lists of allowed roles know is made from the audience."""
        return Login(f"oidc:{inputs['audience']}", inputs["audience"], gives_token=True)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        audience, version = inputs.get("audience"), inputs.get("identityToken")
        if isinstance(audience, str) and (not audience.strip() or len(audience.encode()) > LONGEST_AUDIENCE):
            message = (
                f"`audience` is blank or longer than {LONGEST_AUDIENCE} bytes: write the one that the service expects"
            )
            yield InputProblem(("audience",), message, reasons.INVALID_INPUTS)
        if isinstance(version, dict) and isinstance(text := version.get("version"), str) and text != VERSION:
            message = f'`identityToken.version` "{text}" is not known: write {VERSION}'
            yield InputProblem(("identityToken", "version"), message, reasons.INVALID_INPUTS)
        if isinstance(text := inputs.get("duration"), str) and not _is_duration(text):
            message = f'`duration` "{text}" is not between 1m and 1h: write it like 15m'
            yield InputProblem(("duration",), message, login_reasons.INVALID_DURATION)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        issued_at = context.now()
        token = await context.identity.token(inputs["audience"])
        expires_at = expiry_of(token, issued_at)
        longest = parse_duration(inputs.get("duration", DEFAULT_DURATION))
        # A shared token is older than this call, and the clock of its issuer is another one.
        if expires_at - issued_at > longest + timedelta(minutes=1):
            lasts = format_duration(timedelta(seconds=int((expires_at - issued_at).total_seconds())))
            raise ProviderError(
                f"the identity token lasts {lasts}, longer than `duration` allows, and this provider cannot shorten it:"
                " leave `duration` out, or use a token that lasts less",
                reason=login_reasons.DURATION_TOO_LONG,
            )
        return Opened(token.reveal(), Lease(issued_at, expires_at), secret=True)


PROVIDER = OidcToken()


def _is_duration(text: str) -> bool:
    try:
        return SHORTEST <= parse_duration(text) <= LONGEST
    except (ValueError, OverflowError):
        return False
