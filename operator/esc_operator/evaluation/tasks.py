"""The memory of an evaluation: a cell an expression, a scope an environment.

Each step walks from the root again; what is finished is remembered here, so a step costs what is still open. A task
that has to wait keeps its result for the rest of the step only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.lang import reasons
from esc_operator.lang.diagnostics import Diagnostic
from esc_operator.lang.quoting import quote
from esc_operator.schema import ALWAYS, Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from esc_operator.evaluation.results import OpenRecord, Rotation
    from esc_operator.evaluation.values import Value
    from esc_operator.formats.paths import Path
    from esc_operator.lang.declarations import Array, Call, Environment, Expression, Object

    Found = Diagnostic | OpenRecord | Rotation
    """What a task may find besides its value."""

RESERVED_KEYS: Final = frozenset(("imports", "context", "environments"))

WAITING: Final = 0
RUNNING: Final = 1
DONE: Final = 2

_NOTHING: Final[tuple[Value | None, Schema]] = (None, ALWAYS)


class Task:
    """Something that is evaluated once. `seen` is the step whose provisional `value` this is, while it is not done.
    `paid`: the units of work paid for it, which are not paid again when it is evaluated again.
    """

    __slots__ = ("paid", "seen", "state", "value")

    state: int
    value: Value | None
    seen: int
    paid: int

    @property
    def cell(self) -> Cell:
        """The expression at work."""
        raise NotImplementedError


class Cell(Task):
    """One expression of one environment; None stands for one that is missing.

    `path` is the value's path (`a.b[0]`), which begins anew inside a builtin's argument. `base` is the imported value
    it is merged over, `accept` what the builtin around it accepts there. `rotate_only` marks an input that only a
    rotation needs.
    """

    __slots__ = ("_cells", "_elements", "_handed_down", "accept", "base", "expression", "path", "rotate_only", "scope")

    def __init__(self, scope: Scope, expression: Expression | None, path: Path = "") -> None:
        self.state = WAITING
        self.value = None
        self.seen = 0
        self.paid = 0
        self.scope: Final = scope
        self.expression: Final = expression
        self.path: Final = path
        self.base: Value | None = None
        self.accept: Schema = ALWAYS
        self.rotate_only = False
        self._cells: dict[str, Cell] | None = None
        self._elements: list[Cell] | None = None
        self._handed_down = _NOTHING

    @property
    def cell(self) -> Cell:
        return self

    @property
    def is_overridden(self) -> bool:
        """Whether the imported value below is final, so that this expression does not count."""
        return self.base is not None and self.base.is_final

    def properties(self, literal: Object) -> dict[str, Cell]:
        """The cells of an object literal by key, in lexicographic order, with the bases they have now."""
        cells = self._cells
        if cells is None:
            cells = self._cells = self._declare(literal)
        base, accept = self.base, self.accept
        if base is not self._handed_down[0] or accept is not self._handed_down[1]:
            # Once for each base: every reference into the object comes by here.
            self._handed_down = base, accept
            rotate_only = (accept.target() or accept).rotate_only
            for key, cell in cells.items():
                if cell.state != DONE:
                    cell.base = base.member(key) if base is not None else None
                    cell.accept = accept.of_property(key)
                    cell.rotate_only = self.rotate_only or key in rotate_only
        return cells

    def elements(self, array: Array) -> list[Cell]:
        """The cells of an array literal."""
        cells = self._elements
        if cells is None:
            cells = [Cell(self.scope, element, (self.path, index)) for index, element in enumerate(array.elements)]
            self._elements = cells
        if self.accept is not self._handed_down[1]:
            self._handed_down = self.base, self.accept
            for index, cell in enumerate(cells):
                cell.accept = self.accept.of_item(index)
                cell.rotate_only = self.rotate_only
        return cells

    def operand(self, call: Call, name: str) -> Cell:
        """The cell of a builtin's operand."""
        cells = self._cells
        if cells is None:
            cells = {operand: Cell(self.scope, expression) for operand, expression in call.operands.items()}
            self._cells = cells
        return cells[name]

    def _declare(self, literal: Object) -> dict[str, Cell]:
        """The first of several entries with one key counts."""
        scope, path = self.scope, self.path
        is_root = self is scope.root
        first: dict[str, Expression] = {}
        for key, node, expression in literal.entries:
            if is_root and key in RESERVED_KEYS:
                scope.findings.append(node.error(f"{quote(key)} is a reserved key", reasons.RESERVED_KEY))
            elif key in first:
                scope.findings.append(node.error(f"duplicate key {quote(key)}", reasons.DUPLICATE_KEY))
            else:
                first[key] = expression
        return {key: Cell(scope, first[key], (path, key)) for key in sorted(first)}


class Edge(NamedTuple):
    """An import: from which place, and of what. Who else may import the same says nothing about it."""

    place: str
    identity: str


class Scope(Task):
    """One environment: references bind to its own values.

    `importer` is the first to have imported it, None for the root. `root_name` is the environment that was asked for,
    as this one sees it; `base` the merged imports, `imports` the same apart from each other, and `has_imports` says
    that both are complete.
    """

    __slots__ = (
        "base",
        "context",
        "environment",
        "findings",
        "has_imports",
        "identity",
        "importer",
        "imports",
        "parse_diagnostics",
        "root",
        "root_name",
    )

    def __init__(
        self,
        identity: str,
        environment: Environment,
        root_name: str,
        *,
        importer: Scope | None,
        parse_diagnostics: tuple[Diagnostic, ...] = (),
    ) -> None:
        self.state = WAITING
        self.value = None
        self.seen = 0
        self.paid = 0
        self.identity: Final = identity
        self.environment: Final = environment
        self.root_name: Final = root_name
        self.importer: Final = importer
        self.parse_diagnostics: Final = parse_diagnostics
        self.findings: list[Found] = []
        self.imports: Value | None = None
        self.has_imports = False
        self.context: Value | None = None
        self.base: Value | None = None
        self.root = Cell(self, environment.root)

    def release(self) -> None:
        """Releases the expressions, each of which refers to its environment. Nothing can be evaluated after that."""
        del self.root

    @property
    def is_root(self) -> bool:
        return self.importer is None

    def findings_through(self, through: str) -> Iterable[Found]:
        """The findings, each with the import in which it was found, and with `through`, the import that leads to it."""
        for found in self.findings:
            if isinstance(found, Diagnostic) and not self.is_root:
                yield found._replace(environment=found.environment or self.identity, through=through or found.through)
            else:
                yield found

    @property
    def cell(self) -> Cell:
        return self.root
