"""What an attempt is: one function that tries something for real, and answers who has refused it with which words.

    @attempt("import an environment that is not shared")
    def unshared_import(stage: Stage) -> Verdict: ...

An attempt that ought to succeed shows that the matrix can tell a yes from a no.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import tenants.attempts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenants.stage import Stage

TENANT = "tenant"
ADMINISTRATOR = "administrator"
ACCOUNT = "operator's account"
CONFINED = "operator's, namespaced"

NOBODY = "nobody"
THEMSELVES = "harms themselves"


@dataclass(frozen=True)
class Verdict:
    """Who has refused it, with which message. `good` is False where it was not refused, or where too much was told."""

    by: str
    told: str
    good: bool = True


@dataclass(frozen=True)
class Attempt:
    """A row of the table. `allowed`: it has to succeed."""

    name: str
    who: str
    play: Callable[[Stage], Verdict]
    allowed: bool = False


_known: dict[str, Attempt] = {}


def attempt(
    name: str, who: str = TENANT, *, allowed: bool = False
) -> Callable[[Callable[[Stage], Verdict]], Callable[[Stage], Verdict]]:
    def add(play: Callable[[Stage], Verdict]) -> Callable[[Stage], Verdict]:
        assert name not in _known, name
        _known[name] = Attempt(name, who, play, allowed)
        return play

    return add


def all_attempts() -> list[Attempt]:
    """In the order of their modules' names."""
    for module in sorted(one.name for one in pkgutil.iter_modules(tenants.attempts.__path__)):
        importlib.import_module(f"tenants.attempts.{module}")
    return list(_known.values())


def play(one: Attempt, stage: Stage) -> Verdict:
    """Try it, and see that nobody else has noticed: their Secrets, environments and roles are what they were, and they
    are served."""
    before = stage.of_others()
    try:
        verdict = one.play(stage)
        after = stage.of_others()
        whats = (before.keys() | after.keys()) - stage.excused
        if changed := sorted(what for what in whats if before.get(what) != after.get(what)):
            return Verdict(NOBODY, f"changed what is not theirs: {', '.join(changed)}", good=False)
        stage.serve_the_neighbour()
    except AssertionError as failure:
        stage.tidy()
        stage.recover()
        return Verdict("?", str(failure).splitlines()[0], good=False)
    finally:
        stage.tidy()
    return verdict
