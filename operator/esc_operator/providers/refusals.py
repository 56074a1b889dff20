"""From what a cloud refuses to a reason and what to fix: the first rule of its table that fits answers.

Owns what all tables share, knows no cloud, and is pure. What a table's advices tell are names, subjects, issuers and
audiences, and never a token or a key.
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
"""What was asked of the cloud, as its messages tell it."""


class Refusal(NamedTuple):
    """What a cloud answered. `code` is its word for what is wrong, empty without one; no field holds a secret."""

    code: str
    text: str
    status: int


class Rule(NamedTuple, Generic[Exchange]):
    """If `fits`, the failure has this reason, and this is what to tell; `outage` and `throttled` are what it declares
    (`errors.ProviderError`)."""

    fits: Callable[[Refusal], bool]
    reason: str
    advice: Callable[[Exchange, Refusal], str]
    outage: bool = False
    throttled: bool = False


class Hosted(Protocol):
    """An exchange that says which host was asked."""

    @property
    def host(self) -> str: ...


def explain(
    rules: Iterable[Rule[Exchange]], refusal: Refusal, exchange: Exchange, headers: Mapping[str, str], now: datetime
) -> ProviderError:
    """The error for a refusal; the last rule must fit all."""
    rule = next(rule for rule in rules if rule.fits(refusal))
    return ProviderError(
        rule.advice(exchange, refusal),
        reason=rule.reason,
        retry_after=retry_after(headers, now),
        outage=rule.outage,
        throttled=rule.throttled,
    )


def malformed_answer(answer: str, why: str) -> ProviderError:
    """The error for an answer that is none of the cloud's; `answer` says who sent what."""
    return ProviderError(
        f"{answer} that makes no sense: {why}; a proxy or another service may be answering in its place",
        reason=reasons.MALFORMED_ANSWER,
        outage=True,
    )


def says(*codes: str, words: str = "") -> Callable[[Refusal], bool]:
    """Fits one of the codes with a text that has these words, in upper or lower case."""
    return lambda refusal: refusal.code in codes and words.lower() in refusal.text.lower()


def is_throttled(refusal: Refusal) -> bool:
    return refusal.status == 429


def is_outage(refusal: Refusal) -> bool:
    return refusal.status >= 500


def tells_by_status(refusal: Refusal) -> bool:
    """Whether it is known what is the matter, even if nothing else of the answer can be read."""
    return is_throttled(refusal) or is_outage(refusal)


def is_any(_: Refusal) -> bool:
    """Fits what no rule before has fitted."""
    return True


def advise_throttled(exchange: Hosted, _: Refusal) -> str:
    return f"{exchange.host} limits the rate of calls; this is tried again later"


def advise_outage(exchange: Hosted, refusal: Refusal) -> str:
    return f"{exchange.host} failed ({refusal.status}); this is tried again later"
