"""`esc rotate` as a person runs it: on a real cluster, with their own rights."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from cluster.harness import Cluster, Tenant, stays, wait_until
from cluster.test_rollouts import DEPLOYMENTS, ON_CHANGE, create, taking
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ROTATIONS
from local_cluster.tools import find_kubectl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BIN = Path(sys.executable).parent
COUNT = 5


class Person:
    """Somebody at a terminal with a kubeconfig."""

    def __init__(self, home: Path, kubeconfig: Path, context: str) -> None:
        self._context = context
        self._environ = {
            "PATH": f"{BIN}:{find_kubectl().parent}:/usr/bin:/bin",
            "HOME": str(home),
            "ESC_HOME": str(home / ".esc"),
            "KUBECONFIG": str(kubeconfig),
        }

    def esc(self, *arguments: str, command: tuple[str, ...] = ("esc",)) -> subprocess.CompletedProcess[str]:
        """Run it with its output in pipes."""
        line = [*command, "rotate", *arguments, "--context", self._context]
        return subprocess.run(line, env=self._environ, capture_output=True, text=True, check=False, timeout=60)

    def at_terminal(self, *arguments: str) -> tuple[int, str]:
        """Run it with its messages on a terminal; answers its status and what was shown there."""
        ours, theirs = pty.openpty()
        line = ["esc", "rotate", *arguments, "--context", self._context]
        with subprocess.Popen(line, env=self._environ, stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            shown = b""
            try:
                while part := os.read(ours, 4096):
                    shown += part
            except OSError:  # the other end is closed
                pass
            os.close(ours)
        return process.returncode, shown.decode()


@pytest.fixture
def person(cluster: Cluster, tmp_path: Path) -> Person:
    return Person(tmp_path, cluster.kubeconfig.absolute(), cluster.context)


@pytest.fixture
def names(tenant: Tenant) -> Iterator[list[str]]:
    """Environments of one namespace in the order of their expiry, each with a login of its own."""
    names = [f"e{number}" for number in range(COUNT)]
    for number, name in enumerate(names):
        tenant.apply(name, tenant.login(duration=f"{60 + number}m", sessionName=f"{tenant.namespace}-{name}"))
    for name in names:
        tenant.until_ready(name)
    yield names
    for one in tenant.cluster.must("GET", ROTATIONS.path())["items"]:
        tenant.cluster.must("DELETE", ROTATIONS.path(None, one["metadata"]["name"]))


def test_one_environment_is_rotated_and_waited_for(person: Person, tenant: Tenant, names: list[str]) -> None:
    before = tenant.values("e0")["AWS_ACCESS_KEY_ID"]
    done = person.esc(f"{tenant.namespace}/e0", "--wait")
    assert (done.returncode, done.stdout) == (0, f"{tenant.namespace}/e0 has new credentials\n"), done.stderr
    assert tenant.values("e0")["AWS_ACCESS_KEY_ID"] != before
    assert tenant.mints() == COUNT + 1


@pytest.mark.parametrize(
    ("reason", "spec"),
    [("RolloutBlocked", {"paused": True}), ("RolloutStuck", {"replicas": 1, "progressDeadlineSeconds": 2})],
)
def test_a_rollout_that_does_not_end_by_itself_ends_the_wait(
    person: Person, tenant: Tenant, reason: str, spec: dict[str, object]
) -> None:
    tenant.apply("app", tenant.login(), rollout=ON_CHANGE)
    tenant.until_ready("app")
    create(tenant, DEPLOYMENTS, "web", taking("app"), **spec)
    done = person.esc(f"{tenant.namespace}/app", "--wait")
    assert (done.returncode, done.stdout) == (1, "")
    told = (
        f"Error: {tenant.namespace}/app has new credentials, but not all pods run with them: {reason}: Deployment web: "
    )
    assert done.stderr.splitlines()[-1].startswith(told)
    print(done.stderr)


def test_one_of_the_cluster_is_rotated_and_waited_for(person: Person, tenant: Tenant) -> None:
    name = f"wide-{tenant.namespace}"
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": name},
        "spec": {
            "environment": tenant.login(),
            "serviceAccount": {"namespace": tenant.namespace, "name": "default"},
            "target": {"namespaces": [tenant.namespace]},
        },
    }
    tenant.cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body)
    try:
        wait_until(lambda: tenant.secret(name), "it is filled")
        before = tenant.values(name)["AWS_ACCESS_KEY_ID"]
        done = person.esc(f"ClusterEscEnvironment/{name}", "--wait")
        assert (done.returncode, done.stdout) == (0, f"ClusterEscEnvironment/{name} has new credentials\n"), done.stderr
        assert tenant.values(name)["AWS_ACCESS_KEY_ID"] != before
        assert tenant.mints() == 2
        shown = person.esc("--role", tenant.role, "--dry-run").stdout
        assert shown.split()[0] == f"ClusterEscEnvironment/{name}"
    finally:
        tenant.cluster.must("DELETE", CLUSTER_ENVIRONMENTS.path(None, name))


def test_many_are_rotated_with_a_line_a_step_in_a_pipe(person: Person, tenant: Tenant, names: list[str]) -> None:
    done = person.esc("-n", tenant.namespace, "--max-concurrent", "2", "--reason", "a laptop", "--wait")
    assert (done.returncode, done.stdout) == (0, f"{COUNT} of {COUNT} environments have new values\n"), done.stderr
    assert re.match(r"Created EscRotation esc-rotate-\w+\n", done.stderr)
    assert f"{COUNT}/{COUNT} have new values, 0 running, 0 waiting, 0 failed\n" in done.stderr
    assert tenant.mints() == 2 * COUNT
    print(done.stderr)


def test_a_terminal_shows_a_bar(person: Person, tenant: Tenant, names: list[str]) -> None:
    status, shown = person.at_terminal("-n", tenant.namespace, "--max-concurrent", "1", "--wait")
    assert status == 0
    assert "rotating  [" in shown
    assert f"{COUNT}/{COUNT}" in shown
    print(repr(shown))


def test_failures_are_reported_by_name_and_by_the_status(person: Person, tenant: Tenant, names: list[str]) -> None:
    broken = tenant.login(sessionName="broken")
    broken["values"]["aws"]["login"]["fn::open::aws-login"]["oidc"]["roleArn"] += "-of-nobody"
    tenant.apply("e2", broken)
    tenant.until_refused("e2", "RoleTrustRefused")
    done = person.esc("-n", tenant.namespace, "--wait")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{tenant.namespace}/e2: RoleTrustRefused: " in done.stderr
    assert f": {COUNT - 1} of {COUNT} environments have new values; 1 failed (see status.failures; " in done.stderr


def test_a_dry_run_shows_the_order_and_mints_nothing(person: Person, tenant: Tenant, names: list[str]) -> None:
    done = person.esc("--role", f"*{tenant.role.rpartition('/')[2]}", "-n", tenant.namespace, "--dry-run")
    assert done.returncode == 0, done.stderr
    shown = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in shown] == [f"{tenant.namespace}/{name}" for name in names]
    assert [line[1] for line in shown] == [tenant.status(name)["expiresAt"] for name in names]
    assert done.stderr == f"{COUNT} environments would be rotated, in this order\n"
    stays(lambda: tenant.mints() == COUNT, 0.5)
    print(done.stdout)


def test_kubectl_takes_it_as_a_plug_in(person: Person, tenant: Tenant, names: list[str]) -> None:
    done = person.esc(f"{tenant.namespace}/e1", command=("kubectl", "esc"))
    assert (done.returncode, done.stdout) == (0, f"{tenant.namespace}/e1: requested new credentials\n"), done.stderr
    wait_until(lambda: tenant.mints() == COUNT + 1, "it is rotated")


def test_who_has_no_right_to_it_is_told_which_one(
    tenant: Tenant, names: list[str], cluster: Cluster, tmp_path: Path
) -> None:
    answer = cluster.must(
        "POST",
        f"/api/v1/namespaces/{tenant.namespace}/serviceaccounts/default/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    )
    config = tmp_path / "kubeconfig"
    config.write_text(yaml.safe_dump(as_user(cluster, answer["status"]["token"])))
    nobody = Person(tmp_path, config, "nobody")
    many = nobody.esc("-n", tenant.namespace)
    assert many.returncode == 1
    assert "cannot create resource" in many.stderr
    assert "need the right to create escrotations.esc-operator.dev" in many.stderr
    one = nobody.esc(f"{tenant.namespace}/e0")
    assert one.returncode == 1
    assert "cannot get resource" in one.stderr
    print(many.stderr, one.stderr)


def as_user(cluster: Cluster, token: str) -> Mapping[str, object]:
    admin = yaml.safe_load(cluster.kubeconfig.read_text())
    contexts = {one["name"]: one["context"] for one in admin["contexts"]}
    name = contexts[cluster.context]["cluster"]
    return {
        "clusters": [one for one in admin["clusters"] if one["name"] == name],
        "users": [{"name": "nobody", "user": {"token": token}}],
        "contexts": [{"name": "nobody", "context": {"cluster": name, "user": "nobody"}}],
        "current-context": "nobody",
    }
