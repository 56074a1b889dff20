"""Turns a cloud's refusal into a reason and advice, by the first matching rule of the cloud's table.

Owns what all tables share, knows no cloud, and is pure. Advice contains names, subjects, issuers and audiences, never a
token or a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from esc_operator.errors import ProviderError
from esc_operator.providers import reasons
from esc_operator.providers.answers import retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

Exchange = TypeVar("Exchange")
"""The refused request, as messages describe it."""


class Refusal(NamedTuple):
    """A cloud's answer. `code` is its error code, or empty; no field holds a secret."""

    code: str
    text: str
    status: int


class Rule(NamedTuple, Generic[Exchange]):
    """If it `fits`, the failure has this reason and this advice; it declares `outage` and `throttled`
    (`errors.ProviderError`)."""

    fits: Callable[[Refusal], bool]
    reason: str
    advice: Callable[[Exchange, Refusal], str]
    outage: bool = False
    throttled: bool = False


class Hosted(Protocol):
    """An exchange that names its host."""

    @property
    def host(self) -> str: ...


def explain(
    rules: Iterable[Rule[Exchange]], refusal: Refusal, exchange: Exchange, headers: Mapping[str, str], now: datetime
) -> ProviderError:
    """The error for a refusal; the last rule must match everything."""
    rule = next(rule for rule in rules if rule.fits(refusal))
    return ProviderError(
        rule.advice(exchange, refusal),
        reason=rule.reason,
        retry_after=retry_after(headers, now),
        outage=rule.outage,
        throttled=rule.throttled,
    )


def malformed_answer(answer: str, why: str) -> ProviderError:
    """The error for an answer that the cloud cannot have sent; `answer` says who sent what."""
    return ProviderError(
        f"{answer} that makes no sense: {why}; a proxy or another service may be answering in its place",
        reason=reasons.MALFORMED_ANSWER,
        outage=True,
    )


def says(*codes: str, words: str = "") -> Callable[[Refusal], bool]:
    """Matches one of the codes with a text that contains these words, in upper or lower case."""
    return lambda refusal: refusal.code in codes and words.lower() in refusal.text.lower()


def is_throttled(refusal: Refusal) -> bool:
    return refusal.status == 429


def is_outage(refusal: Refusal) -> bool:
    return refusal.status >= 500


def explained_by_status(refusal: Refusal) -> bool:
    """Whether the status alone explains the failure, even if the rest of the answer cannot be read."""
    return is_throttled(refusal) or is_outage(refusal)


def is_any(_: Refusal) -> bool:
    """Matches everything: for the last rule."""
    return True


def advise_throttled(exchange: Hosted, _: Refusal) -> str:
    return f"{exchange.host} limits the rate of calls; this is tried again later"


def advise_outage(exchange: Hosted, refusal: Refusal) -> str:
    return f"{exchange.host} failed ({refusal.status}); this is tried again later"
