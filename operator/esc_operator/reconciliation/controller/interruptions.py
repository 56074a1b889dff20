"""Definitions whose evaluation ended an operator, or almost did: the next leader does not start with these.

Owns the record of them, which former leaders leave on the Lease as text, and the pause before each is tried again. A
change is tried at once, and so are other environments of its namespace, until there were too many interruptions:
neither changing a definition repeatedly nor having many environments ends one leader after the other. Pure, except that
a changed record is passed on to be written. A record is advice: losing it costs a takeover."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from esc_operator.formats.times import format_time, parse_time
from esc_operator.reconciliation.controller.under_way import Definition
from esc_operator.reconciliation.sync.outcome import Imports, Refused
from esc_operator.resources import reasons
from esc_operator.resources.environment import key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator

    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.worker import Worker
    from esc_operator.reconciliation.controller.under_way import UnderWay
    from esc_operator.reconciliation.sync.attempt import Opening
    from esc_operator.reconciliation.sync.outcome import CheckedValues, OpenedValues
    from esc_operator.resources.environment import EscEnvironment, Key

T = TypeVar("T")

MOST = 64
"""How many are remembered, the latest ones: the record is an annotation."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MANY = 3
"""After this many interruptions by one environment, its changes are no longer tried at once; after this many
environments of one namespace, none of the namespace is evaluated until `LONGEST_HOLD` after the last interruption."""
LONGEST_HOLD = timedelta(minutes=10)
FORGOTTEN_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Interruption:
    """`times`: how often in a row, `at` the last time. `what` happened, for messages, such as `it blocked the
    operator`."""

    definition: Definition
    times: int
    at: datetime
    what: str

    @property
    def until(self) -> datetime:
        """When it is tried again."""
        return self.at + min(FIRST_PAUSE * (1 << min(self.times - 1, 10)), LONGEST_PAUSE)

    def to_dict(self) -> dict[str, Any]:
        key = self.definition.key
        return {
            "environment": key.full_name,
            "uid": self.definition.uid,
            "generation": self.definition.generation,
            "times": self.times,
            "at": format_time(self.at),
            "what": self.what,
        }


def parse_interruptions(text: str, now: datetime) -> tuple[Interruption, ...]:
    """The interruptions of a record that are still relevant; empty if it cannot be read."""
    try:
        found = [_parse(entry) for entry in json.loads(text or "[]")]
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError):
        return ()
    # A time in the future comes from a wrong clock.
    return tuple(one for one in found if now - FORGOTTEN_AFTER < one.at <= now)[-MOST:]


def _parse(entry: dict[str, Any]) -> Interruption:
    definition = Definition(key_of(entry["environment"], ""), str(entry["uid"]), int(entry["generation"]))
    at = parse_time(entry["at"])
    if at is None:
        raise ValueError("no time")
    return Interruption(definition, max(int(entry["times"]), 1), at, str(entry["what"])[:200])


@dataclass(frozen=True, slots=True)
class Hold:
    """A definition is not evaluated before `until`, for an interruption: its own, or one by the definition before it
    (`is_change`), or the last of those by so many `environments` of its namespace."""

    interruption: Interruption
    until: datetime
    is_change: bool = False
    environments: int = 0

    def refusal(self, now: datetime) -> Refused:
        message = f"{self._why()}: {self.interruption.what}. {self._then()}"
        return Refused(reasons.OPERATOR_INTERRUPTED, message, retry_after=(self.until - now).total_seconds())

    def _why(self) -> str:
        times = self.interruption.times
        if self.environments:
            last = self.interruption.definition.key
            those = "environments of this namespace" if last.namespace else "ClusterEscEnvironments"
            return f"{self.environments} {those} have interrupted the operator, last {last.describe()}"
        if self.is_change:
            return f"earlier definitions of this environment have interrupted the operator {times} times in a row"
        often = "" if times == 1 else f" {times} times in a row"
        return f"an operator that evaluated this definition was interrupted{often}"

    def _then(self) -> str:
        at = format_time(self.until)
        if self.environments:
            return f"This one is evaluated at {at}, unless another one interrupts it before: correct those"
        if self.is_change:
            return f"This one is evaluated at {at}: make it smaller if it could interrupt it again"
        at_once = ", or at once when its spec changes" if self.interruption.times < MANY else ""
        advice = "make the definition or its imports smaller, or remove a provider that hangs"
        return f"It is tried again at {at}{at_once}: {advice}"


