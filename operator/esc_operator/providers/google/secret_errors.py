"""The one translator of Secret Manager's errors. Pure.

An error has a status, a text, and often a reason in its details; the text decides where these two do not. A message
repeats only the status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.providers import login_reasons, refusals
from esc_operator.providers.answers import code_word
from esc_operator.providers.google import reasons as gcp_reasons
from esc_operator.providers.refusals import (
    Refusal,
    Rule,
    advise_outage,
    explain,
    explained_by_status,
    is_any,
    is_outage,
    is_throttled,
    says,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from esc_operator.errors import ProviderError
    from esc_operator.providers.token_endpoints import Reply


@dataclass(frozen=True, slots=True)
class Asked:
    """One reading, as messages describe it. `secret` is its full name, `version` a number or latest, `input` the input
    that asks for it."""

    host: str
    project: str
    secret: str
    version: str
    input: str


def translate(reply: Reply, asked: Asked, now: datetime) -> ProviderError:
    """The error for an answer that is not a secret."""
    refusal = _read(reply)
    if reply.content is None and not explained_by_status(refusal):
        return malformed_answer(asked, "it is not a JSON object")
    error = explain(_RULES, refusal, asked, reply.headers, now)
    error.login_refused = error.reason == gcp_reasons.ACCESS_TOKEN_REFUSED
    return error


def malformed_answer(asked: Asked, why: str) -> ProviderError:
    return refusals.malformed_answer(f"{asked.host} sent an answer for {asked.secret}", why)


def _read(reply: Reply) -> Refusal:
    """The text ends with the reason of the details."""
    found = (reply.content or {}).get("error")
    error: Mapping[str, Any] = found if isinstance(found, dict) else {}
    details = error.get("details")
    parts = [part for part in details if isinstance(part, dict)] if isinstance(details, list) else []
    reason = next((text for part in parts if isinstance(text := part.get("reason"), str)), "")
    return Refusal(code_word(error.get("status")), f"{error.get('message') or ''} {reason}", reply.status)


def _has(*words: str) -> Callable[[Refusal], bool]:
    """Matches a refusal with one of these words, whatever its status is."""
    return lambda refusal: refusal.status in {400, 403, 404} and any(word in refusal.text.lower() for word in words)


def _advise_api(asked: Asked, _: Refusal) -> str:
    return f"the Secret Manager API is not enabled in {asked.project}: enable secretmanager.googleapis.com there"


def _advise_project(asked: Asked, _: Refusal) -> str:
    return (
        f"there is no {asked.project}, or it was deleted, or the login may not use it: correct the project of the login"
        f" or that in `{asked.input}.name`"
    )


def _advise_perimeter(asked: Asked, _: Refusal) -> str:
    return (
        f"a perimeter of VPC Service Controls keeps this cluster from {asked.secret}: have an ingress rule admit the"
        " login's service account"
    )


def _advise_version(asked: Asked, _: Refusal) -> str:
    return f"{asked.secret} has no version {asked.version}: correct `{asked.input}.version`"


def _advise_missing(asked: Asked, _: Refusal) -> str:
    return f"{asked.secret} does not exist, or has no version: correct `{asked.input}.name`, or add one"


def _advise_destroyed(asked: Asked, _: Refusal) -> str:
    return (
        f"version {asked.version} of {asked.secret} was destroyed, for good: add a new one, or correct"
        f" `{asked.input}.version`"
    )


def _advise_disabled(asked: Asked, _: Refusal) -> str:
    return f"version {asked.version} of {asked.secret} is disabled: enable it, or correct `{asked.input}.version`"


def _advise_permission(asked: Asked, _: Refusal) -> str:
    return (
        f"the login may not read {asked.secret}, or it does not exist: grant its service account"
        f" roles/secretmanager.secretAccessor on it (which takes effect after minutes), or correct `{asked.input}.name`"
    )


def _advise_token(asked: Asked, _: Refusal) -> str:
    return f"{asked.host} does not accept `login.accessToken`: it is wrong or has expired; log in anew"


def _advise_throttled(asked: Asked, _: Refusal) -> str:
    return f"{asked.host} limits the rate of calls of {asked.project}; this is tried again later"


def _repeat(asked: Asked, refusal: Refusal) -> str:
    return f"Google refused to give out {asked.secret} ({refusal.code or refusal.status})"


_RULES: tuple[Rule[Asked], ...] = (
    Rule(_has("service_disabled", "has not been used", "it is disabled"), gcp_reasons.API_DISABLED, _advise_api),
    Rule(
        _has("consumer_invalid", "permission denied on resource project", "has been deleted"),
        gcp_reasons.PROJECT_MISSING,
        _advise_project,
    ),
    Rule(
        _has("security_policy_violated", "prohibited by organization's policy"),
        gcp_reasons.PERIMETER_REFUSED,
        _advise_perimeter,
    ),
    Rule(says("NOT_FOUND", words="secret version"), gcp_reasons.SECRET_VERSION_MISSING, _advise_version),
    Rule(says("NOT_FOUND", words="secret"), gcp_reasons.SECRET_MISSING, _advise_missing),
    Rule(says("NOT_FOUND", words="project"), gcp_reasons.PROJECT_MISSING, _advise_project),
    Rule(says("FAILED_PRECONDITION", words="destroyed"), gcp_reasons.SECRET_VERSION_DESTROYED, _advise_destroyed),
    Rule(says("FAILED_PRECONDITION", words="disabled"), gcp_reasons.SECRET_VERSION_DISABLED, _advise_disabled),
    Rule(says("PERMISSION_DENIED"), gcp_reasons.ACCESS_DENIED, _advise_permission),
    Rule(says("UNAUTHENTICATED"), gcp_reasons.ACCESS_TOKEN_REFUSED, _advise_token),
    Rule(is_throttled, login_reasons.THROTTLED, _advise_throttled, throttled=True),
    Rule(is_outage, gcp_reasons.GCP_UNAVAILABLE, advise_outage, outage=True),
    Rule(is_any, gcp_reasons.GCP_REFUSED, _repeat),
)
