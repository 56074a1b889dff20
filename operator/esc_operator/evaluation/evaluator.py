"""The evaluator: a pure, resumable walk over an environment.

`step` walks as far as it can and returns what it needs, or the result. Given the same definition and the same answers it always returns the same,
in whatever order the answers came. It does no I/O, reads no clock and holds no lock; one evaluator serves one evaluation.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from esc_operator.evaluation.answers import Answer
from esc_operator.evaluation.context import check_context, context_of
from esc_operator.evaluation.effects import Effect, LoadEnvironment
from esc_operator.evaluation.expressions import KINDS, evaluate_object
from esc_operator.evaluation.frames import Frame, Steps
from esc_operator.evaluation.imports import evaluate_environment
from esc_operator.evaluation.merging import merge
from esc_operator.evaluation.results import Batch, Evaluation, Mode
from esc_operator.evaluation.tasks import Cell, Scope, State, Task
from esc_operator.evaluation.values import ROTATE_ONLY, Value, unknown
from esc_operator.lang import reasons
from esc_operator.lang.declarations import Environment, Literal
from esc_operator.lang.diagnostics import Diagnostic, Diagnostics, Severity, in_order
from esc_operator.lang.limits import DEFAULT_LIMITS, Limits
from esc_operator.lang.paths import path_text


class _ExhaustedError(Exception):
    """The evaluation took more steps than it may."""


class Evaluator:
    """One evaluation of one environment.

    `name` is the environment's identity, which takes part in import cycles and in `${context}`. `context` is what the host adds to `${context}`.
    `rotate_paths` are value paths (`a.b`) of the rotators to rotate, all if empty. `qualify(name, importer)` makes an import's name absolute, where
    names depend on who imports; by default they do not. With `show_secrets` a check decrypts.
    """

    def __init__(
        self,
        environment: Environment | None,
        *,
        name: str,
        mode: Mode,
        context: Mapping[str, Any] | None = None,
        show_secrets: bool = False,
        rotate_paths: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        qualify: Callable[[str, str], str] = lambda name, importer: name,
    ) -> None:
        check_context(context or {})
        self.mode: Final = mode
        self.limits: Final = limits
        self.context: Final = context or {}
        self.decrypts: Final = mode != Mode.CHECK or show_secrets
        self.qualify: Final = qualify
        self.rotate_paths: Final = frozenset(f"values.{path}" for path in rotate_paths)
        self.scopes: dict[str, Scope] = {}
        self._root: Scope | None = None
        if environment is not None and not environment.is_empty:
            self._root = self.scopes[name] = Scope(name, environment, name, is_root=True)
        self._effects: dict[object, Effect] = {}
        self._answers: dict[int, Answer] = {}
        self._unanswered: dict[int, Effect] = {}
        self._found: list[Diagnostic] = []
        self._steps = 0
        self._pass = 0
        self.loads = 0

    def step(self, answers: Mapping[int, Answer] | None = None) -> Batch | Evaluation:
        """Goes on with these answers (by the effects' ids) as far as possible.

        Returns the effects now needed (those still unanswered included), or the finished evaluation. Answers to unknown ids are ignored.
        """
        for number, answer in (answers or {}).items():
            if self._unanswered.pop(number, None) is not None:
                self._answers[number] = answer
        if self._root is None:
            return Evaluation(None)
        self._pass += 1
        try:
            value = self._walk(self._root)
        except _ExhaustedError:
            return self._exhausted()
        if self._unanswered:
            return Batch(tuple(self._unanswered.values()))
        return self._finished(value)

    # What frames may use

    @property
    def awaits_load(self) -> bool:
        """Whether an environment is still to be loaded."""
        return any(isinstance(effect, LoadEnvironment) for effect in self._unanswered.values())

    def has_asked(self, key: object) -> bool:
        return key in self._effects

    def ask(self, key: object, make: Callable[[int], Effect]) -> Answer | None:
        effect = self._effects.get(key)
        if effect is None:
            effect = self._effects[key] = make(len(self._effects) + 1)
            self._unanswered[effect.id] = effect
            self.loads += isinstance(effect, LoadEnvironment)
        return self._answers.get(effect.id)

    # The walk

    def _walk(self, root: Task) -> Value:
        """Evaluates a task and what it needs, depth first, on a stack of our own."""
        frames: list[Frame] = []
        result = self._enter(root, frames)
        while frames:
            frame = frames[-1]
            assert frame.steps is not None
            try:
                wanted = frame.steps.send(result)  # type: ignore[arg-type]
            except StopIteration as finished:
                frames.pop()
                result = self._leave(frame, finished.value)
            else:
                result = self._enter(wanted, frames)
        assert result is not None
        return result

    def _enter(self, task: Task, frames: list[Frame]) -> Value | None:
        """The task's value if it can be had at once; else None, with a new frame on the stack."""
        if task.state is State.DONE or task.seen == self._pass:
            return task.value
        self._steps += 1
        if self._steps > self.limits.steps:
            raise _ExhaustedError
        if task.state is State.RUNNING:
            assert isinstance(task, Cell)
            return self._cycle(task, frames[-1])
        frame = Frame(self, task)
        begun = evaluate_environment(frame) if isinstance(task, Scope) else self._begin(frame)
        if isinstance(begun, Value):
            return self._leave(frame, begun)
        task.state = State.RUNNING
        frame.steps = begun
        frames.append(frame)
        return None

    def _begin(self, frame: Frame) -> Steps | Value:
        cell = frame.cell
        expression = cell.expression
        if cell.base is not None and cell.base.is_pending:
            return cell.base
        if cell.is_overridden:
            return self._overridden(frame)
        if expression is None:
            return evaluate_object(frame) if cell is cell.scope.root else unknown(None)
        if cell.rotate_only and not self._evaluates_rotate_only(cell.scope):
            return unknown(expression, flags=ROTATE_ONLY)
        if isinstance(expression, Literal):
            return Value(expression.value, expression)
        return KINDS[type(expression)](frame)

    def _evaluates_rotate_only(self, scope: Scope) -> bool:
        # A check evaluates them too: whoever edits an environment must have access to what its rotation will use.
        return scope.is_root and self.mode != Mode.OPEN

    def _overridden(self, frame: Frame) -> Value:
        base, expression = frame.cell.base, frame.cell.expression
        assert base is not None
        if expression is not None:
            frame.diagnostics.append(expression.node.warning("cannot override final value", reasons.FINAL_VALUE))
        return base

    def _cycle(self, cell: Cell, frame: Frame) -> Value:
        assert cell.expression is not None
        frame.error(cell.expression, f"cyclic reference to {path_text(cell.path)}", reasons.CYCLIC_REFERENCE)
        return unknown(cell.expression)

    def _leave(self, frame: Frame, value: Value) -> Value:
        """Takes a frame's result: it is remembered for good if it is complete, else for this step."""
        task = frame.task
        base = task.base if isinstance(task, Cell) else None
        if base is not None:
            value = self._merged(frame, value, base)
        if value.depth > self.limits.depth or value.nodes > self.limits.value_nodes:
            value = self._too_large(frame, value)
        task.value = value
        task.seen = self._pass
        if value.is_complete and (base is None or base.is_complete):
            task.state = State.DONE
            self._found.extend(frame.diagnostics)
            frame.scope.opens.extend(frame.opens)
            frame.scope.rotations.extend(frame.rotations)
        else:
            task.state = State.WAITING
        return value

    def _merged(self, frame: Frame, value: Value, base: Value) -> Value:
        blocked: list[Value] = []
        merged = merge(value, base, blocked)
        if blocked:
            node = frame.expression.node
            frame.diagnostics.append(node.warning("cannot override final value", reasons.FINAL_VALUE))
        return merged

    def _too_large(self, frame: Frame, value: Value) -> Value:
        depth = value.depth > self.limits.depth
        summary = (
            f"the value is nested more than {self.limits.depth} levels deep"
            if depth
            else f"the value has more than {self.limits.value_nodes} parts"
        )
        node = value.definition.node if value.definition is not None else None
        found = Diagnostic(Severity.ERROR, summary, "", None, reasons.LIMIT_EXCEEDED)
        frame.diagnostics.append(node.error(summary, reasons.LIMIT_EXCEEDED) if node is not None else found)
        return unknown(value.definition)

    # The end

    def _finished(self, value: Value) -> Evaluation:
        assert self._root is not None
        opens = [record for scope in self.scopes.values() for record in scope.opens]
        imports = [identity for identity, scope in self.scopes.items() if scope is not self._root]
        return Evaluation(
            value,
            self._diagnostics(),
            tuple(opens),
            tuple(imports),
            tuple(self._root.rotations),
            context_of(self._root, self.context),
        )

    def _exhausted(self) -> Evaluation:
        summary = f"the evaluation takes more than {self.limits.steps} steps"
        self._found.append(Diagnostic(Severity.ERROR, summary, "", None, reasons.LIMIT_EXCEEDED))
        return Evaluation(unknown(None), self._diagnostics())

    def _diagnostics(self) -> Diagnostics:
        declared = [diagnostic for scope in self.scopes.values() for diagnostic in scope.diagnostics]
        return in_order([*declared, *self._found])