class Interruptions:
    """The known interruptions. `leave` stores a changed record for the next leader, and never raises."""

    def __init__(self, leave: Callable[[str], Awaitable[None]] | None = None) -> None:
        self._leave = leave
        self._known: tuple[Interruption, ...] = ()

    def __iter__(self) -> Iterator[Interruption]:
        return iter(self._known)

    def take_over(self, text: str, now: datetime) -> None:
        """Start with the record of former leaders."""
        self._known = parse_interruptions(text, now)

    def add(self, definition: Definition, what: str, now: datetime) -> str:
        """Add one; returns the record, for a caller that writes it itself. May be called from another thread."""
        before = self._of(definition.key)
        times = before.times + 1 if before else 1
        others = [one for one in self._known if one.definition.key != definition.key]
        self._known = (*others, Interruption(definition, times, now, what))[-MOST:]
        return self.record()

    def hold(self, definition: Definition, now: datetime) -> Hold | None:
        """Why it must not be evaluated now, or None."""
        own, of_namespace = self._of(definition.key), self._hold_of_namespace(definition.key.namespace)
        if own is None:
            found = of_namespace
        elif own.definition == definition:
            found = Hold(own, own.until)
        elif own.times >= MANY:
            found = Hold(own, min(own.until, own.at + LONGEST_HOLD), is_change=True)
        else:
            return None
        if found and of_namespace:
            found = replace(found, until=max(found.until, of_namespace.until))
        return found if found and now < found.until else None

    def _of(self, key: Key) -> Interruption | None:
        return next((one for one in self._known if one.definition.key == key), None)

    def _hold_of_namespace(self, namespace: str) -> Hold | None:
        known = [one for one in self._known if one.definition.key.namespace == namespace]
        if len(known) < MANY:
            return None
        return Hold(known[-1], known[-1].at + LONGEST_HOLD, environments=len(known))

    def record(self) -> str:
        """The record as text; "" if it is empty."""
        return _text(self._known)

    async def forget(self, definition: Definition) -> None:
        """Its evaluation has ended, or the environment has another definition."""
        left = tuple(one for one in self._known if one.definition.key != definition.key)
        if left != self._known:
            self._known = left
            if self._leave is not None:
                await self._leave(self.record())


def _text(known: Iterable[Interruption]) -> str:
    entries = [one.to_dict() for one in known]
    return json.dumps(entries, separators=(",", ":")) if entries else ""


class GuardedOpening:
    """Opens environments, those that have interrupted an operator only after a pause, and records which one is being
    evaluated."""

    def __init__(
        self, opening: Opening, under_way: UnderWay, interruptions: Interruptions, now: Callable[[], datetime]
    ) -> None:
        self._opening = opening
        self._under_way = under_way
        self._interruptions = interruptions
        self._now = now

    async def look(self, environment: EscEnvironment) -> Imports:
        """As `Opening.look`, which evaluates as well; nothing where that has to wait."""
        definition = Definition(environment.key, environment.uid, environment.generation)
        if self._interruptions.hold(definition, self._now()):
            return Imports()
        return await self._under_way.of(definition, self._opening.look(environment))

    async def __call__(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        return await self._guard(environment, lambda: self._opening(environment, demand, worker))

    async def check(self, environment: EscEnvironment, worker: Worker) -> CheckedValues | Refused:
        return await self._guard(environment, lambda: self._opening.check(environment, worker))

    async def _guard(self, environment: EscEnvironment, evaluate: Callable[[], Coroutine[Any, Any, T]]) -> T | Refused:
        definition = Definition(environment.key, environment.uid, environment.generation)
        now = self._now()
        if hold := self._interruptions.hold(definition, now):
            return hold.refusal(now)
        outcome = await self._under_way.of(definition, evaluate())
        await self._interruptions.forget(definition)
        return outcome
