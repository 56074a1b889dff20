"""Real databases with two users whose passwords are rotated, and one that may do it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pymysql import MySQLError

from local_cluster.failures import ClusterError
from local_postgres import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_mariadb import LocalMariaDb
    from local_postgres import LocalPostgres

PASSWORD = "managing-password"
_numbers = itertools.count(1)


@dataclass(kw_only=True)
class Database:
    """One server, and users of a test's own. `admits` logs in as a user."""

    engine: str
    port: int
    name: str
    admits: Callable[[str, str], bool]
    users: tuple[str, str]
    manager: str
    run: Callable[[str], Any] = field(repr=False)

    def inputs(self, **database: Any) -> dict[str, Any]:
        managing = {"username": self.manager, "password": PASSWORD}
        place = {"host": "127.0.0.1", "port": self.port, "database": self.name, "managingUser": managing}
        users = {"username1": self.users[0], "username2": self.users[1]}
        return {"database": {**place, "sslmode": "disable", **database}, "rotateUsers": users}


def in_postgres(server: LocalPostgres) -> Database:
    number = next(_numbers)
    users, manager = (f'Web\'s "one" {number}', f"web_two_{number}"), f"manager_{number}"
    server.run(f"CREATE ROLE {manager} LOGIN CREATEROLE PASSWORD '{PASSWORD}'")
    for user in users:
        quoted = user.replace('"', '""')
        server.run(f'CREATE ROLE "{quoted}" LOGIN')
        if server.run("SHOW server_version_num")[0] >= "160000":
            server.run(f'GRANT "{quoted}" TO {manager} WITH ADMIN OPTION')

    def admits(user: str, password: str) -> bool:
        try:
            return server.run("SELECT current_user", user, password) == [user]
        except ClusterError:
            return False

    return Database(
        engine="postgres", port=server.port, name=DATABASE, admits=admits, users=users, manager=manager, run=server.run
    )


def in_mariadb(server: LocalMariaDb) -> Database:
    number = next(_numbers)
    users, manager = (f'Web\'s "one" {number}', f"web_two_{number}"), f"manager_{number}"
    server.run("CREATE USER %s@'%%' IDENTIFIED BY %s", manager, PASSWORD)
    server.run("GRANT CREATE USER ON *.* TO %s@'%%'", manager)
    for user in users:
        server.run("CREATE USER %s@'%%'", user)

    def admits(user: str, password: str) -> bool:
        try:
            return server.run("SELECT current_user()", user=user, password=password) == [(f"{user}@%",)]
        except MySQLError:
            return False

    return Database(
        engine="mysql", port=server.port, name="", admits=admits, users=users, manager=manager, run=server.run
    )
