"""The result of a step: the needed effects, or the finished evaluation."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Hashable

    from esc_operator.evaluation.answers import Lease, Login, ReadVersion
    from esc_operator.evaluation.effects import Effect
    from esc_operator.evaluation.values import Value
    from esc_operator.lang.diagnostics import Diagnostics


class Mode(StrEnum):
    """CHECK opens nothing and decrypts nothing; OPEN does both; ROTATE makes new secrets first."""

    CHECK = "check"
    OPEN = "open"
    ROTATE = "rotate"


class Batch(NamedTuple):
    """Effects that are independent of each other; the evaluation continues once some of them are answered."""

    effects: tuple[Effect, ...]


class OpenRecord(NamedTuple):
    """Something that was opened: the call's document path, its environment, the provider's name, the lease if it has
    one, and the login if it made one. `hides_login`: the login is not shown, because its inputs hold a secret or the
    provider does not report it. `organization` has the environment that was opened, in a service where environments
    belong to one; "" for none. `grant` is that of the answer (`Opened`). `versions` says what was read; of an input
    that is secret in any part it has only the path.
    """

    path: str
    environment: str
    provider: str
    lease: Lease | None
    login: Login | None = None
    hides_login: bool = False
    organization: str = ""
    grant: Hashable | None = None
    versions: tuple[ReadVersion, ...] = ()


class RotationStatus(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    NOT_EVALUATED = "not_evaluated"


class Patch(NamedTuple):
    """A new state to be written into the definition: the document path it belongs at, and its value."""

    path: str
    replacement: Value


class Rotation(NamedTuple):
    """The result of one rotation; `path` is the call's document path."""

    path: str
    status: RotationStatus
    patch: Patch | None = None


class Evaluation(NamedTuple):
    """A finished evaluation.

    `value` is an object, an unknown where a limit was exceeded, or None where the definition has neither values nor
    imports. `diagnostics` are in display order and do not repeat what the parser of the root already said. `opens`,
    `imports` (identities) and `rotations` are sorted by name and path.
    """

    value: Value | None
    diagnostics: Diagnostics = ()
    opens: tuple[OpenRecord, ...] = ()
    imports: tuple[str, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    context: Value | None = None

    @property
    def ok(self) -> bool:
        """Whether there is no error among the diagnostics."""
        return not any(diagnostic.is_error for diagnostic in self.diagnostics)

    @property
    def patches(self) -> tuple[Patch, ...]:
        """The new states of all rotations that succeeded."""
        return tuple(rotation.patch for rotation in self.rotations if rotation.patch is not None)
