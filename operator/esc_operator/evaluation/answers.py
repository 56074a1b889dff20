"""What a driver answers to effects. Any effect may be answered with `Failed` instead. No repr shows a secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from esc_operator.lang.declarations import Environment
from esc_operator.lang.diagnostics import Diagnostics, Failed
from esc_operator.schema import ALWAYS, Schema


@dataclass(frozen=True, slots=True)
class Lease:
    """How long something opened is good for; both times aware, in UTC."""

    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Secret:
    """Marks a part of an answer as secret, where the whole is not."""

    value: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A parsed environment with the findings of its parser, exactly as `lang.parse_text` returned them."""

    environment: Environment | None
    diagnostics: Diagnostics = ()


@dataclass(frozen=True, slots=True)
class Described:
    """The schemas of a provider or rotator; `state` is a rotator's alone."""

    inputs: Schema = ALWAYS
    outputs: Schema = ALWAYS
    state: Schema = ALWAYS


@dataclass(frozen=True, slots=True)
class Opened:
    """A provider's outputs: JSON-like Python data, in which `Secret` marks secret parts and a `Value` stands for
    itself.

    With `secret` (the default) all of it is secret. `lease` is None for what does not expire.
    """

    value: Any = field(repr=False)
    lease: Lease | None = None
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Rotated:
    """A rotator's new state, to be written back and used from now on; data as in `Opened`."""

    state: Mapping[str, Any] | Any = field(repr=False)
    secret: bool = True


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A secret's plaintext."""

    plaintext: str | bytes = field(repr=False)


Answer = Loaded | Described | Opened | Rotated | Decrypted | Failed
