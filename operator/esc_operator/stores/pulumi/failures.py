"""The one translator of Pulumi Cloud's failures: from an answer to a reason and what to do.

The service words most failures alike, so its text decides only where the status and the request leave a choice. Its
words are repeated after everything that could be a token or a key was removed, and the access token itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from esc_operator.errors import ProviderError
from esc_operator.formats.phrases import counted, printable
from esc_operator.providers import login_reasons
from esc_operator.providers import reasons as provider_reasons
from esc_operator.providers.answers import retry_after, without_secrets
from esc_operator.providers.refusals import Refusal, Rule, explain, is_any, is_outage, is_throttled, malformed_answer
from esc_operator.stores.pulumi import advice, reasons
from esc_operator.stores.pulumi.advice import Exchanged, is_page
from esc_operator.stores.pulumi.answers import DamagedError, read_json
from esc_operator.stores.pulumi.diagnostics import read_diagnostics

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
    from esc_operator.providers.port import HttpAnswer
    from esc_operator.stores.pulumi.names import EnvironmentName
    from esc_operator.stores.pulumi.records import Revision
    from esc_operator.stores.pulumi.requests import Asked

_MOST_SHOWN: Final = 3
"""How many diagnostics a message has."""

_NOT_AN_API: Final = "404 page not found"
"""What a Go server answers at a path that it does not know."""

_QUOTED: Final = re.compile("'[^']*'|\"[^\"]*\"")


class DefinitionError(ProviderError):
    """The service evaluated the definition and found errors. `diagnostics`: all of its findings, in its order."""

    default_reason = reasons.DEFINITION_HAS_ERRORS

    def __init__(self, message: str, diagnostics: Diagnostics) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


def translate(host: str, asked: Asked, answer: HttpAnswer, now: datetime, *, hide: str = "") -> ProviderError:
    """The error for an answer that is no success. `hide`: the access token, which no message may hold."""
    content = _content(answer, hide)
    if findings := _findings(answer, content):
        return _definition_error(asked, findings)
    text = _text(content)
    refusal = Refusal(_missing(asked, answer, text), text, answer.status)
    exchanged = Exchanged(host, asked, answer, retry_after(answer.headers, now))
    return explain(_RULES, refusal, exchanged, answer.headers, now)


def _findings(answer: HttpAnswer, content: object) -> Diagnostics:
    """The findings of a refused definition; none if the answer is about something else."""
    if answer.status != 400 or not isinstance(content, dict) or not isinstance(content.get("diagnostics"), list):
        return ()
    return read_diagnostics(content["diagnostics"])


def _definition_error(asked: Asked, diagnostics: Diagnostics) -> DefinitionError:
    """The error for a definition in which the service found errors."""
    shown = "; ".join(map(_located, diagnostics[:_MOST_SHOWN]))
    more = len(diagnostics) - _MOST_SHOWN
    rest = f" (and {counted(more, 'more finding')})" if more > 0 else ""
    name = asked.environment or "the definition"
    return DefinitionError(f"Pulumi Cloud could not {asked.action}: {shown}{rest}; correct {name} there", diagnostics)


def too_large(host: str, asked: Asked, most: int) -> ProviderError:
    """The error for an answer beyond the limit of bytes."""
    return ProviderError(
        f"{host} answered with more than {most} bytes when asked to {asked.action}: a Secret cannot hold as much; "
        "export less from one environment, or ask for one property",
        reason=provider_reasons.ANSWER_TOO_LARGE,
    )


def damaged(host: str, asked: Asked, why: str) -> ProviderError:
    """The error for an answer that is not what the API promises; `why` names the field, and quotes nothing."""
    return malformed_answer(f"{host}, asked to {asked.action}, sent an answer", f"{why}, against what the API promises")


def retracted(environment: EnvironmentName, revision: Revision) -> ProviderError:
    """The error for a revision that was retracted, with its replacement."""
    retraction = revision.retraction
    why = f' (reason: "{retraction.reason}")' if retraction and retraction.reason else ""
    instead = f"use revision {retraction.replacement}" if retraction else "use a later one"
    return ProviderError(
        f"revision {revision.number} of environment {environment} was retracted{why}: {instead} instead, or a tag",
        reason=reasons.REVISION_RETRACTED,
    )


def not_the_api(host: str, asked: Asked, answer: HttpAnswer) -> ProviderError | None:
    """The error for a success that is a web page; None for any other."""
    if not is_page(answer):
        return None
    exchanged = Exchanged(host, asked, answer)
    return ProviderError(advice.advise_page(exchanged, Refusal("page", "", answer.status)), reason=reasons.NOT_THE_API)


def words_of(answer: HttpAnswer, *, hide: str = "") -> str:
    """The service's words about a failure, without what could be a secret, and without `hide`; "" if there are none."""
    return _text(_content(answer, hide))


