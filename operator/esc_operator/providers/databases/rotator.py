"""The rotator of all databases: two users, of which one is in use while the other one's password changes.

Inputs, state and outputs are those of Pulumi ESC. A rotation gives the user that is not in use a new password, and that
becomes the current one. A password is replaced and not added, so the new one is stored as `pending` before the database
gets it, and an interrupted rotation is done again with the same one: at no moment is a user's password known to nobody,
and the current one works all the while.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Opened, Rotated
from esc_operator.providers.databases.engine import Change
from esc_operator.providers.databases.inputs import INPUTS, STATE, USERS, Credentials, parse_server, problems
from esc_operator.providers.login_inputs import refuse
from esc_operator.providers.rotating import next_state, not_rotated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from esc_operator.evaluation import InputProblem, Login
    from esc_operator.providers.databases.engine import Engine
    from esc_operator.providers.port import OpenContext


def new_password() -> str:
    """256 bits, in signs that need no quoting in a URL or a shell."""
    return secrets.token_urlsafe(32)


class DatabaseRotator:
    """The rotator of one kind of database. `make_password` makes a new password."""

    host_inputs: ClassVar[tuple[str, ...]] = ("database.host", "database.port")
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    state: ClassVar[Mapping[str, Any]] = STATE
    outputs: ClassVar[Mapping[str, Any]] = USERS

    def __init__(self, engine: Engine, make_password: Callable[[], str] = new_password) -> None:
        self.name = engine.name
        self._engine = engine
        self._make_password = make_password

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        return problems(inputs, self._engine.longest_name)

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        refuse(self.problems(inputs))
        return str(parse_server(inputs))

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it logs in as the managing user."""
        return None

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        if not state or "current" not in state:
            raise not_rotated("password")
        return Opened({name: state[name] for name in USERS["properties"] if name in state}, lease=None, secret=True)

    def intend(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None) -> Mapping[str, Any]:
        refuse(self.problems(inputs))
        known = dict(state or {})
        user = _next_user(inputs["rotateUsers"], known)
        if (known.get("pending") or {}).get("username") == user:
            return known
        return {**known, "pending": {"username": user, "password": self._make_password()}}

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        intended = self.intend(inputs, state)
        pending, managing = intended["pending"], inputs["database"]["managingUser"]
        server = parse_server(inputs)
        change = Change(self._engine.product, server, Credentials(**managing), Credentials(**pending))
        place = f"{self._engine.name}://{server}"
        refused = await context.run_stream(place, lambda stream: self._engine.change(stream, change))
        # Raised here and not in the pool's thread: the traceback must not contain a frame that holds a password.
        if refused is not None:
            raise refused
        return Rotated(next_state(intended, pending), secret=True)


def _next_user(users: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    """The user that is not in use."""
    in_use = (state.get("current") or {}).get("username")
    return str(users["username2"] if in_use == users["username1"] else users["username1"])
