"""The one translator of Pulumi Cloud's failures: from an answer to a reason and what to do.

The service words most failures alike, so its text decides only where the status and the request leave a choice. Its
words are repeated after everything that could be a token or a key was removed, and the access token itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.formats.phrases import counted, printable
from esc_operator.providers import login_reasons
from esc_operator.providers import reasons as provider_reasons
from esc_operator.providers.answers import retry_after, without_secrets
from esc_operator.providers.refusals import Refusal, Rule, explain, is_any, is_outage, is_throttled, malformed_answer
from esc_operator.stores.pulumi import reasons
from esc_operator.stores.pulumi.answers import DamagedError, read_json
from esc_operator.stores.pulumi.diagnostics import read_diagnostics
from esc_operator.stores.pulumi.names import API_URL, origin_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.lang.diagnostics import Diagnostic, Diagnostics
    from esc_operator.providers.port import HttpAnswer
    from esc_operator.stores.pulumi.requests import Asked

_MOST_SHOWN: Final = 3
"""How many diagnostics a message has."""

_NOT_AN_API: Final = "404 page not found"
"""What a Go server answers at a path that it does not know."""


class DefinitionError(ProviderError):
    """The service evaluated the definition and found errors. `diagnostics`: all of its findings, in its order."""

    default_reason = reasons.DEFINITION_HAS_ERRORS

    def __init__(self, message: str, diagnostics: Diagnostics) -> None:
        super().__init__(message)
        self.diagnostics = diagnostics


class Exchanged(NamedTuple):
    """A request and where it went, as messages describe it. `host` is the API's origin."""

    host: str
    asked: Asked
    answer: HttpAnswer
    retry_after: float | None = None

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def whose(self) -> str:
        """Whose requests are meant."""
        return f" of organization {self.asked.organization}" if self.asked.organization else ""


def translate(host: str, asked: Asked, answer: HttpAnswer, now: datetime, *, hide: str = "") -> ProviderError:
    """The error for an answer that is no success. `hide`: the access token, which no message may hold."""
    content = _content(answer)
    if findings := diagnostics_of(answer, content):
        return definition_error(asked, findings)
    text = _text(content, hide)
    refusal = Refusal(_missing(asked, answer, text), text, answer.status)
    exchanged = Exchanged(host, asked, answer, retry_after(answer.headers, now))
    return explain(_RULES, refusal, exchanged, answer.headers, now)


def diagnostics_of(answer: HttpAnswer, content: object) -> Diagnostics:
    """The findings of a refused definition; none if the answer is about something else."""
    if answer.status != 400 or not isinstance(content, dict) or not isinstance(content.get("diagnostics"), list):
        return ()
    return read_diagnostics(content["diagnostics"])


def definition_error(asked: Asked, diagnostics: Diagnostics) -> DefinitionError:
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


def not_the_api(host: str, asked: Asked, answer: HttpAnswer) -> ProviderError | None:
    """The error for a success that is a web page; None for any other."""
    if not is_page(answer):
        return None
    exchanged = Exchanged(host, asked, answer)
    return ProviderError(_advise_page(exchanged, Refusal("page", "", answer.status)), reason=reasons.NOT_THE_API)


def words_of(answer: HttpAnswer, *, hide: str = "") -> str:
    """The service's words about a failure, without what could be a secret, and without `hide`; "" if there are none."""
    return _text(_content(answer), hide)


def is_page(answer: HttpAnswer) -> bool:
    """Whether a web page was sent instead of JSON or YAML."""
    return "html" in answer.headers.get("content-type", "").lower() or answer.body.lstrip()[:1] == b"<"


def _located(diagnostic: Diagnostic) -> str:
    where = diagnostic.range
    place = f"{where.environment}:{where.begin.line}:{where.begin.column}: " if where else ""
    return f"{place or (f'{diagnostic.path}: ' if diagnostic.path else '')}{diagnostic.summary}"


def _content(answer: HttpAnswer) -> object:
    try:
        return read_json(answer.body)
    except DamagedError:
        return None


def _text(content: object, hide: str) -> str:
    """The service's words. OAuth has its own form."""
    if not isinstance(content, dict):
        return ""
    words = content.get("message") or content.get("error_description") or content.get("error") or ""
    if not isinstance(words, str):
        return ""
    return printable(without_secrets(words.replace(hide, "[secret]") if hide else words))


def _missing(asked: Asked, answer: HttpAnswer, text: str) -> str:
    """The cause, in one word, where a status has several."""
    words = text.lower()
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
    return "exists" if asked.creates and not asked.is_guarded else "changed"


def _is(code: str) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.code == code


def _has(status: int) -> Callable[[Refusal], bool]:
    return lambda refusal: refusal.status == status


def _quoted(refusal: Refusal) -> str:
    return f' (Pulumi Cloud says: "{refusal.text}")' if refusal.text else ""


def _advise_redirect(exchanged: Exchanged, refusal: Refusal) -> str:
    target = origin_of(exchanged.answer.headers.get("location", ""))
    where = f"a redirect to {target}" if target not in {"", exchanged.host} else "a redirect to another path"
    return (
        f"{exchanged.host} answered with {where} ({refusal.status}), which is not followed, because the access token "
        f"would go along: set the URL of the API itself, such as {API_URL}"
    )


