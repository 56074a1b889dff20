"""The kind program makes real clusters: pytest-kind's fixture drives it, and an unclean end is no obstacle."""

import base64
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local_aws import LocalAws
from local_cluster import places, processes
from local_cluster.tools import find_kubectl

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Clusters of these tests are nobody else's; the built program is everybody's."""
    return {**os.environ, "XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}


@pytest.fixture(scope="module")
def kubeconfig(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running cluster's, which already held another context before."""
    path = tmp_path_factory.mktemp("config") / "kubeconfig"
    path.write_text(yaml.safe_dump({"contexts": [{"name": "mine", "context": {}}], "current-context": "mine"}))
    kind(environment, "create", "cluster", "--name=first", f"--kubeconfig={path}", "--image=x", "--wait", "60s")
    yield path
    kind(environment, "delete", "cluster", "--name=first", f"--kubeconfig={path}")
    assert [one["name"] for one in yaml.safe_load(path.read_text())["contexts"]] == ["mine"]


def kind(environment: dict[str, str], *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [places.KIND_PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done


def kubectl(kubeconfig: Path, *arguments: str) -> str:
    return subprocess.run(
        [find_kubectl(), "--kubeconfig", str(kubeconfig), *arguments], capture_output=True, text=True, check=True
    ).stdout


def records(environment: dict[str, str], name: str) -> dict[str, processes.Recorded]:
    folder = Path(environment["XDG_STATE_HOME"]) / "esc-operator" / "clusters" / name / "run"
    return {process.name: process for process in processes.read_records(folder)}


def test_a_cluster_serves_when_its_creation_returns(environment: dict[str, str], kubeconfig: Path) -> None:
    assert kind(environment, "get", "clusters").stdout.splitlines() == ["first"]
    config = yaml.safe_load(kubeconfig.read_text())
    assert config["current-context"] == "kind-first"
    assert [one["name"] for one in config["contexts"]] == ["mine", "kind-first"]
    assert kubeconfig.stat().st_mode & 0o077 == 0
    kubectl(kubeconfig, "create", "configmap", "made-here", "--from-literal=a=b")
    assert kubectl(kubeconfig, "get", "serviceaccount", "default", "-o", "name") == "serviceaccount/default\n"
    exported = kind(environment, "get", "kubeconfig", "--name", "first").stdout
    assert yaml.safe_load(exported)["current-context"] == "kind-first"


def test_anybody_reads_the_issuer_and_its_keys(kubeconfig: Path, tmp_path: Path) -> None:
    issuer, ca_file = issuer_of(kubeconfig, tmp_path)
    tls = ssl.create_default_context(cafile=ca_file)
    discovery = read(f"{issuer}/.well-known/openid-configuration", tls)
    assert discovery["issuer"] == issuer
    assert discovery["jwks_uri"] == f"{issuer}/openid/v1/jwks"
    assert [key["alg"] for key in read(discovery["jwks_uri"], tls)["keys"]] == ["RS256"]
    with pytest.raises(urllib.error.HTTPError) as raised:
        read(f"{issuer}/api/v1/namespaces/default/secrets", tls)
    raised.value.close()
    assert raised.value.code == 403


def test_a_token_of_the_cluster_is_good_at_the_local_aws(kubeconfig: Path, tmp_path: Path) -> None:
    import boto3
    import botocore

    issuer, ca_file = issuer_of(kubeconfig, tmp_path)
    token = kubectl(kubeconfig, "create", "token", "default", "--audience=sts.amazonaws.com").strip()
    with LocalAws() as aws:
        aws.trust(issuer, ca_file)
        role = aws.create_role("apps", issuer, "system:serviceaccount:default:default")
        client = boto3.client(
            "sts",
            region_name="us-east-1",
            endpoint_url=aws.endpoint_url,
            config=botocore.config.Config(signature_version=botocore.UNSIGNED),
        )
        client.assume_role_with_web_identity(RoleArn=role, RoleSessionName="test", WebIdentityToken=token)
        assert aws.mints().by_role_and_subject == {role: {"system:serviceaccount:default:default": 1}}


def test_a_name_that_is_taken_is_refused_and_the_cluster_left_alone(
    environment: dict[str, str], kubeconfig: Path, tmp_path: Path
) -> None:
    refused = kind(environment, "create", "cluster", "--name=first", f"--kubeconfig={tmp_path / 'other'}", fails=True)
    assert "'first' already exists" in refused.stderr
    assert not (tmp_path / "other").exists()
    kubectl(kubeconfig, "get", "--raw", "/readyz")


def test_an_image_is_refused_because_nothing_could_run_it(environment: dict[str, str], kubeconfig: Path) -> None:
    assert kubeconfig.exists()
    refused = kind(environment, "load", "docker-image", "--name", "first", "web:1", fails=True)
    assert "no node that could run web:1" in refused.stderr


def test_a_cluster_that_lost_a_process_is_absent_and_made_anew(environment: dict[str, str], tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kind(environment, "create", "cluster", "--name=second", f"--kubeconfig={kubeconfig}")
    try:
        before = records(environment, "second")
        os.kill(before["etcd"].pid, signal.SIGKILL)
        while before["etcd"].is_alive():
            pass
        assert "second" not in kind(environment, "get", "clusters").stdout.splitlines()
        refused = kind(environment, "export", "kubeconfig", "--name=second", f"--kubeconfig={kubeconfig}", fails=True)
        assert "no cluster 'second' is running" in refused.stderr

        kind(environment, "create", "cluster", "--name=second", f"--kubeconfig={kubeconfig}")
        assert not any(process.is_alive() for process in before.values())
        assert kubectl(kubeconfig, "get", "namespace", "default", "-o", "name") == "namespace/default\n"
    finally:
        after = records(environment, "second")
        kind(environment, "delete", "cluster", "--name=second", f"--kubeconfig={kubeconfig}")
    assert not any(process.is_alive() for process in after.values())
    assert "second" not in kind(environment, "get", "clusters").stdout


def test_pytest_kinds_fixture_drives_it(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "test_inside.py").write_text(
        "def test_inside(kind_cluster):\n"
        "    assert 'default' in kind_cluster.kubectl('get', 'namespaces')\n"
        "    assert kind_cluster.api.version[0] == '1'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--cluster-name=inside"]
    command += [f"--kind-bin={places.KIND_PROGRAM}", f"--kind-kubectl-bin={find_kubectl()}", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kind(environment, "get", "clusters").stdout.splitlines() in ([], ["first"])


def issuer_of(kubeconfig: Path, folder: Path) -> tuple[str, Path]:
    """The cluster's issuer, and a file with the authority of its certificate."""
    view = json.loads(kubectl(kubeconfig, "config", "view", "--raw", "--minify", "-o", "json"))
    discovery = json.loads(kubectl(kubeconfig, "get", "--raw", "/.well-known/openid-configuration"))
    ca_file = folder / "ca.crt"
    ca_file.write_bytes(base64.b64decode(view["clusters"][0]["cluster"]["certificate-authority-data"]))
    return discovery["issuer"], ca_file


def read(url: str, tls: ssl.SSLContext) -> Any:
    with urllib.request.urlopen(url, context=tls, timeout=5) as answer:
        return json.load(answer)
