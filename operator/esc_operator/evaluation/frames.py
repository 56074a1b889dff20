"""A running task: its steps, its findings so far, and the services for the clauses of the language."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from esc_operator.evaluation.tasks import Cell, Scope, Task
from esc_operator.evaluation.text import LONGEST_TEXT
from esc_operator.evaluation.values import SECRET, Value, unknown
from esc_operator.lang import reasons
from esc_operator.lang.budget import CELL, FINDING, text_units, weight
from esc_operator.lang.declarations import Array, Call, Interpolation, Object, Reference
from esc_operator.lang.diagnostics import Diagnostic, Failed, Severity
from esc_operator.schema import ALWAYS, STRING, Schema

if TYPE_CHECKING:
    from esc_operator.evaluation.effects import Effect
    from esc_operator.evaluation.results import Mode
    from esc_operator.evaluation.state import EvaluationState
    from esc_operator.evaluation.tasks import Found
    from esc_operator.formats.spelling import Speller
    from esc_operator.lang.declarations import Expression
    from esc_operator.lang.limits import Limits
    from esc_operator.schema.instance import Finding

_A = TypeVar("_A")

_KINDS: Final[Mapping[type, str]] = {
    Array: "an array",
    Interpolation: "an interpolation",
    Object: "an object",
    Reference: "a reference",
}
"""How a message names the running task."""

Steps = Generator[Task, Value, Value]
"""The body of a task: yields the tasks whose values it needs, is sent each value, returns its own."""


class Frame:
    """One run of one task. Its findings count only if the run finishes the task.

    `cell` is the expression at work, an environment's root where the task is the environment itself. `is_provisional`
    says that a task it needs is not finished, so that this one cannot be either.
    """

    __slots__ = ("_done", "cell", "findings", "is_provisional", "scope", "state", "steps", "task")

    def __init__(self, state: EvaluationState, task: Task, cell: Cell) -> None:
        self.state: Final = state
        self.task: Final = task
        self.cell: Final = cell
        self.scope: Final[Scope] = cell.scope
        self.steps: Steps
        self.findings: list[Found] = []
        self.is_provisional = False
        self._done = CELL

    @property
    def expression(self) -> Expression | None:
        return self.cell.expression

    @property
    def mode(self) -> Mode:
        return self.state.mode

    @property
    def limits(self) -> Limits:
        return self.state.limits

    def operand(self, call: Call, name: str, accept: Schema = ALWAYS) -> Cell:
        """The task of an operand; `accept` is what the builtin takes there."""
        cell = self.cell.operand(call, name)
        cell.accept = accept
        return cell

    def ask(self, key: object, effect: Callable[[int], Effect], kind: type[_A]) -> _A | Failed | None:
        """The answer to an effect, or None while there is none. `key` identifies the effect."""
        return self.state.ask(key, effect, kind)

    def charge(self, units: int) -> None:
        """Pay for work before it is done. Work that the same task paid for in a former run is not paid again. Raises
        `OverBudgetError` and `SliceOverError`."""
        budget, task = self.state.budget, self.task
        done = self._done = self._done + units
        new = done - task.paid
        if new <= 0:
            budget.repeat(units)
            return
        if new < units:
            budget.repeat(units - new)
        if not budget.pay(new):
            budget.charge(new, self._task_name())
        task.paid = done

    def _task_name(self) -> str:
        """The running task, for messages."""
        expression = self.cell.expression
        if isinstance(self.task, Scope):
            return "importing"
        if isinstance(expression, Call):
            return expression.written_name
        return _KINDS.get(type(expression), "evaluating the definition")

    # Findings

    def commit(self) -> None:
        """Keeps the findings: the task is finished."""
        if self.findings:
            self.scope.findings.extend(self.findings)

    def error(self, expression: Expression, summary: str, reason: str, cause: Failed | None = None) -> None:
        """Reports at an expression. A reason from outside, in `cause`, takes precedence."""
        reason = (cause.reason if cause is not None else "") or reason
        self.charge(FINDING)
        found = Diagnostic(Severity.ERROR, summary, expression.path, expression.range, reason, cause)
        self.findings.append(found)

    def hint(self, answer: Failed) -> str:
        """What an answer suggests instead of a name that means nothing."""
        speller = self.speller
        hint = speller.hint(answer.wanted, answer.known) if speller else ""
        self.charge(text_units(len(hint)))
        return hint

    def conforms(self, value: Value, accept: Schema, *, explains: bool = True) -> bool:
        """Whether `accept` accepts the value. Each failure is reported at the expression that defines the wrong part.
        Without `explains` the report says only that the schema does not match: its content may be a secret."""
        if accept.is_always:
            return True
        from esc_operator.schema.known import validate  # a static environment checks nothing

        accepted, findings = validate(value, accept, self.charge, self.speller)
        for finding in findings:
            part = finding.instance
            blamed = part.definition if isinstance(part, Value) else None
            where = blamed or self.expression
            if where is not None:
                hidden = "the schema, which holds a secret and is not shown, does not match"
                self.error(where, _message_of(finding) if explains else hidden, reasons.INVALID_INPUTS)
        return accepted

    @property
    def speller(self) -> Speller | None:
        """What suggests names; None in an environment of another place, whose names its importer may not read."""
        return None if self.state.is_elsewhere(self.scope) else self.state.speller

    # Results

    def handed_on(self, value: Value) -> Value:
        """A value as the result of this call: secret, or unknown, as a whole where a part of it is."""
        # Upstream loses the properties that the value inherits from its bases.
        if value.contains_unknowns and value.is_complete:
            self.charge(value.schema_units)
            return self.unknown(value.schema, value)
        return value.defined_by(self.expression).marked(secrecy(value))

    def unknown(self, schema: Schema = ALWAYS, *inputs: Value) -> Value:
        """An unknown result, secret if anything secret went into it."""
        return unknown(self.expression, schema, secrecy(*inputs))

    def text(self, pieces: Sequence[str | None], *inputs: Value) -> Value:
        """A string result, joined from pieces, secret if anything secret went into it; a piece that is too long is
        None.
        """
        expression, limit = self.expression, self.limits.value_bytes
        known = [piece for piece in pieces if piece is not None]
        size = sum(map(len, known))
        too_long = f"the text is longer than {limit} characters, by {size - limit}" if size > limit else ""
        if len(known) < len(pieces):
            too_long = f"the text of a list or an object is longer than {LONGEST_TEXT} characters"
        if too_long and expression is not None:
            self.error(expression, f"{too_long}: build less here", reasons.LIMIT_EXCEEDED)
            return self.unknown(STRING, *inputs)
        self.charge(len(known) // 4 + text_units(sum(map(weight, known))))
        return Value("".join(known), expression, secrecy(*inputs))


def _message_of(finding: Finding) -> str:
    hides = isinstance(finding.within, Value) and finding.within.is_secret
    return "a property whose name is from a secret is not allowed" if hides else finding.message


def secrecy(*inputs: Value) -> int:
    """The flag of something made from these values."""
    return SECRET if any(value.contains_secrets for value in inputs) else 0
