"""A task at work: its steps, what it has found so far, and what the clauses of the language may ask for."""

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Final

from esc_operator.evaluation.answers import Answer
from esc_operator.evaluation.effects import Effect
from esc_operator.evaluation.results import Mode, OpenRecord, Rotation
from esc_operator.evaluation.tasks import Cell, Scope, Task
from esc_operator.evaluation.values import SECRET, Value, pending, unknown
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Call, Expression
from esc_operator.lang.diagnostics import Diagnostic, Failed, Severity
from esc_operator.lang.limits import Limits
from esc_operator.schema import ALWAYS, STRING, Schema, validate

if TYPE_CHECKING:
    from esc_operator.evaluation.evaluator import Evaluator

Steps = Generator[Task, Value, Value]
"""The body of a task: yields the tasks whose values it needs, is sent each value, returns its own."""


class Frame:
    """One run of one task. Its findings count only if the run finishes the task."""

    __slots__ = ("diagnostics", "evaluator", "opens", "rotations", "steps", "task")

    def __init__(self, evaluator: "Evaluator", task: Task) -> None:
        self.evaluator: Final = evaluator
        self.task: Final = task
        self.steps: Steps | None = None
        self.diagnostics: list[Diagnostic] = []
        self.opens: list[OpenRecord] = []
        self.rotations: list[Rotation] = []

    # What is being evaluated

    @property
    def cell(self) -> Cell:
        assert isinstance(self.task, Cell)
        return self.task

    @property
    def scope(self) -> Scope:
        return self.task.scope if isinstance(self.task, Cell) else self.task  # type: ignore[return-value]

    @property
    def expression(self) -> Expression:
        assert isinstance(self.task, Cell)
        assert self.task.expression is not None
        return self.task.expression

    @property
    def call(self) -> Call:
        assert isinstance(self.expression, Call)
        return self.expression

    @property
    def mode(self) -> Mode:
        return self.evaluator.mode

    @property
    def limits(self) -> Limits:
        return self.evaluator.limits

    def operand(self, name: str, accept: Schema = ALWAYS) -> Cell:
        """The task of an operand; `accept` is what the builtin takes there."""
        cell = self.cell.operand(name)
        cell.accept = accept
        return cell

    # Effects

    def ask(self, key: object, effect: Callable[[int], Effect]) -> Answer | None:
        """The answer to an effect, or None while there is none. `key` tells this effect from every other of the evaluation."""
        return self.evaluator.ask(key, effect)

    # Findings

    def error(self, expression: Expression, summary: str, reason: str, cause: Failed | None = None) -> None:
        foreign = cause.reason if cause is not None else ""
        self.diagnostics.append(
            Diagnostic(Severity.ERROR, summary, expression.path, expression.range, foreign or reason, cause)
        )

    def failed(self, failure: Failed, reason: str, prefix: str = "") -> None:
        """Reports what the outside answered, at the call."""
        self.error(self.expression, f"{prefix}{failure.message}", reason, failure)

    def conforms(self, value: Value, accept: Schema) -> bool:
        """Whether `accept` takes the value; every reason why not is reported at the expression that defines the part."""
        accepted, findings = validate(value, accept)
        for finding in findings:
            blamed = finding.instance.definition if isinstance(finding.instance, Value) else None
            if blamed is not None:
                self.error(blamed, finding.message, reasons.INVALID_INPUTS)
            else:
                self.diagnostics.append(Diagnostic(Severity.ERROR, finding.message, "", None, reasons.INVALID_INPUTS))
        return accepted

    # Results

    def pending(self) -> Value:
        return pending(self.expression)

    def unknown(self, schema: Schema = ALWAYS, *inputs: Value) -> Value:
        """An unknown result, secret if anything secret went into it."""
        return unknown(self.expression, schema, _secrecy(inputs))

    def text(self, text: str, *inputs: Value) -> Value:
        """A string result, secret if anything secret went into it."""
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
        if size > self.limits.text_bytes:
            self.error(
                self.expression, f"the text is longer than {self.limits.text_bytes} bytes", reasons.LIMIT_EXCEEDED
            )
            return self.unknown(STRING, *inputs)
        return Value(text, self.expression, _secrecy(inputs))

    def value(self, content: Value, *inputs: Value) -> Value:
        return content.defined_by(self.expression).marked(_secrecy(inputs))


def _secrecy(inputs: tuple[Value, ...]) -> int:
    return SECRET if any(value.contains_secrets for value in inputs) else 0
