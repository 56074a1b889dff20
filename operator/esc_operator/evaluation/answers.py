"""A driver's answers to effects. Any effect may be answered with `Failed` instead. No repr shows a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from esc_operator.lang.diagnostics import Failed
from esc_operator.schema import ALWAYS, Schema

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from datetime import datetime

    from esc_operator.evaluation.values import Value
    from esc_operator.lang.declarations import Environment
    from esc_operator.lang.diagnostics import Diagnostics


class Lease(NamedTuple):
    """The validity of something opened; all times aware, in UTC.

    `made_at` is when the values were made, if this is a renewal of their lease; None: when this one was issued.
    """

    issued_at: datetime
    expires_at: datetime
    made_at: datetime | None = None


class Secret(NamedTuple):
    """Marks a part of an answer as secret if the whole is not."""

    value: Any

    def __repr__(self) -> str:
        return "Secret()"


class Loaded(NamedTuple):
    """A parsed environment with the findings of its parser, exactly as `lang.parse_text` returned them.

    `name` is the environment's own full name; an import's name may mean another one than it says.
    """

    environment: Environment | None
    diagnostics: Diagnostics = ()
    name: str = ""


class Unseen:
    """In place of a part of inputs at which a provider may not look: it is not known yet, or it is a secret."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNSEEN"


UNSEEN: Final = Unseen()


class InputProblem(NamedTuple):
    """Why inputs that match the schema cannot be used: the keys that lead to the part to blame, a message for people,
    and a reason."""

    path: tuple[str, ...]
    message: str
    reason: str


def _no_problems(inputs: Value) -> Sequence[InputProblem]:
    del inputs
    return ()


class Described(NamedTuple):
    """The schemas of a provider or rotator; `state` is a rotator's alone. `problems`: what is wrong with inputs that
    match the schema, as far as they are known, from the inputs alone; it raises nothing, and quotes no secret."""

    inputs: Schema = ALWAYS
    outputs: Schema = ALWAYS
    state: Schema = ALWAYS
    problems: Callable[[Value], Sequence[InputProblem]] = _no_problems


class Login(NamedTuple):
    """The login of a provider: `role` as its inputs name it (for AWS an ARN), with a token for that `audience`.

    `gives_token`: the identity token itself is output, or sent to a host that the inputs name. The role does not limit
    its holder, who can log in wherever its audience is accepted.
    """

    role: str
    audience: str
    gives_token: bool


UNKNOWN_LOGIN = Login("", "", gives_token=True)
"""The login of a plug-in that does not report it."""


class ReadVersion(NamedTuple):
    """Which version of a secret was read, and never its value. `path` are the keys of the input that asked for it,
    `name` is the secret's as its store has it, `note` what else a reader of the values has to know, such as base64."""

    path: tuple[str, ...]
    name: str
    version: str
    note: str = ""


class Opened(NamedTuple):
    """A provider's outputs: JSON-like Python data, in which `Secret` marks secret parts and a `Value` stands for
    itself.

    With `secret` (the default) all of it is secret. `lease` is None if it does not expire, `login` if no identity was
    presented, and UNKNOWN_LOGIN where that is not known. `renewal` is what its provider needs to renew or revoke it
    (`providers.port.Renews`), None if that is not possible. `grant` is the driver's own: what was opened, for later.
    `organization` has the environment that was opened, in a service where environments belong to one; "" for none.
    `versions` says which version of what was read.
    """

    value: Any
    lease: Lease | None = None
    secret: bool = True
    login: Login | None = None
    renewal: Any = None
    grant: Hashable | None = None
    organization: str = ""
    versions: tuple[ReadVersion, ...] = ()

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
