"""The evaluator: a pure, resumable walk over an environment.

`step` walks as far as it can and returns what it needs, or the result. The same definition with the same answers always
gives the same result, in whatever order the answers come. It does no I/O and holds no lock; one evaluator serves one
evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from esc_operator.evaluation.context import check_context, context_of
from esc_operator.evaluation.effects import LoadEnvironment
from esc_operator.evaluation.opens import Opens
from esc_operator.evaluation.results import Batch, Evaluation, Mode, OpenRecord, Rotation
from esc_operator.evaluation.tasks import Edge, Scope
from esc_operator.evaluation.values import Value, unknown
from esc_operator.evaluation.walk import Walk
from esc_operator.lang.budget import Budget
from esc_operator.lang.diagnostics import Diagnostic, Failed, in_order
from esc_operator.lang.limits import DEFAULT_LIMITS, Limits
from esc_operator.lang.spelling import Speller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from esc_operator.evaluation.answers import Answer
    from esc_operator.evaluation.effects import Effect
    from esc_operator.evaluation.tasks import Found
    from esc_operator.lang.declarations import Environment

_A = TypeVar("_A")


class Evaluator:
    """One evaluation of one environment.

    `name` is the environment's identity, which takes part in import cycles and in `${context}`. `context` is what the
    host adds to `${context}`. `rotate_paths` are the value paths (`a.b`) of the rotators to rotate, all of them if
    empty. `qualify(name, importer)` makes an import's name absolute, where names depend on who imports.
    `place_of(name)` says where an environment is: those of one place may import each other, and may import the same of
    all others; without it all are in one place. With `show_secrets` a check decrypts. `budget` is what is left for it,
    where parsing has been paid from the same; else `limits` say how much there is. Raises ValueError for a context with
    a reserved key.
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
        self.mode: Final = mode
        self.budget: Final = budget or Budget(limits)
        self.limits: Final = self.budget.limits
        self.context: Final[Mapping[str, Any]] = context or {}
        self.decrypts: Final = mode != Mode.CHECK or show_secrets
        self.qualify: Final = qualify
        self.place_of: Final = place_of
        self.rotate_paths: Final = frozenset(f"values.{path}" for path in rotate_paths)
        self.scopes: Final[dict[str, Scope]] = {}
        self.reached: Final[dict[Edge, Scope]] = {}
        self._asked_for: Final[set[str]] = set()
        self.speller: Final = Speller()
        self._root: Scope | None = None
        if environment is not None and not environment.is_empty:
            self._root = self.scopes[name] = Scope(name, environment, name, importer=None)
        self._walk: Final = Walk(self)
        self._effects: dict[object, Effect] = {}
        self._opens: Final = Opens(limits.opens, name)
        self._answers: dict[int, Answer] = {}
        self._unanswered: dict[int, Effect] = {}
        self._evaluation: Evaluation | None = None

    def step(self, answers: Mapping[int, Answer] | None = None) -> Batch | Evaluation:
        """Goes on with these answers, by the effects' ids, as far as possible.

        Returns the effects that are now needed, those still unanswered included, or the finished evaluation. Some
        answers are enough to go on with; answers to effects that were not asked for are ignored. Raises
        `SliceOverError` where the budget works in slices and this one is over: the next call goes on.
        """
        for number, answer in (answers or {}).items():
            if self._unanswered.pop(number, None) is not None:
                self._answers[number] = answer
        if self._evaluation is None:
            result = self._go_on()
            if isinstance(result, Batch):
                return result
            self._evaluation = result
            self._release()
        return self._evaluation

    def _go_on(self) -> Batch | Evaluation:
        if self._root is None:
            return Evaluation(None)
        value = self._walk.run(self._root)
        if isinstance(value, Diagnostic):
            return self._given_up(value)
        if too_many := self._opens.too_many:
            return self._given_up(too_many)
        if self._unanswered:
            return Batch(tuple(self._unanswered.values()))
        return self._finished(self._root, value)

    def _release(self) -> None:
        """Lets go of all that is not the result, and leaves no cycle behind: nobody has to look for it."""
        for scope in self.scopes.values():
            scope.release()
        for memory in (self.scopes, self.reached, self._effects, self._answers, self._unanswered):
            memory.clear()
        self._root = None

    # What the walk asks

    @property
    def awaits_load(self) -> bool:
        """Whether an environment is still to be loaded."""
        return any(isinstance(effect, LoadEnvironment) for effect in self._unanswered.values())

    def has_asked(self, key: object) -> bool:
        return key in self._effects

    def edge(self, name: str, importer: str) -> Edge:
        """What an environment asks for by a name."""
        return Edge(self.place_of(importer), self.qualify(name, importer))

    def may_load(self, identity: str) -> bool:
        """Whether one more environment may take part, or this one has been asked for already, by whomever."""
        if identity not in self._asked_for and len(self._asked_for) >= self.limits.imports:
            return False
        self._asked_for.add(identity)
        return True

    def ask(self, key: object, make: Callable[[int], Effect], kind: type[_A]) -> _A | Failed | None:
        """The answer to the effect with this key, which is made on the first question; None while there is none."""
        if key in self._effects:
            return self.answer_to(key, kind)
        effect = self._effects[key] = make(len(self._effects) + 1)
        self._unanswered[effect.id] = effect
        self._opens.add(effect)
        return None

    def answer_to(self, key: object, kind: type[_A]) -> _A | Failed | None:
        """The answer to an effect that has been asked for.

        Raises TypeError for one of the wrong kind: a driver's bug.
        """
        effect = self._effects[key]
        answer = self._answers.get(effect.id)
        if answer is None or isinstance(answer, (kind, Failed)):
            return answer
        raise TypeError(f"{effect!r} was answered with a {type(answer).__name__}")

    def is_elsewhere(self, scope: Scope) -> bool:
        """Whether an environment is in another place than the root."""
        return self._root is not None and self.place_of(scope.identity) != self.place_of(self._root.identity)

    # The end

    def _told(self) -> Iterator[Found]:
        """What was found, and through which import of the root's own place, where none of that place has named it."""
        own = self.place_of(self._root.identity) if self._root else ""
        named = {scope.identity for edge, scope in self.reached.items() if edge.place == own}
        for scope in self.scopes.values():
            nearest = scope
            while nearest.importer is not None and nearest.identity not in named:
                nearest = nearest.importer
            yield from scope.told("" if nearest is scope else nearest.identity)

    def _finished(self, root: Scope, value: Value) -> Evaluation:
        findings = list(self._told())
        return Evaluation(
            value,
            in_order(found for found in findings if isinstance(found, Diagnostic)),
            tuple(sorted((found for found in findings if isinstance(found, OpenRecord)), key=_place)),
            tuple(sorted(identity for identity, scope in self.scopes.items() if scope is not root)),
            tuple(sorted((found for found in findings if isinstance(found, Rotation)), key=lambda found: found.path)),
            context_of(root, self.context),
        )

    def _given_up(self, exhausted: Diagnostic) -> Evaluation:
        found = [found for found in self._told() if isinstance(found, Diagnostic)]
        return Evaluation(unknown(None), (exhausted, *in_order(found)))


def _place(record: OpenRecord) -> tuple[str, str]:
    return record.environment, record.path
