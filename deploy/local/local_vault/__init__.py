"""A Vault for a test or a show: a real OpenBao, out of a wheel, that keeps everything in memory.

Owns the server's life, its TLS and its root token. It is unsealed when it starts, and listens on loopback only.
"""

import ipaddress
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from cryptography import x509

from local_cluster.certificates import Authority
from local_cluster.failures import ClusterError
from local_cluster.ports import free_ports
from local_cluster.served import Served
from local_cluster.tools import find_bao
from local_postgres import DATABASE, USER, LocalPostgres

_START_SECONDS = 60.0
_CONFIGURATION = """
storage "inmem" {{}}
disable_mlock = true
api_addr = "{url}"
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_cert_file = "{folder}/vault.crt"
  tls_key_file = "{folder}/vault.key"
}}
"""
_CREATE = (
    "CREATE ROLE \"{{name}}\" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"
    ' GRANT pg_read_all_stats TO "{{name}}";'
)
_REVOKE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{{name}}';"
    ' DROP ROLE IF EXISTS "{{name}}";'
)


class VaultError(ClusterError):
    """Vault refused a request of its administrator."""


class LocalVault(Served):
    """Serves within its `with` block; `ca_file` is what its TLS is verified with.

    The authority may be made before, by `certify`, for a process that reads certificates when it starts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (self._port,) = free_ports(1)
        self.url = f"https://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""
        self.root_token = ""

    @property
    def ca_file(self) -> Path:
        return self._folder / "ca.crt"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def certify(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        authority = Authority.create(self._folder)
        authority.issue_server("vault", "vault", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])

    def start(self) -> Self:
        if not self.ca_file.exists():
            self.certify()
        path = self._folder / "vault.hcl"
        path.write_text(_CONFIGURATION.format(url=self.url, port=self._port, folder=self._folder))
        with (self._folder / "vault.log").open("wb") as log:
            command = [str(find_bao()), "server", f"-config={path}"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        self._initialize()
        self.unseal()
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()  # nothing of it is kept
            self._process.wait()
            self._process = None

    # What its administrator does.

    def trust(self, issuer: str, certificates: Path, mount: str = "jwt") -> None:
        """Accept the tokens of an issuer, whose keys are read over TLS that is verified with these certificates."""
        self.call("POST", f"sys/auth/{mount}", {"type": "jwt"})
        keys = {"oidc_discovery_url": issuer, "oidc_discovery_ca_pem": certificates.read_text(), "bound_issuer": issuer}
        self.call("POST", f"auth/{mount}/config", keys)

    def create_role(self, name: str, subject: str, policy: str, *, mount: str = "jwt", **settings: Any) -> None:
        """A role for one subject, with a policy of its own, which has the name of the role."""
        self.call("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        role = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [self.url],
            "bound_subject": subject,
            "token_policies": [name],
            **settings,
        }
        self.call("POST", f"auth/{mount}/role/{name}", role)

    def mount(self, path: str, kind: str, **options: str) -> None:
        self.call("POST", f"sys/mounts/{path}", {"type": kind, "options": options})

    def serve_database(self, postgres: LocalPostgres) -> None:
        """The database engine, at `database`, on a PostgreSQL."""
        self.mount("database", "database")
        connection = {
            "plugin_name": "postgresql-database-plugin",
            "allowed_roles": ["*"],
            "connection_url": f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{postgres.port}/{DATABASE}",
            "username": USER,
            "password": postgres.password,
        }
        self.call("POST", "database/config/postgres", connection)

    def create_database_role(self, name: str, ttl: str, max_ttl: str) -> None:
        role = {
            "db_name": "postgres",
            "creation_statements": [_CREATE],
            "revocation_statements": [_REVOKE],
            "default_ttl": ttl,
            "max_ttl": max_ttl,
        }
        self.call("POST", f"database/roles/{name}", role)

    def leases(self, role: str) -> list[str]:
        """The leases of a role of the database engine."""
        try:
            found = self.call("LIST", f"sys/leases/lookup/database/creds/{role}")
        except VaultError:
            return []
        keys: list[str] = (found.get("data") or {}).get("keys") or []
        return keys

    def seal(self) -> None:
        self.call("POST", "sys/seal")

    def unseal(self) -> None:
        self.call("POST", "sys/unseal", {"key": self._key})
        self._until(lambda: self.call("GET", "sys/health").get("sealed") is False, "is unsealed")

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A request as root. Raises VaultError."""
        headers = {"X-Vault-Token": self.root_token} if self.root_token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/v1/{path}", data, headers, method=method)
        context = ssl.create_default_context(cafile=self.ca_file)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        try:
            with opener.open(request, timeout=20) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refusal:
            raise VaultError(f"{method} {path}: {refusal.code} {refusal.read().decode()}") from None
        except OSError as error:
            raise VaultError(f"{method} {path}: {error}") from None
        content: dict[str, Any] = json.loads(text) if text else {}
        return content

    def _initialize(self) -> None:
        made: dict[str, Any] = {}

        def is_initialized() -> bool:
            made.update(self.call("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1}))
            return True

        self._until(is_initialized, "answers")
        self.root_token, self._key = made["root_token"], made["keys"][0]

    def _until(self, happened: Any, what: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                if happened():
                    return
            except VaultError as error:
                if time.monotonic() > deadline or (self._process is not None and self._process.poll() is not None):
                    log = (self._folder / "vault.log").read_text()[-2000:]
                    raise ClusterError(f"Vault does not get so far that it {what} ({error}):\n{log}") from None
            time.sleep(0.1)
