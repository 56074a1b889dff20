"""What a fault is, and what is found out about it: one function, played many times, each time by a `Run` of its own.

    @fault("secret deleted", runs=10)
    def secret_deleted(run: Run) -> None:
        subject = run.fill()
        subject.tenant.delete_secret(subject.name)
        subject.judge(mints=1)

A play tells what it finds to its run and may simply fail: what it waited for in vain is `wrong`.
"""

from __future__ import annotations

import importlib
import pkgutil
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.run import Run


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    `runs` is how often it is played unless told otherwise, `at_once` how many of these share the stage at a time: 1 for
    what hits the whole operator or the whole cluster. `lifetime` is what AWS grants, in seconds; None is what was asked
    for. `clock`: the operator's clock can be moved.
    """

    name: str
    play: Callable[[Run], None]
    runs: int
    at_once: int = 1
    lifetime: float | None = None
    clock: bool = False


@dataclass
class Findings:
    """What all runs of one fault have found. Filled by several threads."""

    fault: Fault
    runs: int = 0
    environments: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, kind: str, what: str) -> None:
        with self._lock:
            found: list[str] = getattr(self, kind)
            found.append(what)

    def count(self, environments: int) -> None:
        with self._lock:
            self.runs += 1
            self.environments += environments

    def told(self) -> list[tuple[str, str]]:
        """Everything that was found, by its kind."""
        return [(kind, what) for kind in ("lost", "doubled", "wrong") for what in getattr(self, kind)]

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.wrong or self.doubled)


REGISTRY: dict[str, Fault] = {}


def fault(
    name: str,
    *,
    runs: int,
    at_once: int = 1,
    lifetime: float | None = None,
    clock: bool = False,
) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Make a function a row of the table."""

    def register(play: Callable[[Run], None]) -> Callable[[Run], None]:
        assert name not in REGISTRY, f"there are two faults {name}"
        REGISTRY[name] = Fault(name, play, runs, at_once, lifetime, clock)
        return play

    return register


def all_faults() -> dict[str, Fault]:
    """Those of every module here whose name begins with `by_`."""
    for found in pkgutil.iter_modules(faults.__path__):
        if found.name.startswith("by_"):
            importlib.import_module(f"faults.{found.name}")
    return REGISTRY
