"""The evaluator: a pure, resumable walk over an environment.

`step` walks as far as it can and returns its effects, or the result. The same definition with the same answers always
gives the same result, in any order of the answers.  It does no I/O and holds no lock; one evaluator serves one
evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from esc_operator.evaluation.context import check_context, context_of
from esc_operator.evaluation.results import Batch, Evaluation, Mode, OpenRecord, Rotation
from esc_operator.evaluation.state import EvaluationState, Options
from esc_operator.evaluation.values import Value, unknown
from esc_operator.evaluation.walk import Walk
from esc_operator.lang.access import parse_access
from esc_operator.lang.budget import Budget
from esc_operator.lang.diagnostics import Diagnostic, in_order
from esc_operator.lang.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from esc_operator.evaluation.answers import Answer
    from esc_operator.evaluation.tasks import Scope
    from esc_operator.lang.declarations import Environment


class Evaluator:
    """One evaluation of one environment.

    `name` is the environment's identity, which takes part in import cycles and in `${context}`. `context` is what the
    host adds to `${context}`. `rotate_paths` are the property paths (`a.b`, `a["b"]`) of the rotators to rotate, all of
    them if empty. `qualify(name, importer)` makes an import's name absolute, where names depend on who imports.
    `place_of(name)` says where an environment is: environments of one place may import each other, and have the same
    rights to import from other places; by default all are in one place. With `show_secrets` a check decrypts. `budget`
    is the budget from which parsing was paid; by default a new one with these `limits`. Raises ValueError for a context
    with a reserved key.
    """

    def __init__(  # noqa: PLR0913  (each is an option of its own, and all but two have a default)
        self,
        environment: Environment | None,
        *,
        name: str,
        mode: Mode,
        context: Mapping[str, Any] | None = None,
        show_secrets: bool = False,
        rotate_paths: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        budget: Budget | None = None,
        qualify: Callable[[str, str], str] = lambda name, importer: name,
        place_of: Callable[[str], str] = lambda name: "",
    ) -> None:
        check_context(context or {})
        options = Options(
            mode=mode,
            context=context or {},
            decrypts=mode != Mode.CHECK or show_secrets,
            rotate_paths=frozenset(map(_keys_of, rotate_paths)),
            qualify=qualify,
            place_of=place_of,
        )
        self._state: Final = EvaluationState(environment, name, options, budget or Budget(limits))
        self._walk: Final = Walk(self._state)
        self._evaluation: Evaluation | None = None

    def step(self, answers: Mapping[int, Answer] | None = None) -> Batch | Evaluation:
        """Continues with these answers, by the effects' ids, as far as possible.

        Returns the effects that are now needed, those still unanswered included, or the finished evaluation. Some
        answers are enough to go on with; answers to effects that were not asked for are ignored. Raises
        `SliceOverError` where the budget works in slices and this one is over: the next call goes on.
        """
        self._state.take(answers or {})
        if self._evaluation is None:
            result = self._go_on()
            if isinstance(result, Batch):
                return result
            self._evaluation = result
            self._state.release()
        return self._evaluation

    def _go_on(self) -> Batch | Evaluation:
        state = self._state
        if state.root is None:
            return Evaluation(None)
        value = self._walk.run(state.root)
        if isinstance(value, Diagnostic):
            return self._given_up(value)
        if too_many := state.opens.too_many:
            return self._given_up(too_many)
        if effects := state.unanswered:
            return Batch(effects)
        return self._finished(state.root, value)

    def _finished(self, root: Scope, value: Value) -> Evaluation:
        findings = list(self._state.findings())
        return Evaluation(
            value,
            in_order(found for found in findings if isinstance(found, Diagnostic)),
            tuple(sorted((found for found in findings if isinstance(found, OpenRecord)), key=_place)),
            tuple(sorted(identity for identity, scope in self._state.scopes.items() if scope is not root)),
            tuple(sorted((found for found in findings if isinstance(found, Rotation)), key=lambda found: found.path)),
            context_of(root, self._state.options.context),
        )

    def _given_up(self, exhausted: Diagnostic) -> Evaluation:
        found = [found for found in self._state.findings() if isinstance(found, Diagnostic)]
        return Evaluation(unknown(None), (exhausted, *in_order(found)))


def _place(record: OpenRecord) -> tuple[str, str]:
    return record.environment, record.path


def _keys_of(path: str) -> tuple[str | int, ...]:
    """The keys of a property path, below `values`. A text that is not a path matches no rotator."""
    keys, _ = parse_access(path)
    return (path,) if keys is None else keys