def _advise_page(exchanged: Exchanged, refusal: Refusal) -> str:
    what = "with an HTML page" if is_page(exchanged.answer) else "that it does not know this path"
    return (
        f"{exchanged.host} answered {what} ({refusal.status}) when asked to {exchanged.asked.action}: a website "
        f"or a proxy answers there, not the API; set the URL of the API, such as {API_URL}"
    )


def _advise_token(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"{exchanged.host} does not accept the access token ({refusal.status}) when asked to "
        f"{exchanged.asked.action}: it is wrong, has expired or was revoked; replace it by a new one{_quoted(refusal)}"
    )


def _advise_permission(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"the access token may not {exchanged.asked.action} ({refusal.status}): give its user, team or organization "
        f"that permission in Pulumi Cloud, or use another token{_quoted(refusal)}"
    )


def _advise_organization(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"there is no organization {exchanged.asked.organization} at {exchanged.host}, or the access token may not "
        f"see it ({refusal.status}): correct the name, or use a token of that organization"
    )


def _advise_environment(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"there is no environment {exchanged.asked.environment} at {exchanged.host}, or the access token may not see "
        f"it ({refusal.status}): correct the name, create it, or give the token's user or team access to it"
    )


def _advise_version(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f'environment {asked.environment} has no revision or tag "{asked.version}" ({refusal.status}): correct the '
        "version, or tag a revision with it"
    )


def _advise_retracted(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f"revision {asked.version} of environment {asked.environment} was retracted ({refusal.status}): use a later "
        f"revision, or a tag{_quoted(refusal)}"
    )


def _advise_session(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"the session in which environment {exchanged.asked.environment} was opened is gone "
        f"({refusal.status}): open the environment again"
    )


def _advise_property(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f"opened environment {asked.environment} has no {asked.thing}, or the access token may not see it "
        f"({refusal.status}): correct the path, or leave it out to see what there is"
    )


def _advise_thing(exchanged: Exchanged, refusal: Refusal) -> str:
    asked = exchanged.asked
    return (
        f"environment {asked.environment} has no {asked.thing}, or the access token may not see it ({refusal.status}): "
        f"correct the name{_quoted(refusal)}"
    )


def _advise_changed(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"environment {exchanged.asked.environment} was changed by somebody else since it was read ({refusal.status}), "
        f"and nothing was written: read it again, and repeat the change{_quoted(refusal)}"
    )


def _advise_exists(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"{exchanged.asked.creates} exists already at {exchanged.host} ({refusal.status}): choose another name, or "
        "delete it first"
    )


def _advise_protected(exchanged: Exchanged, refusal: Refusal) -> str:
    return (
        f"environment {exchanged.asked.environment} is protected against deletion ({refusal.status}): turn off its "
        "deletion protection first"
    )


def _advise_throttled(exchanged: Exchanged, refusal: Refusal) -> str:
    seconds = exchanged.retry_after
    until = f"wait {seconds:.0f} s" if seconds is not None else "wait"
    return (
        f"{exchanged.host} limits the rate of requests{exchanged.whose} ({refusal.status}): {until}, send fewer, or "
        "ask Pulumi for a higher limit"
    )


def _advise_outage(exchanged: Exchanged, refusal: Refusal) -> str:
    number = printable(without_secrets(exchanged.answer.headers.get("x-pulumi-request-id", "")))
    told = f", request {number}" if number else ""
    return (
        f"{exchanged.host} failed ({refusal.status}{told}) when asked to {exchanged.asked.action}: wait until it "
        f"serves again{_quoted(refusal)}"
    )


def _repeat(exchanged: Exchanged, refusal: Refusal) -> str:
    says = f": {refusal.text}" if refusal.text else ""
    return f"{exchanged.host} refused to {exchanged.asked.action} ({refusal.status}){says}"


_RULES: tuple[Rule[Exchanged], ...] = (
    Rule(is_throttled, login_reasons.THROTTLED, _advise_throttled, throttled=True),
    Rule(is_outage, reasons.UNAVAILABLE, _advise_outage, outage=True),
    Rule(_is("redirect"), reasons.REDIRECTED, _advise_redirect),
    Rule(_is("page"), reasons.NOT_THE_API, _advise_page),
    Rule(_has(401), reasons.ACCESS_TOKEN_REFUSED, _advise_token),
    Rule(_is("retracted"), reasons.REVISION_RETRACTED, _advise_retracted),
    Rule(_has(403), reasons.ACCESS_DENIED, _advise_permission),
    Rule(_is("organization"), reasons.ORGANIZATION_NOT_FOUND, _advise_organization),
    Rule(_is("environment"), reasons.ENVIRONMENT_NOT_FOUND, _advise_environment),
    Rule(_is("version"), reasons.VERSION_NOT_FOUND, _advise_version),
    Rule(_is("session"), reasons.SESSION_NOT_FOUND, _advise_session),
    Rule(_is("property"), reasons.PROPERTY_NOT_FOUND, _advise_property),
    Rule(_is("thing"), reasons.ITEM_NOT_FOUND, _advise_thing),
    Rule(_is("changed"), reasons.ENVIRONMENT_CHANGED, _advise_changed),
    Rule(_is("exists"), reasons.ALREADY_EXISTS, _advise_exists),
    Rule(_is("protected"), reasons.DELETION_PROTECTED, _advise_protected),
    Rule(is_any, reasons.REFUSED, _repeat),
)
