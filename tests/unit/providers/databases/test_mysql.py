"""How a password is changed in MySQL and MariaDB, and what their errors become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pymysql.err import DatabaseError, InterfaceError, OperationalError

from esc_operator.providers.databases.engine import Change
from esc_operator.providers.databases.inputs import Credentials, Server
from esc_operator.providers.databases.mysql import RULES, MySql
from esc_operator.testing.fakes import FakeStream
from unit.providers.databases.servers import MySqlServer

if TYPE_CHECKING:
    from esc_operator.errors import ProviderError


def change(server: MySqlServer, user: str = "app1") -> ProviderError | None:
    wanted = Change(
        "MySQL or MariaDB",
        Server("db.example.com", 3306, "orders"),
        Credentials("manager", "managing-password"),
        Credentials(user, "a-new-password"),
    )
    refused = MySql(server.connect).change(FakeStream(), wanted)
    for secret in ("managing-password", "a-new-password"):
        assert secret not in (refused.message if refused else "")
    return refused


def test_the_library_quotes_the_name_and_the_password() -> None:
    server = MySqlServer()
    assert change(server, 'it\'s "me"') is None
    assert server.executed == [("ALTER USER %s@%s IDENTIFIED BY %s", ('it\'s "me"', "%", "a-new-password"))]
    assert server.closed == 2


@pytest.mark.parametrize("code", sorted(RULES))
@pytest.mark.parametrize("connects", [True, False])
def test_each_number_of_the_table_has_its_reason(code: str, connects: bool) -> None:
    refused = change(MySqlServer(error=OperationalError(int(code), "words of the server"), connects=connects))
    assert refused is not None
    assert (refused.reason, refused.outage) == (RULES[code].reason, RULES[code].outage)
    assert "MySQL or MariaDB at db.example.com:3306" in refused.message
    assert "words of the server" not in refused.message


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OperationalError(1064, "syntax"), "DatabaseRefused"),
        (OperationalError(2026, "SSL is required"), "TLSMissing"),
        (InterfaceError(0, ""), "MalformedAnswer"),
        (DatabaseError("no number"), "MalformedAnswer"),
        (DatabaseError(), "MalformedAnswer"),
        (IndexError(), "MalformedAnswer"),
        (TimeoutError(), "AnswerTimeout"),
        (ConnectionResetError(), "AnswerCutOff"),
    ],
)
def test_whatever_a_connection_raises_is_explained(error: Exception, reason: str) -> None:
    for connects in (True, False):
        refused = change(MySqlServer(error=error, connects=connects))
        assert refused is not None
        assert refused.reason == reason, refused.message


def test_what_is_behind_the_clients_own_number_is_told() -> None:
    error = OperationalError(2003, "Can't connect")
    error.original_exception = TimeoutError()
    refused = change(MySqlServer(error=error, connects=False))
    assert refused is not None
    assert refused.reason == "AnswerTimeout"
