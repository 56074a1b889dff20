"""What an evaluation needs from outside: effects, as data.

The evaluator returns them in batches and never carries one out. A driver performs a batch in any order, concurrently if
it likes, and answers each effect by its `id`. Effects compare by identity, and their reprs show names and places but no
inputs.
"""

from dataclasses import dataclass, field
from typing import Any

from esc_operator.evaluation.values import Value


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """Anything that has to be answered; `id` is unique within its evaluation."""

    id: int


@dataclass(frozen=True, slots=True, eq=False)
class LoadEnvironment(Effect):
    """Load and parse the environment that `importer` calls `name`. Answer: `Loaded`.

    `identity` is the name made absolute (see `Evaluator`); an environment is loaded once an evaluation, whoever asks.
    """

    name: str
    importer: str
    identity: str


@dataclass(frozen=True, slots=True, eq=False)
class FindProvider(Effect):
    """Find the provider of this name and say what it takes and gives. Answer: `Described`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class FindRotator(Effect):
    """Find the rotator of this name and say what it takes, keeps and gives. Answer: `Described`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class _ProviderCall(Effect):
    """A call with inputs that match the provider's schema.

    `environment` is the one that holds the call, `root_environment` the one that was asked for, `path` the call's
    document path.
    """

    provider: str
    environment: str
    root_environment: str
    path: str
    value: Value = field(repr=False)

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs as plain data, secrets revealed; a rotate-only input that was not evaluated is the text
        `[unknown]`.
        """
        inputs: dict[str, Any] = self.value.reveal()
        return inputs


@dataclass(frozen=True, slots=True, eq=False, repr=True)
class OpenProvider(_ProviderCall):
    """Open the provider. Answer: `Opened`."""


@dataclass(frozen=True, slots=True, eq=False)
class _RotatorCall(_ProviderCall):
    """A rotator's call; `state_value` is what the last rotation left, null before the first."""

    state_value: Value = field(repr=False)

    @property
    def state(self) -> dict[str, Any] | None:
        state: dict[str, Any] | None = self.state_value.reveal()
        return state


@dataclass(frozen=True, slots=True, eq=False)
class OpenRotator(_RotatorCall):
    """Turn a rotator's state into its outputs. Answer: `Opened`."""


@dataclass(frozen=True, slots=True, eq=False)
class RotateState(_RotatorCall):
    """Make a new secret, keeping the current one alive. Answer: `Rotated`."""


@dataclass(frozen=True, slots=True, eq=False)
class Decrypt(Effect):
    """Decrypt a secret at rest of the environment with this identity. Answer: `Decrypted`."""

    environment: str
    ciphertext: bytes = field(repr=False)
