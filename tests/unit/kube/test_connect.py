"""How an API server is reached: what kubeconfigs and pods say, and what is told where they say nothing usable."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ConfigurationError
from esc_operator.kube.connect import in_cluster, read_connection
from local_cluster import certificates

if TYPE_CHECKING:
    from pathlib import Path

    from esc_operator.kube.connection import Connection

SERVER = "https://127.0.0.1:6443"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and an administrator's certificate and key."""
    folder = tmp_path_factory.mktemp("pki")
    certificates.Authority.create(folder).issue_client(certificates.ADMIN)
    return folder


def write(path: Path, user: Any, cluster: Any = None, name: str = "here") -> str:
    config = {
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [{"name": name, "cluster": {"server": SERVER, **(cluster or {})}}],
        "users": [{"name": name, "user": user}],
    }
    path.write_text(json.dumps(config))
    return str(path)


def read(kubeconfig: str | None, context: str | None = None) -> Connection:
    return asyncio.run(read_connection(kubeconfig, context))


def authorization(connection: Connection) -> str:
    return connection.snapshot().authorization


def test_a_cluster_is_never_chosen_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", write(tmp_path / "config", {"token": "t"}))
    with pytest.raises(ConfigurationError, match="name a cluster with --kubeconfig FILE or --context NAME"):
        read(None)
    with pytest.raises(ConfigurationError, match="no cluster to work on"):
        read(str(tmp_path / "missing"))
    assert read(None, "here").server == SERVER


def test_a_named_kubeconfig_says_where_the_cluster_is_and_as_whom_it_is_asked(tmp_path: Path) -> None:
    kubeconfig = write(tmp_path / "config", {"token": "t"})
    for connection in (read(kubeconfig, "here"), read(kubeconfig)):
        assert connection.server == SERVER
        assert authorization(connection) == "Bearer t"
        assert not connection.config.insecure
    with pytest.raises(ConfigurationError, match='no context "other"'):
        read(kubeconfig, "other")


def test_in_a_pod_the_cluster_is_where_kubernetes_says(tmp_path: Path, pki: Path) -> None:
    (tmp_path / "ca.crt").write_bytes((pki / "ca.crt").read_bytes())
    (tmp_path / "token").write_text("of the pod\n")
    environ = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    connection = in_cluster(environ, tmp_path)
    assert connection.server == "https://10.96.0.1:443"
    assert authorization(connection) == "Bearer of the pod"
    assert len(connection.snapshot().tls.get_ca_certs()) == 1
    six = in_cluster({**environ, "KUBERNETES_SERVICE_HOST": "fd00::1"}, tmp_path)
    assert six.server == "https://[fd00::1]:443"


def test_the_operator_runs_without_the_kubernetes_client() -> None:
    # It would more than double the memory of the process.
    program = "import sys, esc_operator.handlers.main; print([name for name in sys.modules if name == 'kubernetes'])"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
