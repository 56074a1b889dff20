"""Imports: other environments, evaluated at most once each, and loaded for each importer.

An import is evaluated in its own scope: references in it bind to its own values, whatever its importer overrides.
Invariant: an environment is reached only over an edge that the store has allowed. It does not matter that another
importer has reached it: an answer holds for one importing place and one import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.evaluation.answers import Loaded
from esc_operator.evaluation.effects import LoadEnvironment
from esc_operator.evaluation.merging import merge
from esc_operator.evaluation.services import open_environment
from esc_operator.evaluation.tasks import DONE, RUNNING, Scope, Task
from esc_operator.evaluation.values import PENDING_VALUE, Value
from esc_operator.lang import reasons
from esc_operator.lang.budget import OverBudgetError
from esc_operator.lang.diagnostics import Failed

if TYPE_CHECKING:
    from collections.abc import Generator

    from esc_operator.evaluation.frames import Frame, Steps
    from esc_operator.evaluation.state import EvaluationState
    from esc_operator.evaluation.tasks import Edge
    from esc_operator.lang.declarations import Import
    from esc_operator.lang.diagnostics import Diagnostic
    from esc_operator.lang.nodes import Node

_LOAD: Final = 400
"""Units of work to load an environment."""

ANONYMOUS: Final = ("", "<yaml>")
"""Names of environments that exist only as text."""


def evaluate_environment(frame: Frame) -> Steps:
    """An environment's value: its imports, merged in order, and its own values over them."""
    scope = frame.scope
    if scope.environment.service:
        return open_environment(frame)
    frame.findings.extend(scope.parse_diagnostics)
    if not scope.has_imports and not (yield from _evaluate_imports(frame, scope)):
        return PENDING_VALUE
    if scope.root.state != DONE:
        scope.root.base = scope.base
    return (yield scope.root)


def _evaluate_imports(frame: Frame, scope: Scope) -> Generator[Task, Value, bool]:
    """Sets the scope's imports; whether all of them have a value, possibly a provisional one."""
    base: Value | None = None
    direct: dict[str, Value] = {}
    arrived = True
    found = len(frame.findings)
    for item in scope.environment.imports:
        if item.name is None:
            continue
        value = yield from import_environment(frame, item.name, item.name_node)
        if value is None:
            continue
        if value.is_pending:
            arrived = False
            continue
        direct[item.name] = value
        if item.merge:
            base = _merge_import(frame, item, value, base)
    scope.base, scope.imports = base, Value(direct, None)
    if arrived and not frame.is_provisional:
        # The imports cannot change any more: later walks skip them, and their findings stay.
        scope.has_imports = True
        scope.findings.extend(frame.findings[found:])
        del frame.findings[found:]
    return arrived


def _merge_import(frame: Frame, item: Import, value: Value, base: Value | None) -> Value:
    # Upstream lets a later import replace what an earlier one has made final, and says nothing.
    blocked: list[Value] = []
    merged = merge(value, base, blocked, frame.charge)
    if blocked:
        frame.findings.append(item.node.warning("cannot override final value", reasons.FINAL_VALUE))
    return merged


def import_environment(frame: Frame, name: str, node: Node) -> Generator[Task, Value, Value | None]:
    """The value of the environment that `name` means in the frame's own; None if it cannot be loaded, reported at
    `node`.
    """
    state = frame.state
    edge = state.edge(name, frame.scope.identity)
    scope = _reached(state, edge)
    if scope is None:
        loaded = _load(frame, name, edge, node)
        if not isinstance(loaded, Scope):
            return loaded
        scope = loaded
    state.reached[edge] = scope
    if scope.state == RUNNING:
        if state.awaits_load:
            # Which import closes a cycle is decided by the order of the walk, and that by all environments.
            return PENDING_VALUE
        _report(frame, node.error(f"cyclic import of {name}", reasons.CYCLIC_IMPORT))
        return None
    return (yield scope)


def _reached(state: EvaluationState, edge: Edge) -> Scope | None:
    """The environment at the end of an allowed edge; within one place every edge is allowed."""
    if scope := state.reached.get(edge):
        return scope
    return state.scopes.get(edge.identity) if edge.place == state.place_of(edge.identity) else None


def _load(frame: Frame, name: str, edge: Edge, node: Node) -> Scope | Value | None:
    """The scope of a loaded environment, a pending value while it loads, None if it cannot be loaded.

    Two edges may lead to one environment, the root among them; it is evaluated once all the same.
    """
    state, importer, identity = frame.state, frame.scope, edge.identity
    if not state.may_load(identity):
        summary = f"more than {frame.limits.imports} environments are imported"
        _report(frame, node.error(summary, reasons.LIMIT_EXCEEDED))
        return None
    key = LoadEnvironment, edge
    if not state.has_asked(key):
        frame.charge(_LOAD)
    answer = frame.ask(key, lambda number: LoadEnvironment(number, name, importer.identity, identity), Loaded)
    if answer is None:
        return PENDING_VALUE
    if isinstance(answer, Failed):
        failure = node.error(f"{answer.message}{frame.hint(answer)}", answer.reason or reasons.IMPORT_FAILED)
        _report(frame, failure._replace(cause=answer))
        return None
    if state.budget.is_over:
        raise OverBudgetError(state.budget.refusal, node)
    own = answer.name or identity
    if known := state.scopes.get(own):
        return known
    if answer.environment is None or any(diagnostic.is_error for diagnostic in answer.diagnostics):
        _report(frame, *(found._replace(environment=own) for found in answer.diagnostics))
        return None
    root_name = importer.root_name if importer.root_name not in ANONYMOUS else own
    scope = Scope(own, answer.environment, root_name, importer=importer, parse_diagnostics=answer.diagnostics)
    state.scopes[own] = scope
    return scope


def _report(frame: Frame, *found: Diagnostic) -> None:
    """Report an error of an import. Its name concerns only the importer, which may be an import itself."""
    through = frame.scope.identity if frame.state.is_elsewhere(frame.scope) else ""
    frame.findings.extend(one._replace(through=through) for one in found)
