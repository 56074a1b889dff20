"""A MariaDB for a test or a show: a real one, out of Debian's packages, with an empty database in a folder of its own.

Owns the server's life and the administrator; who else may log in is its users' business. It listens on loopback only.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

from pymysql import MySQLError
from pymysql.connections import Connection

from local_cluster.debian import unpacked
from local_cluster.failures import ClusterError
from local_cluster.ports import free_ports
from local_cluster.served import Served, end

USER = "administrator"
DATABASE = "mysql"
_LIBRARIES = ("libaio1", "liburing2")
"""What the server is linked with and a slim machine lacks."""
_NOBODY = 65534
_USER = _NOBODY if os.geteuid() == 0 else None
"""MariaDB refuses to run as root."""
_START_SECONDS = 60.0


class LocalMariaDb(Served):
    """Serves within its `with` block. With `certificate` and `key` (files), over TLS as well."""

    def __init__(self, certificate: Path | None = None, key: Path | None = None) -> None:
        self.password = secrets.token_urlsafe(12)
        self.port = 0
        self._tls = (certificate, key) if certificate and key else None
        self._folder = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="esc-mariadb-"))
        # Whoever runs it may not be allowed into the cache.
        server = self._folder / "usr"
        shutil.copytree(unpacked("mariadb-server-core") / "usr", server)
        libraries = self._folder / "libraries"
        libraries.mkdir()
        for package in _LIBRARIES:
            for file in unpacked(package).rglob("*.so.*"):
                shutil.copy(file, libraries / file.name)
        (self._folder / "data").mkdir()
        for path in (self._folder, self._folder / "data"):
            if _USER is not None:
                os.chown(path, _USER, _USER)
        (self.port,) = free_ports(1)
        self._initialize()
        tls = []
        if self._tls is not None:
            for name, file in zip(("cert", "key"), self._tls, strict=True):
                copy = self._folder / name
                shutil.copy(file, copy)
                if _USER is not None:
                    os.chown(copy, _USER, _USER)
                tls.append(f"--ssl-{name}={copy}")
        options = [*self._options, f"--port={self.port}", "--bind-address=127.0.0.1", "--max-connections=40", *tls]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(server / "sbin" / "mariadbd"), *options],
                stdout=log,
                stderr=log,
                user=_USER,
                group=_USER,
                env=self._environment,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ClusterError(f"MariaDB does not start:\n{(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, 20)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, statement: str, *arguments: Any, user: str = USER, password: str = "") -> list[tuple[Any, ...]]:
        """The rows that a statement answers. Raises pymysql's errors."""
        session = Connection(
            host="127.0.0.1",
            port=self.port,
            user=user,
            password=password or self.password,
            ssl_disabled=True,
            autocommit=True,
        )
        with session, session.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())

    def _answers(self) -> bool:
        try:
            return bool(self.run("SELECT 1"))
        except MySQLError:
            return False

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "LD_LIBRARY_PATH": str(self._folder / "libraries")}

    @property
    def _options(self) -> list[str]:
        return [
            "--no-defaults",
            f"--datadir={self._folder / 'data'}",
            f"--lc-messages-dir={self._folder / 'usr' / 'share' / 'mysql'}",
            f"--character-sets-dir={self._folder / 'usr' / 'share' / 'mysql' / 'charsets'}",
            f"--socket={self._folder / 'socket'}",
            f"--pid-file={self._folder / 'pid'}",
            "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M",
            "--innodb-flush-log-at-trx-commit=0",
            "--aria-pagecache-buffer-size=8M",
            "--key-buffer-size=1M",
            "--skip-name-resolve",
        ]

    def _initialize(self) -> None:
        """The system's tables, as `mariadb-install-db` makes them, and one administrator."""
        scripts = self._folder / "usr" / "share" / "mysql"
        names = ("mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data")
        statements = "".join((scripts / f"{name}.sql").read_text() for name in names)
        account = f"{USER}@'%'"
        text = (
            f"CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n{statements}\n"
            "DELETE FROM global_priv WHERE User = 'root';\n"
            f"FLUSH PRIVILEGES;\nCREATE USER {account} IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n"
        )
        done = subprocess.run(
            [str(self._folder / "usr" / "sbin" / "mariadbd"), *self._options, "--bootstrap"],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            user=_USER,
            group=_USER,
            env=self._environment,
            timeout=_START_SECONDS,
        )
        if done.returncode != 0:
            raise ClusterError(f"MariaDB cannot be set up: {done.stderr[-2000:]}")
