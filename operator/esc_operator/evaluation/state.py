"""The shared state of one evaluation: its options, its budget, its environments, and its effects.

The evaluator passes it to the walk, which passes it to each frame, and clauses use it; it knows none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from esc_operator.evaluation.effects import LoadEnvironment
from esc_operator.evaluation.opens import Opens
from esc_operator.evaluation.tasks import Edge, Scope
from esc_operator.formats.spelling import Speller
from esc_operator.lang.diagnostics import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from esc_operator.evaluation.answers import Answer
    from esc_operator.evaluation.effects import Effect
    from esc_operator.evaluation.results import Mode
    from esc_operator.evaluation.tasks import Found
    from esc_operator.lang.budget import Budget
    from esc_operator.lang.declarations import Environment
    from esc_operator.lang.limits import Limits
    from esc_operator.schema import Schema

_A = TypeVar("_A")


class Options(NamedTuple):
    """The options of an evaluation; see `Evaluator`.  `rotate_paths` are keys below `values`, `decrypts` says whether
    secrets at rest are decrypted."""

    mode: Mode
    context: Mapping[str, Any]
    decrypts: bool
    rotate_paths: frozenset[tuple[str | int, ...]]
    qualify: Callable[[str, str], str]
    place_of: Callable[[str], str]


class EvaluationState:
    """Belongs to one evaluation. `scopes`: its environments by identity; `reached`: the same by the edges that were
    found to lead to them; `root` is None where there is nothing to evaluate, and at the end. `outputs`: what
    providers and rotators declare to output, by name.
    """

    __slots__ = (
        "_answers",
        "_asked_for",
        "_effects",
        "_unanswered",
        "budget",
        "limits",
        "mode",
        "opens",
        "options",
        "outputs",
        "place_of",
        "reached",
        "root",
        "scopes",
        "speller",
    )

    def __init__(self, environment: Environment | None, name: str, options: Options, budget: Budget) -> None:
        self.options: Final = options
        self.mode: Final = options.mode
        self.place_of: Final = options.place_of
        self.budget: Final = budget
        self.limits: Final[Limits] = budget.limits
        self.scopes: Final[dict[str, Scope]] = {}
        self.reached: Final[dict[Edge, Scope]] = {}
        self.speller: Final = Speller()
        self.outputs: Final[dict[str, Schema]] = {}
        self.opens: Final = Opens(budget.limits.opens, name)
        self.root: Scope | None = None
        if environment is not None and not environment.is_empty:
            self.root = self.scopes[name] = Scope(name, environment, name, importer=None)
        self._asked_for: Final[set[str]] = set()
        self._effects: Final[dict[object, Effect]] = {}
        self._answers: Final[dict[int, Answer]] = {}
        self._unanswered: Final[dict[int, Effect]] = {}

    def release(self) -> None:
        """Releases everything but the result, and leaves no reference cycles for the collector."""
        for scope in self.scopes.values():
            scope.release()
        for memory in (self.scopes, self.reached, self._effects, self._answers, self._unanswered):
            memory.clear()
        self.root = None

    # Effects

    @property
    def unanswered(self) -> tuple[Effect, ...]:
        return tuple(self._unanswered.values())

    @property
    def awaits_load(self) -> bool:
        """Whether an environment has yet to be loaded."""
        return any(isinstance(effect, LoadEnvironment) for effect in self._unanswered.values())

    def has_asked(self, key: object) -> bool:
        return key in self._effects

    def ask(self, key: object, make: Callable[[int], Effect], kind: type[_A]) -> _A | Failed | None:
        """The answer to the effect with this key, which the first call creates; None while there is no answer."""
        if key in self._effects:
            return self.answer_to(key, kind)
        effect = self._effects[key] = make(len(self._effects) + 1)
        self._unanswered[effect.id] = effect
        self.opens.add(effect)
        return None

    def answer_to(self, key: object, kind: type[_A]) -> _A | Failed | None:
        """The answer to an existing effect.

        Raises TypeError for one of the wrong kind: a driver's bug.
        """
        effect = self._effects[key]
        answer = self._answers.get(effect.id)
        if answer is None or isinstance(answer, (kind, Failed)):
            return answer
        raise TypeError(f"{effect!r} was answered with a {type(answer).__name__}")

    def take(self, answers: Mapping[int, Answer]) -> None:
        """Takes answers by the effects' ids; those to effects that were not asked for are ignored."""
        for number, answer in answers.items():
            if self._unanswered.pop(number, None) is not None:
                self._answers[number] = answer

    # Environments

    def edge(self, name: str, importer: str) -> Edge:
        """The edge from an importer to a name."""
        return Edge(self.place_of(importer), self.options.qualify(name, importer))

    def may_load(self, identity: str) -> bool:
        """Whether one more environment may take part, or this one is already loaded for any importer."""
        if identity not in self._asked_for and len(self._asked_for) >= self.limits.imports:
            return False
        self._asked_for.add(identity)
        return True

    def is_elsewhere(self, scope: Scope) -> bool:
        """Whether an environment is in another place than the root."""
        return self.root is not None and self.place_of(scope.identity) != self.place_of(self.root.identity)

    def findings(self) -> Iterator[Found]:
        """What was found, and through which import of the root's own place, where none of that place has named it."""
        own = self.place_of(self.root.identity) if self.root else ""
        named = {scope.identity for edge, scope in self.reached.items() if edge.place == own}
        for scope in self.scopes.values():
            nearest = scope
            while nearest.importer is not None and nearest.identity not in named:
                nearest = nearest.importer
            yield from scope.findings_through("" if nearest is scope else nearest.identity)
