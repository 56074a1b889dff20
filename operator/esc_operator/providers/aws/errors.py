"""The one translator of AWS errors: from what botocore raises to a reason and a message that says what to fix.

A message repeats AWS's words only after everything that could be a token or a key is removed. It never repeats
botocore's words, since they quote parameters and answers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons, reasons, refusals
from esc_operator.providers.answers import without_secrets
from esc_operator.providers.aws import reasons as aws_reasons
from esc_operator.providers.aws.advice import RULES, Exchange, advise_role, advise_session
from esc_operator.providers.aws.regions import invalid_region
from esc_operator.providers.refusals import Refusal, explain, explained_by_status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_READERS = frozenset({"botocore.parsers", "botocore.endpoint"})
"""The modules that parse an answer. One that STS did not write makes them raise anything, such as KeyError for a page
of HTML."""


def translate(error: Exception, exchange: Exchange, now: datetime) -> ProviderError | None:
    """The error to raise instead, or None if the error does not come from AWS or its library.

    Raise it outside of the `except` block: as its context, the original would show quoted parameters.
    """
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.parsers import ResponseParserError

    if isinstance(error, ClientError):
        return _translate_refusal(error.response, exchange, now)
    if isinstance(error, ResponseParserError):
        return malformed_answer(exchange, "it cannot be parsed")
    if isinstance(error, HTTPClientError | BotoCoreError):
        return _translate_library_error(error, exchange)
    return None


def malformed_answer(exchange: Exchange, why: str) -> ProviderError:
    return refusals.malformed_answer(f"AWS STS at {exchange.host} sent an answer for {exchange.role}", why)


def unreadable_answer(error: Exception, exchange: Exchange) -> ProviderError | None:
    """The error for an answer that botocore could not parse; None for any other error."""
    return malformed_answer(exchange, "it is not one of AWS STS") if is_unreadable(error) else None


def is_unreadable(error: Exception) -> bool:
    """Whether botocore failed to parse an answer."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") in _READERS:
            return True
        trace = trace.tb_next
    return False


def invalid_endpoint(exchange: Exchange) -> ProviderError:
    return ProviderError(
        f"the endpoint {exchange.host} cannot be used: AWS_ENDPOINT_URL_STS or AWS_ENDPOINT_URL must be a URL such as"
        " https://sts.eu-west-1.amazonaws.com",
        reason=login_reasons.INVALID_ENDPOINT,
    )


def _translate_refusal(response: Mapping[str, Any], exchange: Exchange, now: datetime) -> ProviderError:
    error, metadata = response.get("Error") or {}, response.get("ResponseMetadata") or {}
    refusal = Refusal(
        code=without_secrets(error.get("Code")),
        text=without_secrets(error.get("Message")),
        status=metadata.get("HTTPStatusCode") or 0,
    )
    # AWS gives every error a code.
    if not refusal.code and not explained_by_status(refusal):
        return malformed_answer(exchange, f"it is an error ({refusal.status}) without a code")
    return explain(RULES, refusal, exchange, metadata.get("HTTPHeaders") or {}, now)


def _translate_library_error(error: Exception, exchange: Exchange) -> ProviderError:
    from botocore import exceptions

    if isinstance(error, exceptions.ParamValidationError):
        return _refused_parameter(str(error), exchange)
    if isinstance(error, exceptions.InvalidRegionError | exceptions.UnknownRegionError | exceptions.NoRegionError):
        return ProviderError(
            invalid_region(exchange.region),
            reason=aws_reasons.INVALID_REGION,
        )
    return ProviderError(
        f"AWS STS at {exchange.host} could not be reached for {exchange.role} ({type(error).__name__}):"
        " check the network, a proxy, and the region",
        reason=aws_reasons.AWS_UNAVAILABLE,
        outage=True,
    )


def _refused_parameter(report: str, exchange: Exchange) -> ProviderError:
    # Only the parameter's name: the report quotes values, and the token is one of them.
    names = set(re.findall(r"parameter:? \"?(\w+)", report))
    if "RoleArn" in names:
        return ProviderError(advise_role(exchange), reason=aws_reasons.INVALID_ROLE_ARN)
    if "RoleSessionName" in names:
        return ProviderError(advise_session(exchange), reason=aws_reasons.INVALID_SESSION_NAME)
    return ProviderError(
        f"AWS STS does not accept the request for {exchange.role}: check {', '.join(sorted(names)) or 'its inputs'}",
        reason=reasons.INVALID_INPUTS,
    )
