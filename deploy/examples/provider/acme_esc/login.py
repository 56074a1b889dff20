"""`fn::open::acme-login`: a short-lived token of Acme, for the environment's own identity."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.evaluation import InputProblem, Lease, Login, Opened
from esc_operator.formats.times import format_time
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.answers import json_object, without_secrets
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.port import HttpRequest
from esc_operator.providers.refusals import (
    Refusal,
    Rule,
    advise_outage,
    advise_throttled,
    explain,
    explained_by_status,
    is_any,
    is_outage,
    is_throttled,
    malformed_answer,
    says,
)
from esc_operator.providers.token_endpoints import host_of, is_https

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from esc_operator.errors import ProviderError
    from esc_operator.providers.port import HttpAnswer, OpenContext

AUDIENCE = "acme"


class AcmeLogin:
    """The provider. One instance serves the whole process, so it keeps nothing of a call."""

    name = "acme-login"
    inputs: Mapping[str, Any] = {
        "type": "object",
        "required": ["address", "account"],
        "additionalProperties": False,
        "properties": {
            "address": {"type": "string", "description": "Where Acme is, such as https://acme.example.com."},
            "account": {"type": "string", "minLength": 1, "description": "The account to log in to."},
        },
    }
    outputs: Mapping[str, Any] = {
        "type": "object",
        "required": ["token", "expiresAt"],
        "properties": {
            "token": SECRET,
            "expiresAt": {"type": "string", "description": "When the token expires, RFC 3339."},
        },
    }
    host_inputs = ("address",)
    """An author names the host, so it must not be a secret, and every request goes through `context.send`."""

    def endpoint(self, inputs: Mapping[str, Any], _: Mapping[str, str]) -> str | None:
        refuse(self.problems(inputs))
        return host_of(inputs["address"])

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"account {inputs['account']}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """The identity token goes to a host that the author names: `gives_token`."""
        return Login(f"acme:{inputs['account']}", AUDIENCE, gives_token=True)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        address = inputs.get("address")
        if isinstance(address, str) and not is_https(address):
            yield InputProblem(
                ("address",),
                "`address` is not a URL: write one such as https://acme.example.com",
                reasons.INVALID_INPUTS,
            )

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        exchange = _Exchange(inputs["account"], host_of(inputs["address"]))
        token = await context.identity.token(AUDIENCE)
        issued_at = context.now()
        answer = await context.send(
            HttpRequest(
                "POST",
                f"{inputs['address'].rstrip('/')}/v1/token",
                {"Content-Type": "application/json", "Accept": "application/json"},
                json.dumps({"account": exchange.account, "identity": token.reveal()}).encode(),
            )
        )
        return _read(answer, exchange, issued_at, context.now())


PROVIDER = AcmeLogin()


class _Exchange(NamedTuple):
    """The exchange as messages describe it."""

    account: str
    host: str


def _read(answer: HttpAnswer, exchange: _Exchange, issued_at: datetime, now: datetime) -> Opened:
    content = json_object(answer.body)
    if answer.status != 200:
        refusal = Refusal(str((content or {}).get("code") or ""), _text(content), answer.status)
        if content is None and not explained_by_status(refusal):
            raise _malformed(exchange, "it is not a JSON object")
        raise explain(_RULES, refusal, exchange, answer.headers, now)
    match content:
        case {"token": str() as token, "expires_in": int() as seconds} if token and 0 < seconds < 10**9:
            # Counted from before the request: the lifetime started while the request was running.
            expires_at = issued_at + timedelta(seconds=seconds)
        case _:
            raise _malformed(exchange, "it has no token with a lifetime")
    value = {"token": token, "expiresAt": format_time(expires_at)}
    return Opened(value=value, lease=Lease(issued_at, expires_at), secret=True)


def _text(content: Mapping[str, Any] | None) -> str:
    """Acme's own words, without anything in them that may be a token."""
    return without_secrets((content or {}).get("message"))


def _malformed(exchange: _Exchange, why: str) -> ProviderError:
    return malformed_answer(f"{exchange.host} sent an answer for account {exchange.account}", why)


def _advise_trust(exchange: _Exchange, _: Refusal) -> str:
    return (
        f"{exchange.host} does not trust this environment's ServiceAccount for account {exchange.account}: add it to"
        f" the account's trusted identities, with the audience {AUDIENCE}"
    )


def _repeat(exchange: _Exchange, refusal: Refusal) -> str:
    return f"{exchange.host} refused account {exchange.account}: {refusal.text or refusal.status}"


_RULES: tuple[Rule[_Exchange], ...] = (
    Rule(says("untrusted"), login_reasons.IDENTITY_TOKEN_REFUSED, _advise_trust),
    Rule(is_throttled, login_reasons.THROTTLED, advise_throttled, throttled=True),
    Rule(is_outage, "AcmeUnavailable", advise_outage, outage=True),
    Rule(is_any, "AcmeRefused", _repeat),
)
