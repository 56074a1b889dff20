"""Users that log in by an auth-provider: what the official client is kept from."""

from __future__ import annotations

import base64
import ipaddress
import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509

from esc_operator.errors import ConfigurationError
from esc_operator.kube.auth_provider import read_auth_provider
from local_cluster import certificates

from .servers import ApiServer, serving

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def issuer(tmp_path: Path) -> ApiServer:
    authority = certificates.Authority.create(tmp_path)
    authority.issue_server("apiserver", "issuer", [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return ApiServer(tmp_path)


def expired(issuer: ApiServer) -> dict[str, Any]:
    part = base64.urlsafe_b64encode(json.dumps({"exp": 1}).encode()).decode().rstrip("=")
    return {
        "id-token": f"{part}.{part}.{part}",
        "idp-issuer-url": f"https://127.0.0.1:{issuer.port}",
        "client-id": "it",
        "client-secret": "hunter2",
        "refresh-token": "hunter2",
    }


def read(settings: dict[str, Any], folder: Path) -> str:
    return read_auth_provider({"name": "oidc", "config": settings}, "somebody", folder)


def test_nothing_is_sent_to_an_issuer_whose_certificate_nobody_knows(issuer: ApiServer, tmp_path: Path) -> None:
    with serving(issuer), pytest.raises(ConfigurationError, match="which gave no token: log in with kubectl"):
        read(expired(issuer), tmp_path)
    assert issuer.seen == []


def test_the_authority_of_an_issuer_may_be_a_file_beside_the_kubeconfig(issuer: ApiServer, tmp_path: Path) -> None:
    with serving(issuer), pytest.raises(ConfigurationError) as refusal:
        read({**expired(issuer), "idp-certificate-authority": "ca.crt"}, tmp_path)
    assert len(issuer.seen) == 1
    assert "hunter2" not in refusal.value.message
