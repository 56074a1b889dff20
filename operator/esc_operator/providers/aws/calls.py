"""Calls of AWS's services with an environment's own login: one request each, and every failure translated.

A call is described by what messages may name: its service, host and subject. AWS's words only choose a rule; a message
never repeats them, nor botocore's, since both may quote what was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from esc_operator.errors import ProviderError
from esc_operator.providers.answers import without_secrets
from esc_operator.providers.aws import reasons
from esc_operator.providers.aws.errors import is_unreadable
from esc_operator.providers.refusals import Refusal, Rule, explain, explained_by_status, malformed_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

_LOGIN_CODES = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId",
     "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken",
     "MissingAuthenticationTokenException"}
)  # fmt: skip


class Described(Protocol):
    """A call, as messages describe it: such as `AWS IAM`, its host, and what it is about."""

    @property
    def service(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def subject(self) -> str: ...


D = TypeVar("D", bound=Described)


def translate_call(error: Exception, call: D, rules: Iterable[Rule[D]], now: datetime) -> ProviderError | None:
    """The error to raise instead; None if it comes neither from AWS nor from its library.

    Raise it outside of the `except` block: as its context, the original would show quoted parameters."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ClientError):
        return _translate_refusal(error.response, call, rules, now)
    # Before what cannot be read: both pass through the same modules.
    if isinstance(error, BotoCoreError) and not isinstance(error, ResponseParserError):
        return ProviderError(
            f"{call.service} at {call.host} could not be reached for {call.subject} ({type(error).__name__}): check the"
            " network, a proxy, and the region",
            reason=reasons.AWS_UNAVAILABLE,
            outage=True,
        )
    if isinstance(error, ResponseParserError) or is_unreadable(error):
        return malformed(call, f"it is not one of {call.service}")
    return None


def malformed(call: Described, why: str) -> ProviderError:
    return malformed_answer(f"{call.service} at {call.host} sent an answer for {call.subject}", why)


def refusal_of(code: object, text: object, status: int) -> Refusal:
    """A refusal by code and words; a code that is none is left out."""
    word = code if isinstance(code, str) and code.isalnum() else ""
    return Refusal(without_secrets(word), without_secrets(text), status)


def told(refusal: Refusal) -> str:
    return refusal.code or str(refusal.status)


def _translate_refusal(
    response: Mapping[str, Any], call: D, rules: Iterable[Rule[D]], now: datetime
) -> ProviderError | None:
    error, metadata = response.get("Error") or {}, response.get("ResponseMetadata") or {}
    refusal = refusal_of(error.get("Code"), error.get("Message"), metadata.get("HTTPStatusCode") or 0)
    if refusal.code in _LOGIN_CODES:
        return ProviderError(
            f"{call.service} at {call.host} does not accept the login ({refusal.code}): one of aws-login is made anew"
            " at the next attempt; correct given keys in `login`",
            reason=reasons.LOGIN_REFUSED,
            login_refused=True,
        )
    # AWS gives every error a code.
    if not error.get("Code") and not explained_by_status(refusal):
        return malformed(call, f"it is an error ({refusal.status}) without a code")
    return explain(rules, refusal, call, metadata.get("HTTPHeaders") or {}, now)
