"""The memory of an evaluation: a cell an expression, a scope an environment.

Each step walks from the root again; what is finished is remembered here, so a step costs what is still open. A task that had to wait keeps its result
for the rest of the step only.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from esc_operator.evaluation.values import Value
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Array, Call, Entry, Environment, Expression, Object
from esc_operator.lang.diagnostics import Diagnostic
from esc_operator.lang.paths import Path
from esc_operator.schema import ALWAYS, Schema

if TYPE_CHECKING:
    from esc_operator.evaluation.results import OpenRecord, Rotation

RESERVED_KEYS: Final = frozenset(("imports", "context", "environments"))


class State(IntEnum):
    WAITING = 0
    RUNNING = 1
    DONE = 2


class Task:
    """Something that is evaluated once. `seen` is the step whose provisional `value` this is, while it is not done."""

    __slots__ = ("seen", "state", "value")

    def __init__(self) -> None:
        self.state = State.WAITING
        self.value: Value | None = None
        self.seen = 0


class Cell(Task):
    """One expression of one environment.

    `path` is the value's path (`a.b[0]`), which begins anew inside a builtin's argument; `base` the imported value it is merged over; `accept` what
    the builtin around it accepts there; `rotate_only` marks an input that only a rotation needs.
    """

    __slots__ = ("_children", "accept", "base", "expression", "path", "rotate_only", "scope")

    def __init__(
        self, scope: "Scope", expression: Expression | None, path: Path = "", base: Value | None = None
    ) -> None:
        super().__init__()
        self.scope: Final = scope
        self.expression: Final = expression
        self.path: Final = path
        self.base = base
        self.accept: Schema = ALWAYS
        self.rotate_only = False
        self._children: dict[str | int, Cell] | None = None

    @property
    def is_overridden(self) -> bool:
        """Whether the imported value below is final, so that this expression does not count."""
        return self.base is not None and self.base.is_final

    @property
    def entries(self) -> tuple[Entry, ...] | None:
        """The entries of an object literal; None for anything else."""
        if self.expression is None:
            return self.scope.environment.values if self is self.scope.root else None
        return self.expression.entries if isinstance(self.expression, Object) else None

    @property
    def keys(self) -> Iterable[str]:
        """An object's own keys, in the order of evaluation."""
        return sorted(str(key) for key in self._declared())

    @property
    def length(self) -> int:
        return len(self.expression.elements) if isinstance(self.expression, Array) else 0

    def has(self, key: str) -> bool:
        return key in self._declared()

    def child(self, key: str | int) -> "Cell":
        """The cell of a property or element; its base follows this cell's."""
        child = self._declared()[key]
        if child.state is not State.DONE:
            if isinstance(key, str):
                child.base = self.base.member(key) if self.base is not None else None
            if self.accept is not ALWAYS:
                self._pass_on_acceptance(child, key)
        return child

    def operand(self, name: str) -> "Cell":
        """The cell of a builtin's operand."""
        if self._children is None:
            assert isinstance(self.expression, Call)
            self._children = {operand: Cell(self.scope, found) for operand, found in self.expression.operands.items()}
        return self._children[name]

    def _declared(self) -> dict[str | int, "Cell"]:
        if self._children is None:
            entries = self.entries
            self._children = self._declare_elements() if entries is None else self._declare_properties(entries)
        return self._children

    def _declare_elements(self) -> dict[str | int, "Cell"]:
        elements = self.expression.elements if isinstance(self.expression, Array) else ()
        return {index: Cell(self.scope, element, (self.path, index)) for index, element in enumerate(elements)}

    def _declare_properties(self, entries: tuple[Entry, ...]) -> dict[str | int, "Cell"]:
        """The first of several entries with one key counts."""
        cells: dict[str | int, Cell] = {}
        report, is_root = self.scope.diagnostics.append, self is self.scope.root
        for key, node, expression in entries:
            if is_root and key in RESERVED_KEYS:
                report(node.error(f'"{key}" is a reserved key', reasons.RESERVED_KEY))
            elif key in cells:
                report(node.error(f'duplicate key "{key}"', reasons.DUPLICATE_KEY))
            else:
                cells[key] = Cell(self.scope, expression, (self.path, key))
        return cells

    def _pass_on_acceptance(self, child: "Cell", key: str | int) -> None:
        accept = self.accept.target() or self.accept
        if isinstance(key, str):
            child.accept = accept.of_property(key)
            child.rotate_only = self.rotate_only or key in accept.rotate_only
        else:
            child.accept = accept.of_item(key)
            child.rotate_only = self.rotate_only


class Scope(Task):
    """One environment: references bind to its own values. `root_name` is the environment that was asked for, as this one sees it."""

    __slots__ = (
        "context",
        "diagnostics",
        "environment",
        "identity",
        "imports",
        "is_root",
        "opens",
        "parse_diagnostics",
        "root",
        "root_name",
        "rotations",
    )

    def __init__(
        self,
        identity: str,
        environment: Environment,
        root_name: str,
        *,
        is_root: bool,
        parse_diagnostics: tuple[Diagnostic, ...] = (),
    ) -> None:
        super().__init__()
        self.identity: Final = identity
        self.environment: Final = environment
        self.root_name: Final = root_name
        self.is_root: Final = is_root
        self.parse_diagnostics: Final = parse_diagnostics
        self.diagnostics: list[Diagnostic] = []
        self.opens: list[OpenRecord] = []
        self.rotations: list[Rotation] = []
        self.imports: Value | None = None
        self.context: Value | None = None
        self.root: Cell = Cell(self, None)
