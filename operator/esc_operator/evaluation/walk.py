"""The walk: evaluates tasks depth first, in the order upstream does, on a stack of its own.

Long chains of references and deep documents therefore need no Python recursion. One walk a step: what is done is
skipped, what has to wait stays for the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from esc_operator.evaluation.expressions import KINDS
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.imports import evaluate_environment
from esc_operator.evaluation.merging import merge
from esc_operator.evaluation.results import Mode
from esc_operator.evaluation.tasks import DONE, RUNNING, WAITING, Cell, Scope, Task
from esc_operator.evaluation.values import PENDING, ROTATE_ONLY, Value, unknown
from esc_operator.formats.paths import path_text
from esc_operator.lang import reasons
from esc_operator.lang.budget import CELL, OverBudgetError, SliceOverError
from esc_operator.lang.declarations import Literal
from esc_operator.lang.diagnostics import Diagnostic, Severity

if TYPE_CHECKING:
    from esc_operator.evaluation.state import EvaluationState
    from esc_operator.lang.limits import Limits


class Walk:
    """The walks of one evaluation."""

    def __init__(self, state: EvaluationState) -> None:
        self._state: Final = state
        self._frames: list[Frame] = []
        self._budget: Final = state.budget
        self._levels: Final = state.limits.levels
        self._value_bytes: Final = state.limits.value_bytes
        self._number = 0

    def run(self, root: Task) -> Value | Diagnostic:
        """Evaluates a task and what it needs, as far as the answers and the budget reach: where that is over, a
        diagnostic says so. Raises `SliceOverError`, and can then be called again.
        """
        self._number += 1
        self._frames = []
        try:
            return self._run(root)
        except SliceOverError:
            self._leave_unfinished()
            raise
        except OverBudgetError as error:
            where = self._frames[-1] if self._frames else None
            self._leave_unfinished()
            return over_budget(error, where)

    def _leave_unfinished(self) -> None:
        for frame in self._frames:
            frame.task.state = WAITING
        self._frames = []

    def _run(self, root: Task) -> Value:
        frames = self._frames
        result = self._enter(root)
        while frames:
            frame = frames[-1]
            try:
                wanted = frame.steps.send(result)  # type: ignore[arg-type]  # the first thing sent has to be None
            except StopIteration as finished:
                frames.pop()
                result = self._leave(frame, finished.value)
            else:
                result = self._enter(wanted)
        return result  # type: ignore[return-value]  # None only while a frame has been put on the stack

    def _enter(self, task: Task) -> Value | None:
        """The task's value if it can be had at once; else None, and a new frame is on the stack."""
        if task.state == DONE:
            return task.value
        if task.seen == self._number:
            self._frames[-1].is_provisional = True
            return task.value
        if task.paid:
            self._budget.repeat(CELL)
        else:
            if not self._budget.pay(CELL):
                self._budget.charge(CELL, "evaluating the definition")
            task.paid = CELL
        if task.state == RUNNING:
            return self._cycle(task.cell)
        if isinstance(task, Cell):
            expression = task.expression
            if type(expression) is Literal and task.base is None and not task.rotate_only:
                # The commonest case needs no frame.
                task.state = DONE
                task.value = value = Value(expression.value, expression)
                return value
            frame = Frame(self._state, task, task)
            started = self._begin(frame, task)
        else:
            frame = Frame(self._state, task, task.cell)
            started = evaluate_environment(frame)
        if isinstance(started, Value):
            return self._leave(frame, started)
        task.state = RUNNING
        frame.steps = started
        self._frames.append(frame)
        return None

    def _begin(self, frame: Frame, cell: Cell) -> Steps | Value:
        """The steps of an expression, or its value where there is nothing to do."""
        expression, base = cell.expression, cell.base
        if base is not None:
            if base.is_pending:
                return base
            if base.is_final:
                if expression is not None:
                    warning = expression.node.warning("cannot override final value", reasons.FINAL_VALUE)
                    frame.findings.append(warning)
                return base
        if cell.rotate_only and not self._evaluates_rotate_only(cell.scope):
            return unknown(expression, flags=ROTATE_ONLY)
        if expression is None:
            return unknown(None)
        if isinstance(expression, Literal):
            return Value(expression.value, expression)
        return KINDS[type(expression)](frame, expression)

    def _evaluates_rotate_only(self, scope: Scope) -> bool:
        # A check evaluates them too: the editor of an environment must have access to what its rotation will use.
        return scope.is_root and self._state.mode != Mode.OPEN

    def _cycle(self, cell: Cell) -> Value:
        """A task that is needed while it is at work: the expression that is met again is to blame."""
        expression = cell.expression
        if expression is not None:
            summary = f"cyclic reference to {path_text(cell.path)}"
            self._frames[-1].error(expression, summary, reasons.CYCLIC_REFERENCE)
        return unknown(expression)

    def _leave(self, frame: Frame, value: Value) -> Value:
        """Takes a frame's result: it is remembered for good if it is complete, else for this walk."""
        task = frame.task
        task.state = WAITING  # merging may come to the end of a slice, and then it starts again
        base = frame.cell.base if isinstance(task, Cell) else None
        if base is not None:
            value = _over(frame, value, base)
        inside, depth, size, _ = value.measure()
        complete = not inside & PENDING
        if depth > self._levels or size > self._value_bytes:
            value = _too_large(frame, self._state.limits, size, deep=depth > self._levels)
            complete = True
        task.value = value
        task.seen = self._number
        if complete and not frame.is_provisional and (base is None or base.is_complete):
            task.state = DONE
            frame.commit()
        else:
            task.state = WAITING
            if self._frames:
                self._frames[-1].is_provisional = True
        return value


def over_budget(error: OverBudgetError, frame: Frame | None) -> Diagnostic:
    """Where the budget was over, and by how much."""
    expression = frame.expression if frame is not None else None
    node = error.node or (expression.node if expression is not None else None)
    if node is None:
        return Diagnostic(Severity.ERROR, str(error), "", None, reasons.LIMIT_EXCEEDED)
    found = node.error(str(error), reasons.LIMIT_EXCEEDED)
    scope = frame.scope if frame is not None else None
    return found if scope is None or scope.is_root else found._replace(environment=scope.identity)


def _too_large(frame: Frame, limits: Limits, size: int, *, deep: bool) -> Value:
    most = limits.value_bytes
    summary = (
        f"the value is larger than {most} bytes when everything in it is written out, by {size - most}: build less here"
    )
    if deep:
        summary = f"the value is nested more than {limits.levels} levels deep"
    expression = frame.expression
    if expression is not None:
        frame.error(expression, summary, reasons.LIMIT_EXCEEDED)
    return unknown(expression)


def _over(frame: Frame, value: Value, base: Value) -> Value:
    blocked: list[Value] = []
    merged = merge(value, base, blocked, frame.charge)
    expression = frame.expression
    if blocked and expression is not None:
        frame.findings.append(expression.node.warning("cannot override final value", reasons.FINAL_VALUE))
    return merged
