"""Two tenants on one cluster, with the operator that serves both, and an AWS.

Each tenant is a user with the built-in role `admin` in a namespace of its own, and nothing else. The operator runs with
exactly its rights, its policies are in force, and it is installed a second time for the attacker's namespace alone.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.harness import Cluster, Tenant, trusting_aws, variables, wait_until
from cluster.rights import RBAC
from cluster.staging import Staged
from esc_operator.kube.paths import (
    CLUSTER_ENVIRONMENTS,
    ENVIRONMENTS,
    EVENTS,
    NAMESPACES,
    ROTATIONS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)
from esc_operator.resources import GROUP, ROTATE_REQUESTED_AT
from local_cluster import cluster as clusters
from local_cluster import kubeconfig
from local_operator import LocalOperator
from local_pulumi import LocalPulumi
from local_vault import LocalVault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ATTACKER, NEIGHBOUR = "red", "blue"
OPERATOR, CONFINED = "esc-system", "esc-confined"
PULSE = "pulse-"
MARK = {"marked": "yes"}
NEIGHBOURS_SECRET = "blue-and-nobody-elses"
CLUSTER_ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "clusterrolebindings", "ClusterRoleBinding")
ROLE_BINDINGS = Resource(f"/apis/{RBAC}/v1", "rolebindings", "RoleBinding")
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Stage(Staged):
    """Use it in a `with` block. `administrator` is the whole cluster; `attacker` and `neighbour` are the tenants, each
    with its own rights; `account` and `confined` are what a thief of the operator's token has, in both modes."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._made: list[str] = []
        self.canaries: list[str] = [NEIGHBOURS_SECRET]
        self.excused: set[str] = set()

    def set_up(self, stack: contextlib.ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="esc-tenants-")))
        name = f"esc-test-{os.getpid()}-tenants"  # a run that is killed leaves one that the next run of tests deletes
        stack.callback(clusters.delete, name)
        local = clusters.create(name)
        self._kubeconfig, self._context = local.admin_kubeconfig, kubeconfig.context_name(name)
        self.administrator = self._see(stack, self._kubeconfig, self._context)
        self.aws = stack.enter_context(trusting_aws(self.administrator, self.folder))
        self._vault = LocalVault(self.folder / "vault")
        self._vault.certify()
        self.pulumi = stack.enter_context(LocalPulumi(self.folder / "pulumi"))
        for namespace in (ATTACKER, NEIGHBOUR):
            self.administrator.create_namespace(namespace, wide="yes")
        self._install(stack)
        self.attacker, self.neighbour = self._tenant(stack, ATTACKER), self._tenant(stack, NEIGHBOUR)
        self.lax = self._role("lax", ATTACKER)
        Tenant(self.administrator, self.aws, ATTACKER, "").allow(
            roles=f"{self.attacker.role}, {self.neighbour.role}", audiences="sts.amazonaws.com"
        )
        self._furnish()

    def _install(self, stack: contextlib.ExitStack) -> None:
        confined, own = self.folder / "confined", self.folder / "operator"
        confined.mkdir()
        own.mkdir()
        LocalOperator(
            self._kubeconfig,
            self._context,
            confined,
            namespaces={ATTACKER: ["default"]},
            own_namespace=CONFINED,
        ).install()
        certificates = self.folder / "clouds.crt"
        certificates.write_text(self._vault.ca_file.read_text() + self.pulumi.ca_file.read_text())
        self.operator = LocalOperator(
            self._kubeconfig,
            self._context,
            own,
            settings={**self.aws.environment, "SSL_CERT_FILE": str(certificates)},
            arguments=("--log-level=debug", "--metrics-authorization", f"--allowed-url={self.pulumi.url}"),
        )
        stack.enter_context(self.operator)
        self._let_somebody_scrape()
        self.account = self._see(stack, own / "operator.kubeconfig", "esc-operator")
        self.confined = self._see(stack, confined / "operator.kubeconfig", "esc-operator")

    def _let_somebody_scrape(self) -> None:
        binding = {
            "metadata": {"name": "scrape"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "esc-operator-metrics"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "kube-system", "name": "default"}],
        }
        self.administrator.must("POST", CLUSTER_ROLE_BINDINGS.path(), binding)
        self.operator.metrics_token = self.token("kube-system", "default")

    def token(self, namespace: str, account: str) -> str:
        """What a pod of that ServiceAccount has mounted."""
        path = SERVICE_ACCOUNTS.path(namespace, account, "token")
        answer: dict[str, Any] = {}

        def is_there() -> bool:
            status, found = self.administrator.request("POST", path, {"spec": {}})
            answer.update(found)
            return status < 400

        wait_until(is_there, f"ServiceAccount {namespace}/{account} is there")
        text: str = answer["status"]["token"]
        return text

    def _see(self, stack: contextlib.ExitStack, path: Path, context: str, user: str = "") -> Cluster:
        cluster = Cluster(path, context, user)
        stack.callback(cluster.close)
        return cluster

    def _role(self, name: str, namespace: str) -> str:
        subject = f"system:serviceaccount:{namespace}:default"
        return self.aws.create_role(name, self.administrator.issuer(), subject, max_session=43200)

    def _tenant(self, stack: contextlib.ExitStack, namespace: str) -> Tenant:
        body = {
            "metadata": {"name": "tenant"},
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"apiGroup": RBAC, "kind": "User", "name": f"{namespace}-admin"}],
        }
        self.administrator.must("POST", ROLE_BINDINGS.path(namespace), body)
        seen = self._see(stack, self._kubeconfig, self._context, f"{namespace}-admin")
        wait_until(
            lambda: seen.request("GET", ENVIRONMENTS.path(namespace))[0] == 200, "the built-in role has the new right"
        )
        return Tenant(seen, self.aws, namespace, self._role(namespace, namespace))

    def _furnish(self) -> None:
        """What there is to be had."""
        inherited = {"fn::secret": NEIGHBOURS_SECRET}
        self.neighbour.apply("closed", variables(STOLEN=inherited))
        self.neighbour.apply("shared", variables(GIVEN="1"), sharing={"namespaces": [ATTACKER]})
        behind = [{name: {"merge": False}} for name in ("closed", "ClusterEscEnvironment/private")]
        self.neighbour.apply("sharer", {"imports": behind, **variables(SHARED="1")}, sharing={"namespaces": [ATTACKER]})
        self.neighbour.apply("aws", self.neighbour.login())
        self.neighbour.write_secret("theirs", {"PASSWORD": NEIGHBOURS_SECRET})
        Tenant(self.administrator, self.aws, "kube-system", "").write_secret("theirs", {"PASSWORD": NEIGHBOURS_SECRET})
        self.attacker.apply("own", self.attacker.login())
        self.apply_wide("private", variables(STOLEN=inherited), sharing={"namespaces": [NEIGHBOUR]})
        self.apply_wide(
            "wide",
            variables(WIDE={"fn::secret": "wide-and-true"}),
            target={"namespaceSelector": {"matchLabels": {"wide": "yes"}}},
        )
        for path in (ENVIRONMENTS.path(ATTACKER, "own"), CLUSTER_ENVIRONMENTS.path(None, "wide")):
            self.administrator.must("PATCH", path, {"metadata": {"labels": MARK}}, content_type=MERGE)
        for tenant, names in ((self.neighbour, ("closed", "shared", "sharer", "aws")), (self.attacker, ("own",))):
            for name in names:
                tenant.until_ready(name)
        for tenant in (self.neighbour, self.attacker):
            wait_until(lambda: tenant.secret("wide"), "the wide Secret is there")  # noqa: B023
        self.canaries.append("wide-and-true")

    def apply_wide(self, name: str, environment: Mapping[str, Any], **spec: Any) -> None:
        body = {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "ClusterEscEnvironment",
            "metadata": {"name": name},
            "spec": {"environment": environment, **spec},
        }
        path = CLUSTER_ENVIRONMENTS.path(None, name)
        self.administrator.must("PATCH", path, body, content_type=APPLY, fieldManager="administrator", force="true")

    # What attempts use.

    @contextlib.contextmanager
    def vault(self) -> Iterator[LocalVault]:
        """A Vault that accepts the cluster's tokens, with the second version of the KV engine."""
        with self._vault as vault:
            vault.trust(self.administrator.issuer(), self.administrator.write_authority(vault.ca_file.parent))
            vault.mount("secret", "kv", version="2")
            yield vault

    def fresh(self) -> str:
        """A name for an environment of the attacker's, which is deleted after the attempt."""
        self._made.append(f"try-{next(self._numbers)}")
        return self._made[-1]

    def note(self, name: str) -> None:
        """Delete this environment of the attacker's after the attempt as well."""
        self._made.append(name)

    def canary(self) -> str:
        """A secret that must be found nowhere but in a Secret and in the spec it was written to."""
        self.canaries.append(f"hunter{next(self._numbers)}zwei")
        return self.canaries[-1]

    def tidy(self) -> None:
        for name in self._made:
            self.administrator.request("DELETE", ENVIRONMENTS.path(ATTACKER, name))
        self._made.clear()
        self.excused.clear()

    def of_others(self) -> dict[str, Any]:
        """All that the attacker must not change."""
        seen: dict[str, Any] = {}
        for namespace in (NEIGHBOUR, "kube-system", OPERATOR, CONFINED):
            for one in self.administrator.must("GET", SECRETS.path(namespace))["items"]:
                if not one["metadata"]["name"].startswith(PULSE):
                    seen[f"Secret {namespace}/{one['metadata']['name']}"] = one
        for one in self.administrator.must("GET", ENVIRONMENTS.path(NEIGHBOUR))["items"]:
            if not one["metadata"]["name"].startswith(PULSE):
                seen[f"environment {one['metadata']['name']}"] = one["spec"]
        for one in self.administrator.must("GET", CLUSTER_ENVIRONMENTS.path())["items"]:
            seen[f"ClusterEscEnvironment {one['metadata']['name']}"] = one["spec"]
        for one in self.administrator.must("GET", NAMESPACES.path())["items"]:
            seen[f"Namespace {one['metadata']['name']}"] = one["metadata"].get("annotations")
        mints = self.aws.mints().by_role
        seen |= {f"mints of {role}": mints.get(role, 0) for role in (self.neighbour.role, self.lax)}
        return seen

    def serve_the_neighbour(self) -> None:
        self.take_pulse(variables(BEAT="1"))
        assert self.operator.is_running(), "the operator has ended"

    def rotate_the_marked(self) -> None:
        """The administrator has new values made for the attacker's environment and the cluster's: an EscRotation, which
        waits for no gap between rotations."""
        name = f"marked-{next(self._numbers)}"
        body = {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "EscRotation",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": MARK}},
        }
        self.administrator.must("POST", ROTATIONS.path(), body)

        def status() -> dict[str, Any]:
            found: dict[str, Any] = self.administrator.must("GET", ROTATIONS.path(None, name)).get("status") or {}
            return found

        wait_until(lambda: status().get("phase") == "Succeeded", "the own and the cluster's are served", status)
        self.administrator.must("DELETE", ROTATIONS.path(None, name))
        self.allow_change(f"Secret {NEIGHBOUR}/wide")

    def take_pulse(self, definition: Mapping[str, Any]) -> float:
        """How many seconds it takes until a new environment of the neighbour's is served."""
        name, began = f"{PULSE}{next(self._numbers)}", time.monotonic()
        self.neighbour.apply(name, definition)
        wait_until(
            lambda: self.neighbour.is_ready(name),
            "the neighbour is served",
            lambda: self.neighbour.status(name),
            patience=15,
        )
        served = time.monotonic() - began
        self.neighbour.delete(name)
        return served

    def recover(self) -> None:
        """After an attempt that has left something broken, so that the next is judged by itself."""
        self.operator.kill()
        for name in ("own", "wide"):
            self.administrator.request("DELETE", SECRETS.path(ATTACKER, name))
        self.operator.start()
        self.attacker.annotate("own", annotations={ROTATE_REQUESTED_AT: None})
        wait_until(lambda: self.attacker.secret("own") and self.attacker.secret("wide"), "all is as it was")

    def places(self) -> dict[str, str]:
        """Where more people read than may read Secrets."""
        kinds = (ENVIRONMENTS, CLUSTER_ENVIRONMENTS)
        items = [item for kind in kinds for item in self.administrator.must("GET", kind.path())["items"]]
        return {
            "a status": json.dumps([item.get("status") for item in items], ensure_ascii=False),
            "an event": json.dumps(self.administrator.must("GET", EVENTS.path()), ensure_ascii=False),
            "the log": self.operator.log.read_text(),
            "a metric": self.operator.scrape(),
        }

    def found(self, text: str) -> list[str]:
        return [place for place, content in self.places().items() if text in content]

    def allow_change(self, what: str) -> None:
        """An attempt has let the administrator change this."""
        self.excused.add(what)
