"""An operator whose credentials are files that can be replaced, as the kubelet and certificate managers do it."""

from __future__ import annotations

import ipaddress
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Self

from cryptography import x509

from esc_operator.kube.paths import SERVICE_ACCOUNTS
from esc_operator.manifests.rights import NAME, NAMESPACE
from local_cluster import certificates

if TYPE_CHECKING:
    import contextlib

    from faults.stage import Stage
    from local_operator import LocalOperator


class OwnCredentials:
    """In its `with` block such an operator is that of the stage.

    It goes through a front that speaks TLS, with a bundle of its own and a token in a file. With `lives` it goes to the
    API server itself, by a client certificate that lives so long.
    """

    def __init__(self, stage: Stage, lives: timedelta | None = None) -> None:
        self._stage = stage
        self._folder = Path(mkdtemp(prefix="credentials-", dir=stage.folder))
        self._lives = lives
        self._expires_at = 0.0
        self._replacing: contextlib.AbstractContextManager[LocalOperator] | None = None

    def __enter__(self) -> Self:
        arguments = ("--leader-election", "--lease-duration=30")
        operator = self._stage.make_operator(own=self._config(), arguments=arguments)
        self._replacing = self._stage.replaced_by(operator)
        self._replacing.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        assert self._replacing is not None
        self._replacing.__exit__(None, None, None)
        self._stage.fronts.refused_tokens.clear()

    def _config(self) -> dict[str, object]:
        if self._lives is not None:
            self._write_client_certificate(self._lives)
            pki = self._stage.local.folder / "pki"
            user = {"client-certificate": str(self._folder / "own.crt"), "client-key": str(self._folder / "own.key")}
            server, bundle = self._stage.issuer, pki / "ca.crt"
        else:
            self.issue_new_certificate()
            self.show_certificate()
            self.write_bundle()
            self.write_new_token()
            user = {"tokenFile": str(self._folder / "token")}
            server, bundle = self._stage.tls_url, self._folder / "ca.crt"
        return {
            "clusters": [{"name": "own", "cluster": {"server": server, "certificate-authority": str(bundle)}}],
            "users": [{"name": "own", "user": user}],
            "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
            "current-context": "own",
        }

    # The API server, as the operator sees it.

    def issue_new_certificate(self) -> None:
        """One by a new authority, which nobody is shown yet."""
        self._issued = Path(mkdtemp(prefix="pki-", dir=self._folder))
        authority = certificates.Authority.create(self._issued)
        authority.issue_server("apiserver", "kube-apiserver", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])

    def show_certificate(self) -> None:
        """That which was issued last; connections from before are broken, as by a restart."""
        self._stage.fronts.show_certificate(self._issued / "apiserver.crt", self._issued / "apiserver.key")

    def refuse_token(self) -> None:
        """As if it had expired."""
        self._stage.fronts.refuse_token((self._folder / "token").read_text())

    # The operator's files.

    def write_bundle(self) -> None:
        """The authorities of before, and the newest."""
        bundle = self._folder / "ca.crt"
        before = bundle.read_bytes() if bundle.exists() else b""
        self._replace("ca.crt", before + (self._issued / "ca.crt").read_bytes())

    def write_new_token(self) -> None:
        path = SERVICE_ACCOUNTS.path(NAMESPACE, NAME, "token")
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
        self._replace("token", self._stage.cluster.must("POST", path, body)["status"]["token"].encode())

    def write_new_certificate(self) -> None:
        self._write_client_certificate(timedelta(days=1))

    def until_expired(self) -> None:
        """Wait until the certificate from before is good for nothing."""
        time.sleep(max(self._expires_at - time.time() + 1, 0))

    def _write_client_certificate(self, lives: timedelta) -> None:
        authority = certificates.Authority.read(self._stage.local.folder / "pki", Path(mkdtemp(dir=self._folder)))
        user = f"system:serviceaccount:{NAMESPACE}:{NAME}"
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}")
        authority.issue_client(certificates.Identity("own", user, groups), lives)
        self._expires_at = self._expires_at or (datetime.now(UTC) + lives).timestamp()
        for suffix in ("crt", "key"):
            self._replace(f"own.{suffix}", (authority.folder / f"own.{suffix}").read_bytes())

    def _replace(self, name: str, content: bytes) -> None:
        """At once, as a kubelet does it."""
        new = self._folder / f".{name}"
        new.write_bytes(content)
        new.replace(self._folder / name)
