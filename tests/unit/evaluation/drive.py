"""Drives evaluations in tests: a world of environments and providers that answers effects, and remembers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from esc_operator.evaluation import (
    Answer,
    Batch,
    Decrypt,
    Decrypted,
    Described,
    Effect,
    Evaluation,
    Evaluator,
    Failed,
    FindProvider,
    FindRotator,
    Loaded,
    LoadEnvironment,
    Mode,
    Opened,
    OpenEnvironment,
    OpenProvider,
    OpenRotator,
    Rotated,
    RotateState,
)
from esc_operator.lang import DEFAULT_LIMITS, Limits, parse_text
from esc_operator.lang.document import service_environment
from esc_operator.lang.envelope import seal_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Provider = tuple[Described, "Callable[[OpenProvider], Answer]"]
Rotator = tuple[Described, "Callable[[OpenRotator], Answer]", "Callable[[RotateState], Answer]"]


def echo(effect: OpenProvider) -> Answer:
    """A provider that gives back its inputs, nothing of it secret that was not."""
    return Opened(effect.value, secret=False)


def cipher(data: bytes) -> bytes:
    """A cipher that is its own inverse."""
    return bytes((byte + 128) % 256 for byte in data)


def sealed(plaintext: str) -> str:
    """The envelope of a secret."""
    return seal_envelope(cipher(plaintext.encode()))


class World:
    """What is outside. `environments` are texts by name, `services` the answers for those that a service holds; `asked`
    is every effect that was answered, in order."""

    def __init__(
        self,
        environments: Mapping[str, str] | None = None,
        providers: Mapping[str, Provider] | None = None,
        rotators: Mapping[str, Rotator] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        services: Mapping[str, Answer] | None = None,
    ) -> None:
        self.environments = dict(environments or {})
        self.services = dict(services or {})
        self.providers = {"echo": (Described(), echo), **(providers or {})}
        self.rotators = dict(rotators or {})
        self.limits = limits
        self.asked: list[Effect] = []

    def answer(self, effect: Effect) -> Answer:  # noqa: PLR0911 - one for each effect
        self.asked.append(effect)
        match effect:
            case LoadEnvironment():
                return self._load(effect.name)
            case FindProvider() | FindRotator():
                known: Any = self.providers if isinstance(effect, FindProvider) else self.rotators
                return known[effect.name][0] if effect.name in known else Failed(f'unknown provider "{effect.name}"')
            case OpenProvider():
                return self.providers[effect.provider][1](effect)
            case OpenRotator():
                return self.rotators[effect.provider][1](effect)
            case OpenEnvironment():
                return self.services[effect.environment]
            case RotateState():
                return self.rotators[effect.provider][2](effect)
            case Decrypt():
                return Decrypted(cipher(effect.ciphertext))

    def _load(self, name: str) -> Answer:
        if name in self.services:
            return Loaded(service_environment(name, "spec.from", "cloud"), (), name)
        if name not in self.environments:
            return Failed(f"no environment {name}", "NotFound")
        return Loaded(*parse_text(name, self.environments[name], self.limits))

    def asked_for(self, kind: type[Effect]) -> list[Any]:
        return [effect for effect in self.asked if isinstance(effect, kind)]


def all_at_once(effects: Sequence[Effect]) -> Sequence[Effect]:
    return effects


def last_first(effects: Sequence[Effect]) -> Sequence[Effect]:
    return effects[-1:]


def first_first(effects: Sequence[Effect]) -> Sequence[Effect]:
    return effects[:1]


def drive(
    evaluator: Evaluator,
    world: World,
    choose: Callable[[Sequence[Effect]], Sequence[Effect]] = all_at_once,
) -> Evaluation:
    """Answers what `choose` picks of each batch until the evaluation is finished."""
    result = evaluator.step()
    while isinstance(result, Batch):
        result = evaluator.step({effect.id: world.answer(effect) for effect in choose(result.effects)})
    return result


def evaluate(
    text: str, world: World | None = None, *, name: str = "root", mode: Mode = Mode.OPEN, **options: Any
) -> Evaluation:
    """Parses and evaluates; the parser must have nothing to say."""
    limits = options.get("limits", DEFAULT_LIMITS)
    environment, diagnostics = parse_text(name, text, limits)
    assert not diagnostics, diagnostics
    return drive(Evaluator(environment, name=name, mode=mode, **options), world or World())


def revealed(evaluation: Evaluation) -> Any:
    """The plain data of an evaluation without errors."""
    assert evaluation.ok, evaluation.diagnostics
    assert evaluation.value is not None
    return evaluation.value.reveal()


def summaries(evaluation: Evaluation) -> list[str]:
    return [diagnostic.summary for diagnostic in evaluation.diagnostics]


def rotated(state: Any) -> Rotated:
    return Rotated(state, secret=False)
