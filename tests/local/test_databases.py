"""The rotators of databases against real servers: what each failure says, TLS, and names that need quoting."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from esc_operator.driver.networks import Fence
from esc_operator.driver.streams import Streams
from esc_operator.errors import ProviderError
from esc_operator.providers.databases import mysql, postgres
from local.databases import PASSWORD, in_mariadb, in_postgres
from local_cluster.certificates import Authority
from local_mariadb import LocalMariaDb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from local.databases import Database
    from local_postgres import LocalPostgres

ROTATORS = {"postgres": postgres.ROTATOR, "mysql": mysql.ROTATOR}


class Context:
    """What the driver gives, with connections of its own."""

    def __init__(self, settings: Mapping[str, str], fence: Fence | None, seconds: float) -> None:
        self._streams = Streams(fence=fence, settings=settings, run=self._run, seconds=seconds)

    async def _run(self, call: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(call)

    async def run_stream(self, url: str, call: Any) -> Any:
        return await self._streams.call(url, call)


def rotate(
    database: Database,
    inputs: Mapping[str, Any] | None = None,
    *,
    settings: Mapping[str, str] | None = None,
    fence: Fence | None = None,
    seconds: float = 10,
) -> dict[str, Any]:
    context: Any = Context(settings or {}, fence, seconds)
    rotated = asyncio.run(ROTATORS[database.engine].rotate(inputs or database.inputs(), None, context))
    state: dict[str, Any] = rotated.state
    return state


def refused(database: Database, inputs: Mapping[str, Any] | None = None, **options: Any) -> tuple[str, str]:
    """The reason and the message, in which there is no password."""
    with pytest.raises(ProviderError) as caught:
        rotate(database, inputs, **options)
    assert PASSWORD not in caught.value.message
    return caught.value.reason, caught.value.message


def managed_by(username: str, password: str) -> dict[str, Any]:
    return {"managingUser": {"username": username, "password": password}}


def test_a_name_with_quotes_is_that_users_name(database: Database) -> None:
    assert "'" in database.users[0]
    assert '"' in database.users[0]
    current = rotate(database)["current"]
    assert current["username"] == database.users[0]
    assert database.admits(current["username"], current["password"])


def test_postgres_does_not_read_the_password_in_the_statement(postgres: LocalPostgres) -> None:
    database = in_postgres(postgres)
    rotate(database)
    rows = postgres.run("SELECT rolpassword LIKE 'SCRAM-SHA-256$4096:%' FROM pg_authid WHERE rolname LIKE 'Web%'")
    assert set(rows) <= {"t", ""}
    assert "t" in rows


def test_a_wrong_managing_password_is_told(database: Database) -> None:
    reason, message = refused(database, database.inputs(**managed_by(database.manager, "not-the-password")))
    assert reason == "DatabaseLoginRefused"
    assert f'does not accept the managing user "{database.manager}": check its name and its password' in message


def test_a_user_that_is_missing_is_told(database: Database) -> None:
    inputs = {**database.inputs(), "rotateUsers": {"username1": "no such user", "username2": "other"}}
    reason, message = refused(database, inputs)
    assert reason == "DatabaseUserMissing"
    assert 'has no user "no such user"' in message
    assert "create it, or check `rotateUsers`" in message


def test_a_right_that_is_missing_is_told(database: Database) -> None:
    weak = f"weak_{database.manager}"
    create = (
        f"CREATE ROLE {weak} LOGIN PASSWORD" if database.engine == "postgres" else f"CREATE USER {weak} IDENTIFIED BY"
    )
    database.run(f"{create} '{PASSWORD}'")
    reason, message = refused(database, database.inputs(**managed_by(weak, PASSWORD)))
    assert reason == "DatabaseRightMissing"
    assert "it needs CREATE" in message


def test_a_database_that_is_missing_is_told(database: Database) -> None:
    reason, message = refused(database, database.inputs(database="no_such_database"))
    assert reason == "DatabaseMissing"
    assert 'has no database "no_such_database"' in message


def test_a_role_that_may_not_log_in_is_told_before_its_password_changes(postgres: LocalPostgres) -> None:
    database = in_postgres(postgres)
    postgres.run(f"ALTER ROLE {database.users[1]} NOLOGIN")
    inputs = {**database.inputs(), "rotateUsers": {"username1": database.users[1], "username2": "other"}}
    reason, message = refused(database, inputs)
    assert reason == "DatabaseUserCannotLogIn"
    assert "check that it is allowed to, and not expired" in message
    assert postgres.run(f"SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = '{database.users[1]}'") == ["t"]


def test_a_server_that_is_read_only_is_told(database: Database) -> None:
    if database.engine == "postgres":
        database.run(f"ALTER ROLE {database.manager} SET default_transaction_read_only = on")
        reason, message = refused(database)
    else:
        database.run("SET GLOBAL read_only = 1")
        try:
            reason, message = refused(database)
        finally:
            database.run("SET GLOBAL read_only = 0")
    assert reason == "DatabaseReadOnly"
    assert "use the host of the primary server" in message


def test_too_many_connections_are_told_and_waited_for(database: Database) -> None:
    name = database.manager
    if database.engine == "postgres":
        database.run(f"ALTER ROLE {name} CONNECTION LIMIT 0")
    else:
        database.run(f"ALTER USER {name} WITH MAX_QUERIES_PER_HOUR 1")
        refused(database)
    reason, message = refused(database)
    assert reason == "TooManyConnections"
    assert "has no connection left; this is tried again" in message


def test_nothing_is_sent_to_a_server_without_tls_unless_the_inputs_say_so(database: Database) -> None:
    for mode in ("verify-full", "require"):
        reason, message = refused(database, database.inputs(sslmode=mode))
        assert reason == "TLSMissing"
        assert "write `sslmode: disable` if its network may read the passwords" in message
    inputs = database.inputs()
    del inputs["database"]["sslmode"]
    assert refused(database, inputs)[0] == "TLSMissing"


def test_a_port_that_nobody_listens_at_is_told(database: Database) -> None:
    reason, message = refused(database, database.inputs(port=1))
    assert reason == "Unreachable"
    assert f"{database.engine}://127.0.0.1:1 cannot be reached" in message
    assert "check the host, the port and the network" in message


def test_a_private_address_is_connected_to_only_if_an_administrator_allows_it(database: Database) -> None:
    reason, message = refused(database, fence=Fence())
    place = f"{database.engine}://127.0.0.1:{database.port}"
    assert reason == "URLNotAllowed"
    assert f"{place} is not allowed: it is not at a public address" in message
    assert f"with the pattern {place}" in message
    assert rotate(database, fence=Fence((place,)))["current"]["username"] == database.users[0]
    other = "mysql" if database.engine == "postgres" else "postgres"
    assert refused(database, fence=Fence((f"{other}://127.0.0.1:{database.port}",)))[0] == "URLNotAllowed"


@pytest.fixture(scope="module")
def certified_mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalMariaDb, Path]]:
    """A MariaDB with TLS, and the file with its authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority.create(folder)
    authority.issue_server("mariadb", "mariadb", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    with LocalMariaDb(folder / "mariadb.crt", folder / "mariadb.key") as server:
        yield server, folder / "ca.crt"


def test_tls_is_verified_with_the_authority_of_the_inputs_or_of_the_settings(
    certified_mariadb: tuple[LocalMariaDb, Path],
) -> None:
    server, authority = certified_mariadb
    database = in_mariadb(server)
    reason, message = refused(database, database.inputs(sslmode="verify-full"))
    assert reason == "CertificateRefused"
    assert "write that of its authority into `sslrootcert`" in message
    for inputs, settings in (
        (database.inputs(sslmode="verify-full", sslrootcert=authority.read_text()), {}),
        (database.inputs(sslmode="verify-full"), {"SSL_CERT_FILE": str(authority)}),
        (database.inputs(sslmode="require"), {}),
    ):
        current = rotate(database, inputs, settings=settings)["current"]
        assert database.admits(current["username"], current["password"])


@contextlib.contextmanager
def over_tls(port: int, folder: Path) -> Iterator[int]:
    """PostgreSQL's TLS in front of a server that has none: what answers the request for TLS, and passes the rest on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "postgres.crt", folder / "postgres.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as plain:  # the client may not trust it
                if plain.recv(8) != b"\x00\x00\x00\x08\x04\xd2\x16\x2f":
                    return
                plain.sendall(b"S")
                with (
                    context.wrap_socket(plain, server_side=True) as client,
                    socket.create_connection(("127.0.0.1", port)) as server,
                ):
                    back = threading.Thread(target=pump, args=(server, client), daemon=True)
                    back.start()
                    pump(client, server)
                    back.join(5)

        def pump(source: socket.socket, target: socket.socket) -> None:
            try:
                while piece := source.recv(4096):
                    target.sendall(piece)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                return

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield listening.getsockname()[1]
        serving.join(6)


def test_tls_of_postgres_is_verified_as_well(postgres: LocalPostgres, tmp_path: Path) -> None:
    authority = Authority.create(tmp_path)
    authority.issue_server("postgres", "postgres", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    database = in_postgres(postgres)
    with over_tls(postgres.port, tmp_path) as port:
        assert refused(database, database.inputs(port=port, sslmode="verify-full"))[0] == "CertificateRefused"
    with over_tls(postgres.port, tmp_path) as port:
        assert refused(database, database.inputs(port=port, sslmode="disable"))[0] in {
            "AnswerCutOff",
            "MalformedAnswer",
        }
    trusted = {"sslmode": "verify-full", "sslrootcert": (tmp_path / "ca.crt").read_text()}
    for how in (trusted, {"sslmode": "require"}):
        with over_tls(postgres.port, tmp_path) as port:
            current = rotate(database, database.inputs(port=port, **how))["current"]
        assert database.admits(current["username"], current["password"])


def test_authorities_that_cannot_be_read_are_told(database: Database) -> None:
    damaged = "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n"
    reason, message = refused(database, database.inputs(sslmode="verify-full", sslrootcert=damaged))
    assert reason == "InvalidInputs"
    assert "write those of the authorities, in PEM" in message


@contextlib.contextmanager
def stranger(answer: bytes, *, again: bool = False) -> Iterator[int]:
    """A server that says something else, once or without an end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(answer)
                    while again:
                        connection.sendall(answer)
                    connection.settimeout(5)
                    while connection.recv(4096):
                        pass
            except OSError:
                return

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        yield listening.getsockname()[1]
    serving.join(6)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>" + b"x" * 200,
        b"\x00" * 64,
        b"\xff" * 64,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"R\x00\x00\x00\x08\x00\x00\x00\x63",
        b"\x4a\x00\x00\x00\x0a8.0.30\x00" + b"\x01" * 70,
    ],
)
def test_whatever_another_service_answers_is_an_outage_with_a_reason(database: Database, answer: bytes) -> None:
    with stranger(answer) as port, pytest.raises(ProviderError) as caught:
        rotate(database, database.inputs(port=port), seconds=1)
    assert caught.value.outage, caught.value.message
    assert caught.value.reason in {"MalformedAnswer", "AnswerTimeout", "AnswerCutOff", "AnswerTooLarge"}


def test_an_answer_without_an_end_is_not_read_to_its_end(database: Database) -> None:
    # A message of 2 GB as PostgreSQL announces it, and packets of 16 MB as MySQL does.
    begin = b"R\x7f\xff\xff\xff" if database.engine == "postgres" else b"\xff\xff\xff\x00\x0a"
    with stranger(begin + b"\x01" * 65536, again=True) as port:
        reason, _ = refused(database, database.inputs(port=port), seconds=5)
    assert reason in {"AnswerTooLarge", "MalformedAnswer"}


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_the_limit(database: Database) -> None:
    with stranger(b"") as port:
        reason, message = refused(database, database.inputs(port=port), seconds=0.3)
    assert reason == "AnswerTimeout"
    assert "did not answer in time; this is tried again" in message
