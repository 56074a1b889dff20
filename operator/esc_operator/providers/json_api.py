"""One request to a service's API in JSON, and what its answer says. Knows no service.

Everything is sent through `OpenContext.send`. A credential is in a header or in the body, and in no message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.answers import json_object, without_secrets
from esc_operator.providers.port import HttpRequest
from esc_operator.providers.refusals import (
    Refusal,
    Rule,
    advise_outage,
    advise_throttled,
    explain,
    explained_by_status,
    is_outage,
    is_throttled,
    malformed_answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.errors import ProviderError
    from esc_operator.providers.port import OpenContext


class Reply(NamedTuple):
    """What a service answered. `content` is its JSON object, None if it sent anything else. Only that holds secrets."""

    status: int
    content: Mapping[str, Any] | None
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Reply(status={self.status})"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as messages describe it: `what` was asked of the `host`, such as `the secrets of the project web`.
    `address` is the input that names the host, "" if none does."""

    host: str
    what: str
    address: str = ""


def request(
    method: str,
    url: str,
    *,
    bearer: str = "",
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpRequest:
    """A request with a JSON object, if there is a body; `headers` replace the usual ones of the same name."""
    usual = {"Accept": "application/json", "User-Agent": "esc-operator"}
    if bearer:
        usual["Authorization"] = f"Bearer {bearer}"
    if body is not None:
        usual["Content-Type"] = "application/json"
    return HttpRequest(method, url, {**usual, **(headers or {})}, None if body is None else json.dumps(body).encode())


async def ask(context: OpenContext, wanted: HttpRequest) -> Reply:
    """Raises ProviderError if the host is not allowed, or does not answer."""
    answer = await context.send(wanted)
    return Reply(answer.status, json_object(answer.body), answer.headers)


def translate(rules: Sequence[Rule[Any]], reply: Reply, words: object, asked: Asked, now: datetime) -> ProviderError:
    """The error for an answer that is not the expected one. `words` are the service's own, or None if it has none."""
    is_redirect = 300 <= reply.status < 400
    if reply.content is None and not is_redirect and not explained_by_status(Refusal("", "", reply.status)):
        return malformed(asked, "it is not a JSON object")
    refusal = Refusal("", without_secrets(words), reply.status)
    return explain((*rules, *_COMMON), refusal, asked, reply.headers, now)


def malformed(asked: Asked, why: str) -> ProviderError:
    return malformed_answer(f"{asked.host} sent an answer about {asked.what}", why)


def has(*statuses: int, words: str = "") -> Callable[[Refusal], bool]:
    """Matches one of the statuses with a text that contains these words, in upper or lower case."""
    return lambda refusal: refusal.status in statuses and words.lower() in refusal.text.lower()


def _advise_redirect(asked: Asked, _: Refusal) -> str:
    advice = f"write the address that answers in `{asked.address}`" if asked.address else "a proxy may answer instead"
    return (
        f"{asked.host} redirects to another address, which is not followed, because credentials would go there:"
        f" {advice}"
    )


def _repeat(asked: Asked, refusal: Refusal) -> str:
    return f"{asked.host} refused {asked.what} ({refusal.status}): {refusal.text or 'it does not say why'}"


_COMMON: tuple[Rule[Asked], ...] = (
    Rule(lambda refusal: 300 <= refusal.status < 400, reasons.REDIRECTED, _advise_redirect),
    Rule(is_throttled, login_reasons.THROTTLED, advise_throttled, throttled=True),
    Rule(is_outage, reasons.SERVICE_UNAVAILABLE, advise_outage, outage=True),
    Rule(lambda refusal: refusal.status < 300, reasons.MALFORMED_ANSWER, _repeat, outage=True),
    Rule(lambda _: True, reasons.REQUEST_REFUSED, _repeat),
)
