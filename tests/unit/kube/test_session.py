"""The command line's connection: what it asks, and what its user is told."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kubernetes.client.exceptions import ApiException

from esc_operator.errors import ConfigurationError, ForbiddenError, IdentityError, NotFoundError, UnavailableError
from esc_operator.kube.session import Session, open_session

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Answer:
    data: bytes


@dataclass
class FakeClient:
    """Stands in for the client's connection: answers, or fails, as it is told."""

    answer: Any = None
    failure: BaseException | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def call_api(self, path: str, method: str, *, body: Any = None, **_: Any) -> Answer:
        self.asked.append((method, path, body))
        if self.failure:
            raise self.failure
        return Answer(self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode())


def refused(status: int, message: str = "") -> ApiException:
    failure = ApiException(status=status)
    failure.body, failure.headers = json.dumps({"message": message}), {}
    return failure


def test_environments_are_read_and_listed_where_they_are() -> None:
    client = FakeClient(answer={"items": [{"metadata": {"name": "aws"}}]})
    session = Session(client)
    session.read_environment("apps", "aws")
    assert session.list_environments() == [{"metadata": {"name": "aws"}}]
    session.list_environments("apps")
    root = "/apis/esc-operator.dev/v1alpha1"
    assert [path for _, path, _ in client.asked] == [
        f"{root}/namespaces/apps/escenvironments/aws",
        f"{root}/escenvironments",
        f"{root}/namespaces/apps/escenvironments",
    ]


def test_a_token_is_asked_for_with_its_audience() -> None:
    client = FakeClient(answer={"status": {"token": "e30.e30.sig"}})
    assert Session(client).request_token("apps", "web", "sts.amazonaws.com").reveal() == "e30.e30.sig"
    ((method, path, body),) = client.asked
    assert (method, path) == ("POST", "/api/v1/namespaces/apps/serviceaccounts/web/token")
    assert body["spec"]["audiences"] == ["sts.amazonaws.com"]


def test_a_missing_service_account_is_named() -> None:
    with pytest.raises(IdentityError, match="ServiceAccount apps/web does not exist"):
        Session(FakeClient(failure=refused(404))).request_token("apps", "web", "sts.amazonaws.com")


def test_errors_of_the_api_server_are_translated() -> None:
    with pytest.raises(NotFoundError):
        Session(FakeClient(failure=refused(404))).read_environment("apps", "aws")
    with pytest.raises(ForbiddenError, match="you cannot"):
        Session(FakeClient(failure=refused(403, "you cannot"))).list_environments()
    with pytest.raises(UnavailableError, match="could not read escenvironments apps/aws"):
        Session(FakeClient(failure=urllib3.exceptions.NewConnectionError(None, "x"))).read_environment("apps", "aws")
    with pytest.raises(UnavailableError):
        Session(FakeClient(answer=b"<html>")).read_environment("apps", "aws")


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match='cannot use context "prod" of the kubeconfig'):
        open_session("prod", str(tmp_path / "missing"), scratch=str(tmp_path))
    with pytest.raises(ConfigurationError, match="cannot use the current context"):
        open_session(None, str(tmp_path / "missing"), scratch=str(tmp_path))


def write_kubeconfig(path: Path, certificate: bytes, key: bytes) -> None:
    def data(pem: bytes) -> str:
        return base64.b64encode(pem).decode()

    user = {"client-certificate-data": data(certificate), "client-key-data": data(key)}
    server = {"server": "https://127.0.0.1:1", "certificate-authority-data": data(certificate)}
    path.write_text(
        json.dumps(
            {
                "current-context": "kind",
                "contexts": [{"name": "kind", "context": {"cluster": "kind", "user": "kind"}}],
                "clusters": [{"name": "kind", "cluster": server}],
                "users": [{"name": "kind", "user": user}],
            }
        )
    )


def test_the_keys_of_a_kubeconfig_are_read_at_once_so_that_their_files_can_go(tmp_path: Path) -> None:
    pair = certificate_and_key()
    write_kubeconfig(tmp_path / "config", *pair)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    session = open_session("kind", str(tmp_path / "config"), scratch=str(scratch))
    assert list(scratch.iterdir())
    shutil.rmtree(scratch)
    pool = session._client.rest_client.pool_manager.connection_pool_kw
    assert not {"cert_file", "key_file", "ca_certs"} & set(pool)
    assert [found["serialNumber"] for found in pool["ssl_context"].get_ca_certs()] == ["1B"]
    with pytest.raises(UnavailableError):
        session.read_environment("apps", "aws")


def test_a_key_that_is_none_is_told_without_showing_it(tmp_path: Path) -> None:
    certificate, _ = certificate_and_key()
    write_kubeconfig(tmp_path / "config", certificate, b"no key of anybody")
    with pytest.raises(ConfigurationError) as refusal:
        open_session("kind", str(tmp_path / "config"), scratch=str(tmp_path))
    assert refusal.value.message == (
        'cannot use context "kind" of the kubeconfig: a certificate or key in it cannot be read, or one does not '
        "belong to the other"
    )


def certificate_and_key() -> tuple[bytes, bytes]:
    """A certificate that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kind")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(27)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(pem), private
