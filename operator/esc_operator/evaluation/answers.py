"""What a driver answers to effects. Any effect may be answered with `Failed` instead. No repr shows a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.lang.diagnostics import Failed
from esc_operator.schema import ALWAYS, Schema

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.lang.declarations import Environment
    from esc_operator.lang.diagnostics import Diagnostics


class Lease(NamedTuple):
    """How long something opened is good for; both times aware, in UTC."""

    issued_at: datetime
    expires_at: datetime


class Secret(NamedTuple):
    """Marks a part of an answer as secret, where the whole is not."""

    value: Any

    def __repr__(self) -> str:
        return "Secret()"


class Loaded(NamedTuple):
    """A parsed environment with the findings of its parser, exactly as `lang.parse_text` returned them.

    `name` is the environment's own full name, where the import's name may have led to another one than it says.
    """

    environment: Environment | None
    diagnostics: Diagnostics = ()
    name: str = ""


class Described(NamedTuple):
    """The schemas of a provider or rotator; `state` is a rotator's alone."""

    inputs: Schema = ALWAYS
    outputs: Schema = ALWAYS
    state: Schema = ALWAYS


class Login(NamedTuple):
    """As whom a provider logs in: `role` as its inputs name it (for AWS an ARN), with a token for that `audience`.

    `gives_token`: the identity token itself is given out, or goes to whom the inputs name. Nothing holds that to the
    role: whoever has it can log in wherever its audience is taken.
    """

    role: str
    audience: str
    gives_token: bool


UNKNOWN_LOGIN = Login("", "", gives_token=True)
"""What is known of a plug-in that does not tell as whom it logs in."""


class Opened(NamedTuple):
    """A provider's outputs: JSON-like Python data, in which `Secret` marks secret parts and a `Value` stands for
    itself.

    With `secret` (the default) all of it is secret. `lease` is None for what does not expire, `login` where no identity
    was presented to anybody, and UNKNOWN_LOGIN where that is not known.
    """

    value: Any
    lease: Lease | None = None
    secret: bool = True
    login: Login | None = None

    def __repr__(self) -> str:
        return f"Opened(lease={self.lease!r}, secret={self.secret!r})"


class Rotated(NamedTuple):
    """A rotator's new state, to be written back and used from now on; data as in `Opened`."""

    state: Any
    secret: bool = True

    def __repr__(self) -> str:
        return f"Rotated(secret={self.secret!r})"


class Decrypted(NamedTuple):
    """A secret's plaintext."""

    plaintext: str | bytes

    def __repr__(self) -> str:
        return "Decrypted()"


Answer = Loaded | Described | Opened | Rotated | Decrypted | Failed
