"""What an evaluation costs, charged before the work is done.

One currency for time and memory: a unit is about a microsecond, or 48 bytes, whichever is more for the charged work. So
one number limits both, for any mix of work. Charges depend on definitions and answers alone: what one process refuses,
every other refuses, whatever else the machine does.

A caller that works in slices sets a slice's length. Work that does not fit into the rest of the slice raises before it
starts, and can start again in another slice or another thread. Repeated work is not paid again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.lang.limits import DEFAULT_LIMITS, Limits
from esc_operator.lang.nodes import ScalarNode

if TYPE_CHECKING:
    from esc_operator.lang.nodes import Node

NODE: Final = 20
"""To read one value of a definition: its node, its expression, its place."""

CELL: Final = 14
"""To evaluate one expression that needs no work of its own."""

FINDING: Final = 40
"""To report one thing: a message, where it is, and its place among all others."""

PART: Final = 6
"""To make, copy, check or write one part of a value."""

_UNIT_BYTES: Final = 48

SHORT: Final = _UNIT_BYTES // 4
"""Texts of fewer characters cost nothing, whatever the characters."""
_ENDLESS: Final = 1 << 62
_REPEATS: Final = 1
"""So many times the limit may be spent again on what is repeated while answers come in."""


class OverBudgetError(Exception):
    """The work does not fit into the budget; the message is for people. `node`: where, if not at what is at work."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.node: Final = node


class SliceOverError(Exception):
    """The work does not fit into this slice; none of it was started or paid."""


class Budget:
    """The work of one evaluation. `spent`: units paid, each piece of work once; `refusal`: in which words the first
    piece was refused that did not fit in. Not for two threads at a time.
    """

    __slots__ = ("_repeated", "_slice", "_work", "limits", "refusal", "spent")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits: Final = limits
        self._work: Final = limits.work
        self.spent = 0
        self.refusal = ""
        self._repeated = 0
        self._slice = _ENDLESS

    @property
    def is_over(self) -> bool:
        return self.spent > self.limits.work

    def begin_slice(self, units: int | None = None) -> None:
        """From now on so many units may be spent in one go; without a number as many as there are."""
        self._slice = _ENDLESS if units is None else units

    def pay(self, units: int) -> bool:
        """Pay for work that is about to be done, if it fits; else nothing is paid, and `charge` says why."""
        if units > self._slice or self.spent + units > self._work:
            return False
        self._slice -= units
        self.spent += units
        return True

    def charge(self, units: int, what: str) -> None:
        """Pay for work that is about to be done. Raises `OverBudgetError` and `SliceOverError`."""
        self._slice -= units
        if self._slice < 0:
            raise SliceOverError
        self.spent += units
        if self.spent > self.limits.work:
            self._refuse(units, what)

    def repeat(self, units: int) -> None:
        """The same for work that has been paid for. How often answers let it begin again is bounded as well."""
        self._slice -= units
        if self._slice < 0:
            raise SliceOverError
        self._repeated += units
        if self._repeated > _REPEATS * self.limits.work:
            raise OverBudgetError(
                f"what is evaluated again after each answer takes more than {_REPEATS * self.limits.work} units of "
                "work: let fewer providers and imports wait for one another, or split the environment"
            )

    def _refuse(self, units: int, what: str) -> None:
        limit = self.limits.work
        over = self.spent - limit
        left = max(0, units - over)
        refusal = (
            f"{what} takes {units} units of work, and of the {limit} for an environment with all that it imports "
            f"{left} are left ({over} too many): build less here, or split the environment"
        )
        self.refusal = self.refusal or refusal
        raise OverBudgetError(self.refusal)


def weight(text: str) -> int:
    """The most bytes that a text takes in memory."""
    return len(text) if text.isascii() else 4 * len(text)


def text_units(size: int) -> int:
    """What it costs to make a text of `size` bytes."""
    return size // _UNIT_BYTES


def node_units(node: Node) -> int:
    """What it costs to read a node, what is in it apart; the same of a text and of data."""
    value = node.value if type(node) is ScalarNode else None
    if type(value) is not str or len(value) < SHORT:
        return NODE
    return NODE + text_units(weight(value))


def template_units(text: str) -> int:
    """What it costs at most to read the accesses in a text."""
    accesses = text.count("${")
    if not accesses:
        return 0
    steps = text.count(".") + text.count("[")
    return 14 * accesses + 5 * steps + (len(text) if '["' in text or text.count("[") else len(text) // 16)
