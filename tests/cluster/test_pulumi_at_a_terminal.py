"""`esc` in a cluster, on environments that come from Pulumi Cloud: opened with the rights of a person."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cluster.pulumi import join
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from cluster.pulumi import Organization
    from local_pulumi import LocalPulumi

ESC = [sys.executable, "-c", "from esc_operator.cli import main; raise SystemExit(main())"]


class Person:
    def __init__(self, tenant: Tenant, clouds: dict[str, str], home: Path) -> None:
        self._tenant = tenant
        self._settings = {
            **clouds,
            "HOME": str(home),
            "KUBECONFIG": str(tenant.cluster.kubeconfig),
            "ESC_BACKEND_URL": f"kubernetes://{tenant.cluster.context}",
            "PATH": "/usr/bin:/bin",
        }

    def runs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*ESC, *arguments], env=self._settings, capture_output=True, text=True, check=False, timeout=60
        )

    def opens(self, *arguments: str) -> str:
        """What is printed; it has to succeed."""
        done = self.runs("open", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def organization(tenant: Tenant, pulumi: LocalPulumi, folder: Path) -> Organization:
    return join(tenant, pulumi, str(folder / "cluster-ca.crt"))


def test_the_accounts_token_or_an_access_token_opens_it_and_others_import_it(
    organization: Organization, cluster: Cluster, clouds: dict[str, str], tmp_path: Path
) -> None:
    tenant, namespace = organization.tenant, organization.tenant.namespace
    person = Person(tenant, clouds, tmp_path)
    organization.put("values:\n  a: {fn::secret: hunter2-hunter2}\n  environmentVariables: {A: '${a}'}\n")
    organization.apply("shop", organization.source())
    assert person.opens(f"{namespace}/shop", "a", "-f", "string") == "hunter2-hunter2\n"
    done = person.runs("run", f"{namespace}/shop", "--", "sh", "-c", 'echo "$A"')
    assert (done.returncode, done.stdout, done.stderr) == (0, "[secret]\n", "")

    token = organization.cloud.create_token(organization.name, user="ada")
    secret = {"metadata": {"name": "pulumi"}, "stringData": {"token": token}}
    cluster.must("POST", SECRETS.path(namespace), secret)
    organization.apply("with-token", organization.source(accessTokenSecretRef={"name": "pulumi", "key": "token"}))
    assert person.opens(f"{namespace}/with-token", "a", "-f", "string") == "hunter2-hunter2\n"

    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": "web"},
        "spec": {"definition": f"values: {{b: '${{environments.{namespace}.shop.a}}!'}}\n"},
    }
    cluster.must("POST", ENVIRONMENTS.path(namespace), body)
    assert person.opens(f"{namespace}/web", "b", "-f", "string") == "hunter2-hunter2!\n"

    organization.cloud.delete(organization.name, "shop/prod")
    done = person.runs("open", f"{namespace}/shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"there is no environment {organization.name}/shop/prod" in done.stderr
