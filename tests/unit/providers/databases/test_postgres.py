"""How a password is changed in PostgreSQL, and what its errors become."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from typing import TYPE_CHECKING

import pytest
from pg8000.exceptions import DatabaseError, InterfaceError

from esc_operator.errors import ProviderError
from esc_operator.providers.databases.engine import Change
from esc_operator.providers.databases.inputs import Credentials, Server
from esc_operator.providers.databases.postgres import RULES, Postgres, scram_verifier
from esc_operator.testing.fakes import FakeStream
from unit.providers.databases.servers import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable


def change(server: PostgresServer, user: str = "app1") -> ProviderError | None:
    wanted = Change(
        "PostgreSQL",
        Server("db.example.com", 5432, "orders"),
        Credentials("manager", "managing-password"),
        Credentials(user, "a-new-password"),
    )
    refused = Postgres(server.connect).change(FakeStream(), wanted)
    for secret in ("managing-password", "a-new-password"):
        assert secret not in repr(wanted)
        assert secret not in (refused.message if refused else "")
    return refused


def test_the_statement_has_a_verifier_in_place_of_the_password() -> None:
    server = PostgresServer()
    assert change(server) is None
    assert server.statements[-1].startswith('ALTER ROLE "app1" PASSWORD \'SCRAM-SHA-256$4096:')
    assert not any("a-new-password" in statement for statement in server.statements)
    assert server.is_closed


def test_a_verifier_is_of_the_password() -> None:
    """As RFC 5802 has it, by the standard library alone."""
    head, salted, keys = scram_verifier("pencil").split("$")
    rounds, salt = salted.split(":")
    assert head == "SCRAM-SHA-256"
    key = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.digest(key, b"Client Key", "sha256")).digest()
    server = hmac.digest(key, b"Server Key", "sha256")
    assert keys == ":".join(base64.b64encode(part).decode() for part in (stored, server))


def test_a_server_that_keeps_no_verifiers_gets_the_password() -> None:
    server = PostgresServer()
    server.encryption = "md5"
    assert change(server) is None
    assert server.statements[-1] == "ALTER ROLE \"app1\" PASSWORD 'a-new-password'"


def test_a_name_is_quoted_as_a_name() -> None:
    name = "x\"; DROP ROLE admin; --'"
    server = PostgresServer(roles={name: True})
    assert change(server, name) is None
    assert server.statements[-1].startswith('ALTER ROLE "x""; DROP ROLE admin; --\'" PASSWORD')


@pytest.mark.parametrize("code", sorted(RULES))
def test_each_code_of_the_table_has_its_reason_and_a_message_that_names_the_server(code: str) -> None:
    refused = change(PostgresServer(error=DatabaseError({"C": code, "M": "words of the server"}), words="ALTER"))
    assert refused is not None
    assert refused.reason == RULES[code].reason
    assert refused.outage == RULES[code].outage
    assert "PostgreSQL at db.example.com:5432" in refused.message
    assert "words of the server" not in refused.message


@pytest.mark.parametrize(
    ("error", "reason", "says"),
    [
        (DatabaseError({"C": "42P01"}), "DatabaseRefused", "(42P01): look that code up"),
        (DatabaseError({"C": "<b>\n"}), "DatabaseRefused", "an unreadable code"),
        (DatabaseError("no dictionary"), "DatabaseRefused", "an unreadable code"),
        (InterfaceError("Server refuses SSL"), "TLSMissing", "switch it on there"),
        (InterfaceError("something"), "MalformedAnswer", "that makes no sense"),
        (KeyError(b"x"), "MalformedAnswer", "that makes no sense"),
        (TimeoutError(), "AnswerTimeout", "did not answer in time"),
        (ConnectionResetError(), "AnswerCutOff", "ended the connection"),
        (ssl.SSLError("wrong version"), "TLSMissing", "TLS with PostgreSQL at db.example.com:5432 failed"),
        (ProviderError("too large", reason="AnswerTooLarge"), "AnswerTooLarge", "too large"),
    ],
)
def test_whatever_a_connection_raises_is_explained(error: Exception, reason: str, says: str) -> None:
    raised: Callable[[str], PostgresServer] = lambda words: PostgresServer(error=error, words=words)  # noqa: E731
    for server in (raised(""), raised("SHOW"), raised("ALTER")):
        refused = change(server)
        assert refused is not None
        assert (refused.reason, says in refused.message) == (reason, True), refused.message


def test_what_is_behind_a_librarys_error_is_told() -> None:
    error = InterfaceError("network error")
    error.__cause__ = TimeoutError()
    refused = change(PostgresServer(error=error))
    assert refused is not None
    assert refused.reason == "AnswerTimeout"
