"""Servers that answer with rows and errors as the clients' libraries raise them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from esc_operator.providers.databases.engine import Change
    from esc_operator.providers.port import Stream


class PostgresServer:
    """A PostgreSQL with some roles, in place of pg8000's session; it is its own connection. `error` is raised by the
    statement with these `words`, or if there are none by the connection."""

    def __init__(
        self, *, error: BaseException | None = None, words: str = "", roles: dict[str, bool] | None = None
    ) -> None:
        self.error = error
        self.words = words
        self.roles = {"app1": True, "app2": True} if roles is None else roles
        self.encryption = "scram-sha-256"
        self.statements: list[str] = []
        self.changes: list[Change] = []
        self.is_closed = False

    def connect(self, _: Stream, change: Change) -> Self:
        self.changes.append(change)
        self._fail("")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True

    def run(self, statement: str, **parameters: Any) -> list[list[Any]]:
        self.statements.append(statement)
        self._fail(statement)
        if "pg_roles" in statement:
            return [[self.roles[parameters["name"]]]] if parameters["name"] in self.roles else []
        return [[self.encryption]] if statement.startswith("SHOW") else []

    def _fail(self, statement: str) -> None:
        if self.error is not None and (self.words in statement if self.words else not statement):
            raise self.error


class MySqlServer:
    """A MySQL, in place of pymysql's session and cursor. `error` is raised by the statement, or with `connects` by the
    connection."""

    def __init__(self, *, error: BaseException | None = None, connects: bool = True) -> None:
        self.error = error
        self.connects = connects
        self.executed: list[tuple[str, tuple[str, ...]]] = []
        self.changes: list[Change] = []
        self.closed = 0

    def connect(self, _: Stream, change: Change) -> Self:
        self.changes.append(change)
        if self.error is not None and not self.connects:
            raise self.error
        return self

    def cursor(self) -> Self:
        return self

    def close(self) -> None:
        self.closed += 1

    def execute(self, statement: str, arguments: tuple[str, ...]) -> int:
        self.executed.append((statement, arguments))
        if self.error is not None:
            raise self.error
        return 0
