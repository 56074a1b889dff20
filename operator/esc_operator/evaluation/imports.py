"""Imports: other environments, loaded and evaluated at most once each.

An import is evaluated in its own scope; references in it bind to its own values, whatever its importer overrides.
"""

from collections.abc import Generator

from esc_operator.evaluation.answers import Loaded
from esc_operator.evaluation.effects import LoadEnvironment
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.merging import merge
from esc_operator.evaluation.tasks import Scope, State, Task
from esc_operator.evaluation.values import Value, pending
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Import
from esc_operator.lang.diagnostics import Diagnostic, Failed, Severity
from esc_operator.lang.nodes import Node

ANONYMOUS = ("", "<yaml>")
"""Names of environments that exist only as text."""


def evaluate_environment(frame: Frame) -> Steps:
    """An environment's value: its imports, merged in order, and its own values over them."""
    scope = frame.scope
    frame.diagnostics.extend(scope.parse_diagnostics)
    base: Value | None = None
    direct: dict[str, Value] = {}
    waiting = False
    for item in scope.environment.imports:
        if item.name is None:
            continue
        value = yield from import_environment(frame, item.name, item.name_node)
        if value is None:
            continue
        if value.is_pending:
            waiting = True
            continue
        direct[item.name] = value
        if item.merge:
            base = _merge_import(frame, item, value, base)
    if waiting:
        return pending(None)
    scope.imports = Value(direct, None)
    if scope.root.state is not State.DONE:
        scope.root.base = base
    return (yield scope.root)


def _merge_import(frame: Frame, item: Import, value: Value, base: Value | None) -> Value:
    # Upstream lets a later import replace what an earlier one has made final, and says nothing.
    blocked: list[Value] = []
    merged = merge(value, base, blocked)
    if blocked:
        frame.diagnostics.append(item.node.warning("cannot override final value", reasons.FINAL_VALUE))
    return merged


def import_environment(frame: Frame, name: str, node: Node) -> Generator[Task, Value, Value | None]:
    """The value of the environment that the frame's environment calls `name`; None where it cannot be had, which is reported at `node`."""
    evaluator = frame.evaluator
    identity = evaluator.qualify(name, frame.scope.identity)
    scope = evaluator.scopes.get(identity)
    if scope is None:
        loaded = _load(frame, name, identity, node)
        if not isinstance(loaded, Scope):
            return loaded
        scope = loaded
    if scope.state is State.RUNNING:
        if evaluator.awaits_load:
            # Which import closes a cycle depends on the order of the walk, which is not known while an environment is still to come.
            return pending(None)
        frame.diagnostics.append(node.error(f"cyclic import of {name}", reasons.CYCLIC_IMPORT))
        return None
    return (yield scope)


def _load(frame: Frame, name: str, identity: str, node: Node) -> Scope | Value | None:
    """A new scope for a loaded environment, a pending value while it is loaded, None where it cannot be."""
    evaluator, importer = frame.evaluator, frame.scope
    key = (LoadEnvironment, identity)
    if not evaluator.has_asked(key) and evaluator.loads >= frame.limits.imports:
        frame.diagnostics.append(
            node.error(f"more than {frame.limits.imports} environments are imported", reasons.LIMIT_EXCEEDED)
        )
        return None
    answer = frame.ask(key, lambda number: LoadEnvironment(number, name, importer.identity, identity))
    if answer is None:
        return pending(None)
    if isinstance(answer, Failed):
        frame.diagnostics.append(_load_failure(node, answer))
        return None
    assert isinstance(answer, Loaded)
    if answer.environment is None or any(diagnostic.is_error for diagnostic in answer.diagnostics):
        frame.diagnostics.extend(answer.diagnostics)
        return None
    root_name = importer.root_name if importer.root_name not in ANONYMOUS else identity
    scope = Scope(identity, answer.environment, root_name, is_root=False, parse_diagnostics=answer.diagnostics)
    evaluator.scopes[identity] = scope
    return scope


def _load_failure(node: Node, failure: Failed) -> Diagnostic:
    found = node.error(failure.message, failure.reason or reasons.IMPORT_FAILED)
    return Diagnostic(Severity.ERROR, found.summary, found.path, found.range, found.reason, failure)
