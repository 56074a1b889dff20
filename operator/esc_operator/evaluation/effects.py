"""Effects: an evaluation's requests to the outside, as data.

The evaluator returns them in batches and never performs one. A driver performs a batch in any order, possibly
concurrently, and answers each effect by its `id`, which is unique within its evaluation. Reprs show names and places,
no inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from esc_operator.evaluation.values import Value


class LoadEnvironment(NamedTuple):
    """Load and parse the environment that `name` means in `importer`, if it may import it. Answer: `Loaded`.

    `identity` is the absolute name (see `Evaluator`). Each importing place gets its own answer; of several answers with
    one environment the first is evaluated.
    """

    id: int
    name: str
    importer: str
    identity: str


class FindProvider(NamedTuple):
    """Find the provider of this name and its schemas. Answer: `Described`."""

    id: int
    name: str


class FindRotator(NamedTuple):
    """Find the rotator of this name and its schemas. Answer: `Described`."""

    id: int
    name: str


class OpenProvider(NamedTuple):
    """Open the provider. Answer: `Opened`.

    The inputs (`value`) match the provider's schema. `environment` is the one that holds the call, `root_environment`
    the requested one, `path` the call's document path.
    """

    id: int
    provider: str
    environment: str
    root_environment: str
    path: str
    value: Value

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs as plain data, secrets revealed."""
        return _object(self.value)


class OpenRotator(NamedTuple):
    """Turn a rotator's state into its outputs.

    Answer: `Opened`. The fields are those of `OpenProvider` and the state.
    """

    id: int
    provider: str
    environment: str
    root_environment: str
    path: str
    value: Value
    state_value: Value

    @property
    def inputs(self) -> dict[str, Any]:
        """As in `OpenProvider`; a rotate-only input that was not evaluated is the text `[unknown]`."""
        return _object(self.value)

    @property
    def state(self) -> dict[str, Any] | None:
        """What the last rotation left; None before the first."""
        return _object(self.state_value) if self.state_value.is_object else None


class RotateState(NamedTuple):
    """Make a new secret, keeping the current one alive. Answer: `Rotated`. The fields are those of `OpenRotator`."""

    id: int
    provider: str
    environment: str
    root_environment: str
    path: str
    value: Value
    state_value: Value

    @property
    def inputs(self) -> dict[str, Any]:
        """As in `OpenProvider`."""
        return _object(self.value)

    @property
    def state(self) -> dict[str, Any] | None:
        """What the last rotation left; None before the first."""
        return _object(self.state_value) if self.state_value.is_object else None


class OpenEnvironment(NamedTuple):
    """Open an environment that a service holds and evaluates; see `lang.declarations.Environment.service`. Answer:
    `Opened`, whose value is a `Value`, an object. `path` is where diagnostics about it point to."""

    id: int
    service: str
    environment: str
    path: str


class Decrypt(NamedTuple):
    """Decrypt a secret at rest of the environment with this identity. Answer: `Decrypted`."""

    id: int
    environment: str
    ciphertext: bytes

    def __repr__(self) -> str:
        return f"Decrypt(id={self.id}, environment={self.environment!r})"


Effect = (
    LoadEnvironment | FindProvider | FindRotator | OpenProvider | OpenRotator | RotateState | OpenEnvironment | Decrypt
)
"""Anything that has to be answered."""


def _object(value: Value) -> dict[str, Any]:
    revealed: dict[str, Any] = value.reveal()
    return revealed
