"""`fn::rotate::mysql`: the passwords of two users of a MySQL or a MariaDB, changed by turns.

An account there is a user and the hosts that it may connect from. As in Pulumi ESC, the ones that are changed are those
for any host: `'name'@'%'`.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.providers.databases import reasons
from esc_operator.providers.databases.engine import (
    Change,
    Rule,
    advise_connections,
    advise_database,
    advise_entry,
    advise_login,
    advise_outage,
    advise_policy,
    advise_read_only,
    advise_user,
    explain,
    explain_cause,
    malformed,
    needs,
    no_tls,
    tls_of,
)
from esc_operator.providers.databases.rotator import DatabaseRotator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from esc_operator.errors import ProviderError
    from esc_operator.providers.port import Stream

_ENTRY = Rule(reasons.LOGIN_REFUSED, advise_entry)
_FULL = Rule(reasons.TOO_MANY_CONNECTIONS, advise_connections, outage=True)
_RIGHT = Rule(reasons.RIGHT_MISSING, needs("CREATE USER on *.*"))
_READ_ONLY = Rule(reasons.READ_ONLY, advise_read_only)
_POLICY = Rule(reasons.PASSWORD_REFUSED, advise_policy)
_OUTAGE = Rule(reasons.DATABASE_UNAVAILABLE, advise_outage, outage=True)

RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("1045", "1698"), Rule(reasons.LOGIN_REFUSED, advise_login)),
    **dict.fromkeys(("1129", "1130", "3118", "3159", "4151", "1862", "1820"), _ENTRY),
    **dict.fromkeys(("1044", "1049"), Rule(reasons.DATABASE_MISSING, advise_database)),
    "1396": Rule(reasons.USER_MISSING, advise_user),
    **dict.fromkeys(("1142", "1227"), _RIGHT),
    **dict.fromkeys(("1290", "1836", "1792"), _READ_ONLY),
    **dict.fromkeys(("1819",), _POLICY),
    **dict.fromkeys(("1040", "1203", "1226"), _FULL),
    **dict.fromkeys(("1053", "1077", "1080", "3169", "2006", "2013"), _OUTAGE),
}
"""By the server's or the client's number."""

_NO_TLS = "2026"
_FROM_CAUSE = frozenset(("2003", "2006", "2013"))
"""The client's own numbers, behind which there is what the connection said."""


class MySql:
    """The engine. `connect` opens a session over a stream."""

    name: ClassVar[str] = "mysql"
    product: ClassVar[str] = "MySQL or MariaDB"
    longest_name: ClassVar[int] = 128

    def __init__(self, connect: Callable[[Stream, Change], Any] | None = None) -> None:
        self._connect = connect or _open_session

    def change(self, stream: Stream, change: Change) -> ProviderError | None:
        from pymysql import MySQLError

        try:
            with closing(self._connect(stream, change)) as session, closing(session.cursor()) as cursor:
                wanted = change.wanted
                cursor.execute("ALTER USER %s@%s IDENTIFIED BY %s", (wanted.username, "%", wanted.password))
        except MySQLError as error:
            return _explain(error, change)
        except Exception as error:  # noqa: BLE001 - whatever a library makes of a server's bytes, which may be any
            return explain_cause(change, error) or malformed(change)
        return None


def _explain(error: Exception, change: Change) -> ProviderError:
    code = str(error.args[0]) if error.args else ""
    if code == _NO_TLS:
        return no_tls(change)
    if code in _FROM_CAUSE and (explained := explain_cause(change, error)):
        return explained
    if not code.isdecimal() or code == "0":
        return explain_cause(change, error) or malformed(change)
    return explain(RULES, code, change)


def _open_session(stream: Stream, change: Change) -> Any:
    from pymysql.connections import Connection

    tls = tls_of(stream, change.server)
    session = Connection(
        host=change.server.host,
        port=change.server.port,
        user=change.managing.username,
        password=change.managing.password,
        database=change.server.database or None,
        ssl=tls,
        ssl_disabled=tls is None,
        charset="utf8mb4",
        program_name="esc-operator",
        defer_connect=True,
    )
    session.connect(stream.socket)
    return session


ROTATOR = DatabaseRotator(MySql())
