"""The inputs of all rotators of databases: their schema, and what may be wrong with them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.evaluation import InputProblem
from esc_operator.formats.hosts import is_host
from esc_operator.providers import reasons
from esc_operator.providers.databases import reasons as database_reasons
from esc_operator.providers.login_inputs import SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VERIFY, REQUIRE, DISABLE = "verify-full", "require", "disable"
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"

_USER: Mapping[str, Any] = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {"username": {"type": "string"}, "password": SECRET},
}
USERS: Mapping[str, Any] = {"type": "object", "properties": {"current": _USER, "previous": _USER}}
"""The outputs, and what of a state is public."""

STATE: Mapping[str, Any] = {
    "type": "object",
    "properties": {**USERS["properties"], "pending": {**_USER, "added": True}},
}
"""`pending` is what a rotation that has not ended will make, or has made already."""

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["database", "rotateUsers"],
    "additionalProperties": False,
    "properties": {
        "database": {
            "type": "object",
            "required": ["database", "host", "port", "managingUser"],
            "additionalProperties": False,
            "rotateOnly": ["managingUser"],
            "properties": {
                "host": {"type": "string", "description": "The server's name or address."},
                "port": {"type": "number"},
                "database": {"type": "string", "description": "The database that the managing user connects to."},
                "managingUser": {
                    **_USER,
                    "description": "The user that changes passwords; only a rotation needs it.",
                },
                "connector": {
                    "type": "object",
                    "description": "Refused: the operator connects itself, from the cluster's network.",
                    "properties": {
                        "awsLambda": {
                            "type": "object",
                            "required": ["lambdaArn", "login"],
                            "properties": {
                                "lambdaArn": {"type": "string"},
                                "login": {
                                    "type": "object",
                                    "title": "AWSLogin",
                                    "required": ["accessKeyId", "secretAccessKey"],
                                    "properties": {
                                        "accessKeyId": {"type": "string"},
                                        "secretAccessKey": SECRET,
                                        "sessionToken": SECRET,
                                    },
                                },
                            },
                        }
                    },
                },
                "sslmode": {
                    "type": "string",
                    "added": True,
                    "enum": [VERIFY, REQUIRE, DISABLE],
                    "default": VERIFY,
                    "description": f"{VERIFY}: TLS with a certificate that is verified; {REQUIRE}: TLS with any "
                    f"certificate; {DISABLE}: no TLS.",
                },
                "sslrootcert": {
                    "type": "string",
                    "added": True,
                    "description": "The certificates (PEM) of the authorities to trust, in place of the operator's.",
                },
            },
        },
        "rotateUsers": {
            "type": "object",
            "description": "The users whose passwords are changed, by turns.",
            "required": ["username1", "username2"],
            "properties": {"username1": {"type": "string"}, "username2": {"type": "string"}},
        },
    },
}


class Credentials(NamedTuple):
    """A user and its password, which never shows in `repr`."""

    username: str
    password: str

    def __repr__(self) -> str:
        return f"<Credentials of {self.username}>"


class Server(NamedTuple):
    """Where a database is, and how it is reached over TLS: with the certificates of `authorities` (PEM), or else those
    that the process trusts; `mode` is one of this module's."""

    host: str
    port: int
    database: str
    mode: str = VERIFY
    authorities: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def problems(inputs: Mapping[str, Any], longest_name: int) -> Iterator[InputProblem]:
    """`longest_name` is how long a user's name may be, in bytes: some databases cut longer ones, and so change another
    user."""
    database, users = inputs.get("database"), inputs.get("rotateUsers")
    if isinstance(database, dict):
        yield from _database_problems(database)
    if not isinstance(users, dict):
        return
    names = {name: users.get(name) for name in ("username1", "username2")}
    for name, text in names.items():
        if isinstance(text, str) and (why := _name_problem(text, longest_name)):
            yield _problem(("rotateUsers", name), f"`{name}` {why}")
    if isinstance(names["username1"], str) and names["username1"] == names["username2"]:
        yield _problem(
            ("rotateUsers", "username2"),
            f'`username1` and `username2` are both "{names["username1"]}": name two users, because one has to go on '
            "working while the other one's password changes",
        )
    managing = database.get("managingUser") if isinstance(database, dict) else None
    manager = managing.get("username") if isinstance(managing, dict) else None
    if isinstance(manager, str) and manager in names.values():
        yield _problem(
            ("database", "managingUser"),
            f'the managing user "{manager}" is one of `rotateUsers`: a rotation would change the password that '
            "`managingUser` has, so use a third user",
        )


def _database_problems(database: Mapping[str, Any]) -> Iterator[InputProblem]:
    host, port, authorities = (database.get(name) for name in ("host", "port", "sslrootcert"))
    if isinstance(host, str) and not is_host(host):
        yield _problem(
            ("database", "host"),
            f'`host` "{host}" is no host: write its name or its address alone, without a scheme and a port',
        )
    if database.get("connector"):
        yield InputProblem(
            ("database", "connector"),
            "`connector` is not supported: the operator connects to the database itself, from the cluster's network; "
            "leave it out, and if the database is at a private address, have an administrator allow that",
            database_reasons.CONNECTOR_UNSUPPORTED,
        )
    if isinstance(port, bool) or (isinstance(port, int | float | str) and not _is_port(port)):
        yield _problem(("database", "port"), f"`port` {port} is no port: write a whole number from 1 to 65535")
    if isinstance(authorities, str) and _CERTIFICATE not in authorities:
        yield _problem(
            ("database", "sslrootcert"),
            f"`sslrootcert` is no certificate in PEM: write its text, which begins with {_CERTIFICATE}",
        )


def _is_port(port: object) -> bool:
    return isinstance(port, int | float) and port == int(port) and 0 < port < 1 << 16


def _name_problem(name: str, longest: int) -> str:
    if not name or any(sign < " " or sign == "\x7f" for sign in name):
        return "is empty or has control characters: write the user's name as the database has it"
    if len(name.encode()) > longest:
        return f"is longer than {longest} bytes, which no user's name is"
    return ""


def _problem(path: tuple[str, ...], message: str) -> InputProblem:
    return InputProblem(path, message, reasons.INVALID_INPUTS)


def parse_server(inputs: Mapping[str, Any]) -> Server:
    """Of inputs without problems."""
    database = inputs["database"]
    return Server(
        str(database["host"]),
        int(database["port"]),
        str(database["database"]),
        database.get("sslmode") or VERIFY,
        database.get("sslrootcert") or "",
    )
