"""The sentences of failures: what happened, where, and what to do. Pure; `failures` decides which of them is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.formats.phrases import printable
from esc_operator.providers.answers import without_secrets
from esc_operator.stores.pulumi.names import API_URL, origin_of

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer
    from esc_operator.providers.refusals import Refusal
    from esc_operator.stores.pulumi.requests import Asked

_BEGINNINGS: Final = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")


class Exchanged(NamedTuple):
    """A request and where it went, as messages describe it. `host` is the API's origin."""

    host: str
    asked: Asked
    answer: HttpAnswer
    retry_after: float | None = None

    @property
    def whose(self) -> str:
        """Whose requests are meant."""
        return f" of organization {self.asked.organization}" if self.asked.organization else ""


def is_page(answer: HttpAnswer) -> bool:
    """Whether a web page was sent instead of JSON or YAML."""
    is_html = "html" in answer.headers.get("content-type", "").lower()
    return is_html or answer.body[:200].lstrip().lower().startswith(_BEGINNINGS)


def _quoted(refusal: Refusal) -> str:
    return f' (Pulumi Cloud says: "{refusal.text}")' if refusal.text else ""


def advise_redirect(exchanged: Exchanged, refusal: Refusal) -> str:
    target = origin_of(exchanged.answer.headers.get("location", ""))
    where = f"a redirect to {target}" if target not in {"", exchanged.host} else "a redirect to another path"
    return (
        f"{exchanged.host} answered with {where} ({refusal.status}), which is not followed, because the token would "
        f"go along: set the URL of the API itself, such as {API_URL}"
    )


def advise_page(exchanged: Exchanged, refusal: Refusal) -> str:
    what = "with an HTML page" if is_page(exchanged.answer) else "that it does not know this path"
    return (
        f"{exchanged.host} answered {what} ({refusal.status}) when asked to {exchanged.asked.action}: a website "
        f"or a proxy answers there, not the API; set the URL of the API, such as {API_URL}"
    )


def advise_token(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"{exchanged.host} does not accept the access token ({refusal.status}) when asked to "
        f"{exchanged.asked.action}: it is wrong, has expired or was revoked; replace it with a new one"
        f"{_quoted(refusal)}"
    )


def advise_permission(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"the access token may not {exchanged.asked.action} ({refusal.status}): give its user, team or organization "
        f"that permission in Pulumi Cloud, or use another token{_quoted(refusal)}"
    )


def advise_organization(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"there is no organization {exchanged.asked.organization} at {exchanged.host}, or the access token may not "
        f"see it ({refusal.status}): correct the name, or use a token of that organization"
    )


def advise_environment(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"there is no environment {exchanged.asked.environment} at {exchanged.host}, or the access token may not see "
        f"it ({refusal.status}): correct the name, create it, or give the token's user or team access to it"
    )


def advise_version(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f'environment {asked.environment} has no revision or tag "{asked.version}" ({refusal.status}): correct the '
        "version, or tag a revision with it"
    )


def advise_retracted(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f"revision {asked.version} of environment {asked.environment} was retracted ({refusal.status}): use a later "
        f"revision, or a tag{_quoted(refusal)}"
    )


def advise_session(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"the session in which environment {exchanged.asked.environment} was opened is gone "
        f"({refusal.status}): open the environment again"
    )


def advise_property(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f"opened environment {asked.environment} has no {asked.thing}, or the access token may not see it "
        f"({refusal.status}): correct the path, or leave it out to see what there is"
    )


def advise_thing(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f"environment {asked.environment} has no {asked.thing}, or the access token may not see it ({refusal.status}): "
        f"correct the name{_quoted(refusal)}"
    )


def advise_changed(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"environment {exchanged.asked.environment} was changed by somebody else in the meantime ({refusal.status}): "
        f"read it again, and try once more{_quoted(refusal)}"
    )


def advise_exists(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"{exchanged.asked.creates} exists already at {exchanged.host} ({refusal.status}): choose another name, or "
        "delete it first"
    )


def advise_protected(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"environment {exchanged.asked.environment} is protected against deletion ({refusal.status}): turn off its "
        "deletion protection first"
    )


def advise_throttled(exchanged: Exchanged, refusal: Refusal) -> str:
    seconds = exchanged.retry_after
    until = f"wait {seconds:.0f} s" if seconds is not None else "wait"
    return (
        f"{exchanged.host} limits the rate of requests{exchanged.whose} ({refusal.status}): {until}, send fewer, or "
        "ask Pulumi for a higher limit"
    )


def advise_outage(exchanged: Exchanged, refusal: Refusal) -> str:
    number = printable(without_secrets(exchanged.answer.headers.get("x-pulumi-request-id", "")))
    told = f", request {number}" if number else ""
    return (
        f"{exchanged.host} failed ({refusal.status}{told}) when asked to {exchanged.asked.action}: wait until it "
        f"serves again{_quoted(refusal)}"
    )


def advise_nothing(exchanged: Exchanged, refusal: Refusal) -> str:
    says = f": {refusal.text}" if refusal.text else ""
    return f"{exchanged.host} refused to {exchanged.asked.action} ({refusal.status}){says}"
