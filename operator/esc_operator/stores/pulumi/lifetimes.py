"""How long the values of an environment can be relied on. Pure.

The API tells no expiry. What speaks is, in this order: times beside the values, what the spec says, the durations that
the definition gives its logins, and the hour that logins usually give.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from esc_operator.formats.durations import parse_duration
from esc_operator.lang import parse_text
from esc_operator.lang.declarations import Array, Call, Literal, Object
from esc_operator.lang.numbers import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.evaluation import Value
    from esc_operator.lang.declarations import Expression

USUAL: Final = timedelta(hours=1)
"""What aws-login and gcp-login give if nothing else is said."""

_LONGEST: Final = timedelta(days=1)
"""A time further ahead is no end of a login: certificates and contracts have such."""

_ENDS: Final = frozenset({"expiry", "expiration", "expiresAt"})
_DURATIONS: Final = frozenset({"duration", "tokenLifetime"})
_OTHERS: Final = re.compile(r"\$\{\s*environments\b")


def earliest_end(value: Value, issued_at: datetime) -> datetime | None:
    """The first end that stands beside the values, if it is within a day; None if there is none."""
    ends = (end for end in _ends(value) if issued_at < end <= issued_at + _LONGEST)
    return min(ends, default=None)


def _ends(value: Value) -> Iterator[datetime]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        waiting += one.elements
        for key, part in one.properties.items():
            if key in _ENDS and (end := _time(part)) is not None:
                yield end
            waiting.append(part)


def _time(value: Value) -> datetime | None:
    """A time of RFC 3339, or the seconds since 1970."""
    found = value.reveal_content()
    try:
        if isinstance(found, Number):
            return datetime.fromtimestamp(float(found.text), UTC)
        time = datetime.fromisoformat(found) if isinstance(found, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return time if time is not None and time.tzinfo else None


def lifetime_named(definition: str) -> timedelta | None:
    """The lifetime that a definition gives what it opens: the shortest, with the usual one for what names none, and for
    everything that it imports. None if it opens nothing and imports nothing."""
    environment, _ = parse_text("", definition)
    if environment is None:
        return USUAL  # in a form of the language that is not known here
    elsewhere = [USUAL] if environment.imports or _OTHERS.search(definition) else []
    return min((*elsewhere, *map(_lifetime_of, _opens(environment.root))), default=None)


def _opens(root: Expression) -> Iterator[Call]:
    for one in _expressions(root):
        if isinstance(one, Call) and one.builtin == "fn::open":
            yield one


def _lifetime_of(call: Call) -> timedelta:
    named = [
        duration
        for one in _expressions(call)
        if isinstance(one, Object)
        for entry in one.entries
        if entry.key in _DURATIONS and (duration := _duration(entry.value))
    ]
    return min(named, default=USUAL)


def _duration(expression: Expression) -> timedelta | None:
    text = expression.value if isinstance(expression, Literal) else None
    try:
        return parse_duration(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _expressions(root: Expression) -> Iterator[Expression]:
    """An expression and everything within it."""
    waiting: list[Expression | None] = [root]
    while waiting:
        one = waiting.pop()
        if one is None:
            continue
        yield one
        if isinstance(one, Object):
            waiting += [entry.value for entry in one.entries]
        elif isinstance(one, Array):
            waiting += one.elements
        elif isinstance(one, Call):
            waiting += one.operands.values()
