"""The trials of the databases' rotators. Their clients are fakes; `tests/local` has real servers."""

from __future__ import annotations

from typing import Any

from esc_operator.providers.databases.mysql import MySql
from esc_operator.providers.databases.postgres import Postgres
from esc_operator.providers.databases.rotator import DatabaseRotator
from esc_operator.testing import Failure, Trial
from unit.providers.databases.servers import MySqlServer, PostgresServer

MANAGER = {"username": "manager", "password": "managing-password"}
DATABASE: dict[str, Any] = {"host": "db.example.com", "port": 5432, "database": "orders", "managingUser": MANAGER}
USERS = {"username1": "app1", "username2": "app2"}
INPUTS = {"database": DATABASE, "rotateUsers": USERS}
STATE = {
    "current": {"username": "app1", "password": "password-in-use"},
    "previous": {"username": "app2", "password": "password-before"},
}
SECRETS = ["managing-password", "password-in-use", "password-before", "password-that-is-new"]


def on(**database: Any) -> dict[str, Any]:
    return {**INPUTS, "database": {**DATABASE, **database}}


FAILURES = [
    Failure(
        name="both users are one",
        inputs={**INPUTS, "rotateUsers": {"username1": "app1", "username2": "app1"}},
        reason="InvalidInputs",
        says=['both "app1"', "name two users"],
    ),
    Failure(
        name="the managing user would change its own password",
        inputs=on(managingUser={**MANAGER, "username": "app2"}),
        reason="InvalidInputs",
        says=["use a third user"],
    ),
    Failure(
        name="a user without a name",
        inputs={**INPUTS, "rotateUsers": {"username1": "app1", "username2": ""}},
        reason="InvalidInputs",
        says=["write the user's name as the database has it"],
    ),
    Failure(
        name="a name that the database would cut",
        inputs={**INPUTS, "rotateUsers": {"username1": "app1", "username2": "x" * 129}},
        reason="InvalidInputs",
        says=["is longer than"],
    ),
    Failure(name="a port that is none", inputs=on(port=70000), reason="InvalidInputs", says=["from 1 to 65535"]),
    Failure(name="half a port", inputs=on(port=54.32), reason="InvalidInputs", says=["a whole number"]),
    Failure(
        name="a URL for a host", inputs=on(host="https://db"), reason="InvalidInputs", says=["name or its address"]
    ),
    Failure(name="a path for a host", inputs=on(host="/run/x"), reason="InvalidInputs", says=["name or its address"]),
    Failure(name="two hosts", inputs=on(host="a,b"), reason="InvalidInputs", says=["name or its address"]),
    Failure(
        name="authorities that are no certificates",
        inputs=on(sslrootcert="/etc/ssl/ca.crt"),
        reason="InvalidInputs",
        says=["begins with -----BEGIN CERTIFICATE-----"],
    ),
    Failure(
        name="a connector",
        inputs=on(connector={"awsLambda": {"lambdaArn": "arn:aws:lambda:eu-west-1:1:function:x", "login": {}}}),
        reason="ConnectorUnsupported",
        says=["leave it out", "have an administrator allow that"],
    ),
]


def trial(name: str, engine: Any, counterpart: str) -> Trial:
    return Trial(
        plugin=lambda: DatabaseRotator(engine(), make_password=lambda: "password-that-is-new"),
        inputs=INPUTS,
        state=STATE,
        secrets=SECRETS[:3],
        failures=FAILURES,
        counterpart=counterpart,
    )


TRIALS = [
    trial("postgres", lambda: Postgres(PostgresServer().connect), "real: PostgreSQL 16"),
    trial("mysql", lambda: MySql(MySqlServer().connect), "real: MariaDB 10.11"),
]