def _located(diagnostic: Diagnostic) -> str:
    where = diagnostic.range
    place = f"{where.environment}:{where.begin.line}:{where.begin.column}: " if where else ""
    return f"{place or (f'{diagnostic.path}: ' if diagnostic.path else '')}{diagnostic.summary}"


def _content(answer: HttpAnswer, hide: str) -> object:
    body = answer.body.replace(hide.encode(), b"[secret]") if hide else answer.body
    try:
        return read_json(body)
    except DamagedError:
        return None


def _text(content: object) -> str:
    """The service's words. OAuth has its own form."""
    if not isinstance(content, dict):
        return ""
    words = content.get("message") or content.get("error_description") or content.get("error") or ""
    return printable(without_secrets(words)) if isinstance(words, str) else ""


def _missing(asked: Asked, answer: HttpAnswer, text: str) -> str:
    """The cause, in one word, where a status has several."""
    words = _without_names(text, asked)
    if 300 <= answer.status < 400:
        return "redirect"
    if answer.status < 500 and (is_page(answer) or _is_no_path(answer)):
        return "page"
    if answer.status < 500 and "retracted" in words and asked.version:
        return "retracted"
    if answer.status == 404:
        return _not_found(asked, words)
    if answer.status == 409:
        return _conflict(asked, words)
    return ""


def _without_names(text: str, asked: Asked) -> str:
    """The words in lower case without names: an environment may be called `session` or `retracted`."""
    words = _QUOTED.sub("", text)
    for name in (asked.environment, asked.organization, asked.version):
        words = words.replace(name, "") if name else words
    return words.lower()


def _is_no_path(answer: HttpAnswer) -> bool:
    return answer.status == 404 and answer.body[:100].decode(errors="replace").strip() == _NOT_AN_API


def _not_found(asked: Asked, words: str) -> str:
    """What does not exist: what the service names, else the most special thing in the request."""
    if "organization" in words and "environment" not in words:
        return "organization"
    if asked.version and any(word in words for word in ("revision", "version", "tag")):
        return "version"
    if asked.missing:
        if "session" in words and asked.missing == "property":
            return "session"
        is_named = asked.thing.partition(" ")[0] in words
        return asked.missing if is_named or "environment" not in words else "environment"
    if asked.version and "environment" not in words:
        return "version"
    return "environment" if asked.environment else "organization"


def _conflict(asked: Asked, words: str) -> str:
    if "protect" in words:
        return "protected"
    return "exists" if asked.creates else "changed"


def _is(code: str) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.code == code


def _has(status: int) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.status == status


_RULES: tuple[Rule[Exchanged], ...] = (
    Rule(is_throttled, login_reasons.THROTTLED, advice.advise_throttled, throttled=True),
    Rule(is_outage, reasons.UNAVAILABLE, advice.advise_outage, outage=True),
    Rule(_is("redirect"), reasons.REDIRECTED, advice.advise_redirect),
    Rule(_is("page"), reasons.NOT_THE_API, advice.advise_page),
    Rule(_has(401), reasons.ACCESS_TOKEN_REFUSED, advice.advise_token),
    Rule(_is("retracted"), reasons.REVISION_RETRACTED, advice.advise_retracted),
    Rule(_has(403), reasons.ACCESS_DENIED, advice.advise_permission),
    Rule(_is("organization"), reasons.ORGANIZATION_NOT_FOUND, advice.advise_organization),
    Rule(_is("environment"), reasons.ENVIRONMENT_NOT_FOUND, advice.advise_environment),
    Rule(_is("version"), reasons.VERSION_NOT_FOUND, advice.advise_version),
    Rule(_is("session"), reasons.SESSION_NOT_FOUND, advice.advise_session),
    Rule(_is("property"), reasons.PROPERTY_NOT_FOUND, advice.advise_property),
    Rule(_is("thing"), reasons.ITEM_NOT_FOUND, advice.advise_thing),
    Rule(_is("changed"), reasons.ENVIRONMENT_CHANGED, advice.advise_changed),
    Rule(_is("exists"), reasons.ALREADY_EXISTS, advice.advise_exists),
    Rule(_is("protected"), reasons.DELETION_PROTECTED, advice.advise_protected),
    Rule(is_any, reasons.REFUSED, advice.advise_nothing),
)
