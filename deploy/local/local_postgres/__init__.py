"""A PostgreSQL for a test or a show: a real one, out of a wheel, with an empty database in a folder of its own.

Owns the server's life and the superuser; who else may log in is its users' business. It listens on loopback only.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from local_cluster.failures import ClusterError
from local_cluster.ports import free_ports
from local_cluster.served import Served, end
from local_cluster.tools import find_postgres

USER = "administrator"
DATABASE = "postgres"
_NOBODY = 65534
_USER = _NOBODY if os.geteuid() == 0 else None
"""PostgreSQL refuses to run as root."""
_START_SECONDS = 60.0


class LocalPostgres(Served):
    """Serves within its `with` block. `url` is for the superuser, without the password."""

    def __init__(self) -> None:
        self.password = secrets.token_urlsafe(12)
        self.port = 0
        self._folder = Path()
        self._programs = Path()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="esc-postgres-"))
        installed = find_postgres()
        # Whoever runs it may not be allowed into the checkout.
        if _USER is not None:
            own = self._folder / "installed"
            for part in (
                "pgserver/pginstall/bin",
                "pgserver/pginstall/lib",
                "pgserver/pginstall/share",
                "pgserver.libs",
            ):
                shutil.copytree(installed / part, own / part)
            installed = own
            os.chown(self._folder, _USER, _USER)
        self._programs = installed / "pgserver" / "pginstall" / "bin"
        self._initialize()
        (self.port,) = free_ports(1)
        settings = {"fsync": "off", "max_connections": "60", "unix_socket_directories": str(self._folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port)]
        log = (self._folder / "log").open("wb")
        with log:
            self._process = subprocess.Popen([*command, *options], stdout=log, stderr=log, user=_USER, group=_USER)
        deadline = time.monotonic() + _START_SECONDS
        while self._psql("SELECT 1").returncode != 0:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ClusterError(f"PostgreSQL does not start:\n{(self._folder / 'log').read_text()[-2000:]}")
            time.sleep(0.1)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, 10)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, statement: str, user: str = USER, password: str = "") -> list[str]:
        """What a statement answers, a line a row, fields parted by `|`."""
        done = self._psql(statement, user, password)
        if done.returncode != 0:
            raise ClusterError(f"PostgreSQL refused a statement: {done.stderr.strip()}")
        return done.stdout.splitlines()

    def roles(self, prefix: str = "v-") -> list[str]:
        """The roles whose names begin like this; Vault's own begin with `v-`."""
        return self.run(f"SELECT rolname FROM pg_roles WHERE rolname LIKE '{prefix}%' ORDER BY 1")

    def refusals(self) -> list[str]:
        """The lines of its log about connections that it refused or ended since it has started."""
        lines = (self._folder / "log").read_text().splitlines()
        return [line for line in lines if "FATAL:" in line and "starting up" not in line]

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _initialize(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644 if _USER is not None else 0o600)  # the folder is its owner's alone
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", USER, "--pwfile", str(secret)]
        more = ["--auth", "scram-sha-256", "--no-sync", "--no-locale", "--encoding", "UTF8"]
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, user=_USER, group=_USER)
        secret.unlink()
        if done.returncode != 0:
            raise ClusterError(f"PostgreSQL's initdb failed: {done.stderr}")

    def _psql(self, statement: str, user: str = USER, password: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(self._programs / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", user, "-d", DATABASE]
        options = ["--no-psqlrc", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", "--command", statement]
        environment = {**os.environ, "PGPASSWORD": password or self.password, "PGCONNECT_TIMEOUT": "5"}
        return subprocess.run(
            [*command, *options], capture_output=True, text=True, check=False, timeout=30, env=environment
        )
