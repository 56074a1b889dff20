"""The common inputs of the clouds' logins: parts of their schemas, and their checks. Pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.errors import ProviderError
from esc_operator.formats.durations import parse_duration
from esc_operator.providers import login_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = timedelta(hours=12)
"""The longest lifetime of any cloud's credentials."""

SECRET: Mapping[str, Any] = {"type": "string", "secret": True}
LIFETIME: Mapping[str, Any] = {"type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?$"}
SUBJECT_ATTRIBUTES: Mapping[str, Any] = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Refused: the subject of a cluster's token cannot be changed.",
}


def refuse_subject_attributes(inputs: Mapping[str, Any]) -> None:
    if inputs.get("subjectAttributes"):
        raise ProviderError(
            "`subjectAttributes` is not supported: a cluster's token always has the subject"
            " system:serviceaccount:<namespace>:<name>; leave it out, and distinguish environments by ServiceAccount or"
            " `audience`",
            reason=login_reasons.SUBJECT_ATTRIBUTES_UNSUPPORTED,
        )


def parse_lifetime(name: str, text: str, cloud: str) -> timedelta:
    """The lifetime in the input `name`, at most what the cloud allows; the caller checks the minimum."""
    try:
        lifetime = parse_duration(text)
    except (ValueError, OverflowError) as error:
        raise ProviderError(
            f'`{name}` "{text}" is not a duration: write it like 1h, 30m or 1h30m',
            reason=login_reasons.INVALID_DURATION,
        ) from error
    if lifetime > LONGEST:
        raise ProviderError(f"`{name}` {text}: {cloud} allows 12h at most", reason=login_reasons.DURATION_TOO_LONG)
    return lifetime
