"""`fn::rotate::postgres`: the passwords of two users of a PostgreSQL, changed by turns."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.providers.databases import reasons
from esc_operator.providers.databases.engine import (
    Change,
    Rule,
    advise_connections,
    advise_database,
    advise_entry,
    advise_locked,
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

_OUTAGE = Rule(reasons.DATABASE_UNAVAILABLE, advise_outage, outage=True)
_FULL = Rule(reasons.TOO_MANY_CONNECTIONS, advise_connections, outage=True)

RULES: Mapping[str, Rule] = {
    "28P01": Rule(reasons.LOGIN_REFUSED, advise_login),
    "28000": Rule(reasons.LOGIN_REFUSED, advise_entry),
    "3D000": Rule(reasons.DATABASE_MISSING, advise_database),
    "42704": Rule(reasons.USER_MISSING, advise_user),
    "42501": Rule(reasons.RIGHT_MISSING, needs("CREATEROLE and, since version 16, ADMIN OPTION on that role")),
    "25006": Rule(reasons.READ_ONLY, advise_read_only),
    "22023": Rule(reasons.PASSWORD_REFUSED, advise_policy),
    "53300": _FULL,
    **dict.fromkeys(("57P01", "57P02", "57P03", "57P05", "58000", "53100", "53200", "XX000"), _OUTAGE),
}
"""By SQLSTATE."""


class Postgres:
    """The engine. `connect` opens a session over a stream; as `connect` of this module."""

    name: ClassVar[str] = "postgres"
    product: ClassVar[str] = "PostgreSQL"
    longest_name: ClassVar[int] = 63

    def __init__(self, connect: Callable[[Stream, Change], Any] | None = None) -> None:
        self._connect = connect or _open_session

    def change(self, stream: Stream, change: Change) -> ProviderError | None:
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            with self._connect(stream, change) as session:
                return self._alter(session, change)
        except DatabaseError as error:
            told = error.args[0] if error.args else None
            code = str(told.get("C") or "") if isinstance(told, dict) else ""
            return explain(RULES, code, change)
        except InterfaceError as error:
            if error.args == ("Server refuses SSL",):
                return no_tls(change)
            return explain_cause(change, error) or malformed(change)
        except Exception as error:  # noqa: BLE001 - whatever a library makes of a server's bytes, which may be any
            return explain_cause(change, error) or malformed(change)

    def _alter(self, session: Any, change: Change) -> ProviderError | None:
        from pg8000.native import identifier, literal

        name = change.wanted.username
        found = session.run(
            "SELECT rolcanlogin AND coalesce(rolvaliduntil > now(), true) "
            "FROM pg_catalog.pg_roles WHERE rolname = :name",
            name=name,
        )
        if found != [[True]]:
            rule = Rule(reasons.USER_CANNOT_LOG_IN, advise_locked) if found == [[False]] else RULES["42704"]
            return explain({"": rule}, "", change)
        is_scram = session.run("SHOW password_encryption") == [["scram-sha-256"]]
        secret = scram_verifier(change.wanted.password) if is_scram else change.wanted.password
        session.run(f"ALTER ROLE {identifier(name)} PASSWORD {literal(secret)}")
        return None


def scram_verifier(password: str) -> str:
    """What PostgreSQL keeps of a password: so the statement, which a server may log, does not have the password."""
    from scramp import ScramMechanism

    salt, stored, server, rounds = ScramMechanism("SCRAM-SHA-256").make_auth_info(password)
    salted, *keys = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${rounds}:{salted}${':'.join(keys)}"


def _open_session(stream: Stream, change: Change) -> Any:
    from pg8000.native import Connection

    return Connection(
        change.managing.username,
        host=change.server.host,
        database=change.server.database,
        port=change.server.port,
        password=change.managing.password,
        sock=stream.socket,
        ssl_context=tls_of(stream, change.server) or False,
        application_name="esc-operator",
    )


ROTATOR = DatabaseRotator(Postgres())
