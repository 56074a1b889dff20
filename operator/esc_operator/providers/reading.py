"""What the readers of secrets have in common: they ask for many at once, and tell everything that is missing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from esc_operator.errors import FailedPart, ProviderError
from esc_operator.evaluation import InputProblem, Opened, ReadVersion
from esc_operator.providers import reasons

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
    from typing import Any

Ref = TypeVar("Ref", bound="Hashable")
Answer = TypeVar("Answer")

MOST_ITEMS = 200
"""How many secrets one call reads: each is a request."""

AT_ONCE = 10
"""How many requests of one call run at a time."""

MOST_TOLD = 10
"""How many failures a message tells; an environment with hundreds of secrets would make it endless."""


@dataclass(frozen=True, slots=True)
class Found:
    """One secret that was read. Never shows its value."""

    value: str
    version: str
    note: str = ""

    def __repr__(self) -> str:
        return f"Found(version={self.version!r})"


OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "description": "By name, what was read.",
    "additionalProperties": {"type": "string", "secret": True},
}


def opened(section: str, inputs: Mapping[str, Any], found: Mapping[str, Found], named_by: str = "name") -> Opened:
    """The outputs, with what was read: each of the inputs in `section` has its secret's name in `named_by`."""
    names = {name: item[named_by] for name, item in inputs[section].items()}
    versions = tuple(ReadVersion((section, name), names[name], one.version, one.note) for name, one in found.items())
    return Opened({name: one.value for name, one in found.items()}, versions=versions)


def too_many(section: str, wanted: Mapping[str, Any]) -> Iterator[InputProblem]:
    """What is wrong with the number of secrets that an input asks for."""
    if len(wanted) > MOST_ITEMS:
        message = f"one call reads {MOST_ITEMS} at most, and these are {len(wanted)}: split them into several calls"
        yield InputProblem((section,), message, reasons.INVALID_INPUTS)


async def read_each(
    section: str, wanted: Mapping[str, Ref], read: Callable[[Ref, str], Awaitable[Answer]]
) -> dict[str, Answer]:
    """By name, what was read. `section` is the input with the names, `read` gets what to read and the input that asks
    for it first; what several names ask for is read once. Raises ProviderError, with all that failed."""
    inputs: dict[Ref, str] = {}
    for name, ref in wanted.items():
        inputs.setdefault(ref, f"{section}.{name}")
    answers = await _ask(inputs, read)
    failures = {name: one for name, ref in wanted.items() if isinstance(one := answers.get(ref), ProviderError)}
    if failures:
        raise together(section, failures)
    return {name: answers[ref] for name, ref in wanted.items()}  # type: ignore[misc]  # no failure is left


async def _ask(
    inputs: Mapping[Ref, str], read: Callable[[Ref, str], Awaitable[Answer]]
) -> dict[Ref, Answer | ProviderError]:
    """For each its answer or its error, a few at a time. After a failure of all, nothing more is asked."""
    places, answers = asyncio.Semaphore(AT_ONCE), dict[Ref, Answer | ProviderError]()

    async def ask(ref: Ref, asking: str) -> None:
        async with places:
            if any(isinstance(one, ProviderError) and is_of_all(one) for one in answers.values()):
                return
            try:
                answers[ref] = await read(ref, asking)
            except ProviderError as error:
                answers[ref] = error

    async with asyncio.TaskGroup() as group:
        for ref, asking in inputs.items():
            group.create_task(ask(ref, asking))
    return answers


def is_of_all(error: ProviderError) -> bool:
    """Whether the failure of one thing is that of all: the service does not serve, or does not accept the login."""
    return error.outage or error.login_refused


def together(section: str, failures: Mapping[str, ProviderError]) -> ProviderError:
    """One error for all of them, each told at its own input, which is below `section`."""
    errors = list(failures.values())
    of_all = next((error for error in errors if is_of_all(error)), None)
    if of_all is not None:
        return of_all
    parts = [FailedPart((section, name), error.message, error.reason) for name, error in failures.items()]
    told = list(dict.fromkeys(part.message for part in parts))
    more = f" (and {len(told) - MOST_TOLD} more)" if len(told) > MOST_TOLD else ""
    return ProviderError("; ".join(told[:MOST_TOLD]) + more, reason=errors[0].reason, parts=parts)
