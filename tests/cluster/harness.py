"""What the cluster tests stand on: plain verbs on a real API server, and waiting with a bound."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kubernetes import config
from kubernetes.client.exceptions import ApiException

from esc_operator.kube.paths import ENVIRONMENTS, EVENTS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS
from esc_operator.resources.allowances import (
    ALLOWED_AUDIENCES,
    ALLOWED_ROLES,
    ALLOWED_TOKEN_AUDIENCES,
    ALLOWED_URLS,
)
from local_aws import LocalAws
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kubernetes.client import ApiClient

    from esc_operator.kube.paths import Resource

PATIENCE = 60.0


class Cluster:
    """A cluster, as its administrator sees it, or as somebody does whom the administrator impersonates. `lasts`: it is
    there after the tests as well."""

    def __init__(self, kubeconfig: Path, context: str, user: str = "", *, lasts: bool = False) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self.lasts = lasts
        self._client: ApiClient = config.new_client_from_config(str(kubeconfig), context)
        if user:
            self._client.set_default_header("Impersonate-User", user)

    def close(self) -> None:
        self._client.close()

    def request(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json", **query: str
    ) -> tuple[int, dict[str, Any]]:
        """The status and the body of an answer, whatever it is."""
        try:
            answer = self._client.call_api(
                path,
                method,
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=20,
            )
        except ApiException as refusal:
            return refusal.status, json.loads(refusal.body)
        return answer.status, json.loads(answer.data)

    def post_text(self, path: str, text: str) -> tuple[int, dict[str, Any]]:
        """The same of what the client could not even put into words, such as very deep JSON."""
        answer = self._client.rest_client.pool_manager.request(
            "POST",
            f"{self._client.configuration.host}{path}",
            body=text.encode(),
            headers={**self._client.default_headers, "Content-Type": "application/json"},
            timeout=20,
        )
        return answer.status, json.loads(answer.data) if answer.status >= 400 else {}

    def must(self, method: str, path: str, body: Any = None, **more: str) -> dict[str, Any]:
        status, answer = self.request(method, path, body, **more)
        assert status < 300, f"{method} {path}: {status} {answer.get('message')}"
        return answer

    def find(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        status, answer = self.request("GET", resource.path(namespace, name))
        return answer if status == 200 else None

    def issuer(self) -> str:
        issuer: str = self.must("GET", "/.well-known/openid-configuration")["issuer"]
        return issuer

    def authority(self) -> bytes:
        return Path(self._client.configuration.ssl_ca_cert).read_bytes()

    def write_authority(self, folder: Path) -> Path:
        path = folder / "cluster-ca.crt"
        path.write_bytes(self.authority())
        return path

    def create_namespace(self, name: str, **labels: str) -> None:
        """A namespace, with its ServiceAccount `default`."""
        self.must("POST", NAMESPACES.path(), {"metadata": {"name": name, "labels": labels}})
        wait_until(lambda: self.find(SERVICE_ACCOUNTS, name, "default"), f"{name} has its ServiceAccount")

    def give_up_namespaces(self, *names: str) -> None:
        """Delete what a test has created. In a cluster that goes with the tests, nothing: each namespace would cost it
        0.18 seconds of processor time, which the tests that follow wait behind."""
        for name in names if self.lasts else ():
            self.request("DELETE", NAMESPACES.path(name=name))


@dataclass
class Tenant:
    """One namespace, with a role at AWS that trusts its ServiceAccount `default`."""

    cluster: Cluster
    aws: LocalAws
    namespace: str
    role: str

    def apply(self, name: str, environment: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
        """Create an environment, or replace its spec."""
        path = ENVIRONMENTS.path(self.namespace, name)
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscEnvironment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"environment": environment, **spec},
        }
        return self.cluster.must(
            "PATCH", path, body, content_type="application/apply-patch+yaml", fieldManager="test", force="true"
        )

    def annotate(self, name: str, **changes: Any) -> None:
        """Merge into an environment's metadata."""
        path = ENVIRONMENTS.path(self.namespace, name)
        self.cluster.must("PATCH", path, {"metadata": changes}, content_type="application/merge-patch+json")

    def allow(self, **lists: str | None) -> None:
        """Set or take away the allow-lists of the namespace: `roles`, `audiences`, `tokens` and `urls`."""
        names = {
            "roles": ALLOWED_ROLES,
            "audiences": ALLOWED_AUDIENCES,
            "tokens": ALLOWED_TOKEN_AUDIENCES,
            "urls": ALLOWED_URLS,
        }
        changes = {"metadata": {"annotations": {names[kind]: text for kind, text in lists.items()}}}
        path = NAMESPACES.path(name=self.namespace)
        self.cluster.must("PATCH", path, changes, content_type="application/merge-patch+json")

    def delete(self, name: str) -> None:
        self.cluster.must("DELETE", ENVIRONMENTS.path(self.namespace, name))

    def give_up(self) -> None:
        """The test is over: its environments end, and its namespace where the cluster stays."""
        self.cluster.request("DELETE", ENVIRONMENTS.path(self.namespace))
        self.cluster.give_up_namespaces(self.namespace)

    def environment(self, name: str) -> dict[str, Any]:
        found = self.cluster.find(ENVIRONMENTS, self.namespace, name)
        assert found is not None, f"there is no environment {name}"
        return found

    def status(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.environment(name).get("status") or {}
        return status

    def condition(self, name: str, kind: str = "Ready") -> dict[str, Any]:
        return condition_of(self.environment(name), kind)

    def secret(self, name: str) -> dict[str, Any] | None:
        return self.cluster.find(SECRETS, self.namespace, name)

    def values(self, name: str) -> dict[str, str]:
        """What a pod would find in its environment."""
        secret = self.secret(name)
        assert secret is not None, f"there is no Secret {name}"
        return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}

    def write_secret(self, name: str, data: Mapping[str, str], **fields: Any) -> None:
        """Create a Secret as anybody might, or merge into it."""
        if self.secret(name) is None:
            body = {"metadata": {"name": name}, "stringData": dict(data), **fields}
            self.cluster.must("POST", SECRETS.path(self.namespace), body)
            return
        body = {"stringData": dict(data), **fields}
        self.cluster.must(
            "PATCH", SECRETS.path(self.namespace, name), body, content_type="application/merge-patch+json"
        )

    def delete_secret(self, name: str) -> None:
        self.cluster.must("DELETE", SECRETS.path(self.namespace, name))

    def create_service_account(self, name: str) -> None:
        self.cluster.must("POST", SERVICE_ACCOUNTS.path(self.namespace), {"metadata": {"name": name}})

    def events(self, name: str) -> list[dict[str, Any]]:
        items = self.cluster.must("GET", EVENTS.path(self.namespace))["items"]
        return [item for item in items if item["involvedObject"]["name"] == name]

    def mints(self) -> int:
        """How often this namespace's role was assumed."""
        return self.aws.mints().by_role.get(self.role, 0)

    def until_ready(self, name: str) -> dict[str, Any]:
        wait_until(lambda: self.is_ready(name), f"{name} is ready", lambda: self.status(name))
        return self.status(name)

    def is_ready(self, name: str) -> bool:
        environment = self.environment(name)
        condition = condition_of(environment)
        observed = condition.get("observedGeneration") == environment["metadata"]["generation"]
        return observed and condition.get("status") == "True"

    def until_refused(self, name: str, reason: str, kind: str = "Ready") -> str:
        """Wait for a condition to be False for that reason; answers its message."""
        wait_until(
            lambda: self.condition(name, kind).get("reason") == reason,
            f"{kind} of {name} is False for {reason}",
            lambda: self.status(name).get("conditions"),
        )
        condition = self.condition(name, kind)
        assert condition["status"] == "False"
        message: str = condition["message"]
        return message

    def login(self, duration: str = "1h", **more: Any) -> dict[str, Any]:
        """The definition of design: a login with this namespace's role, and its three variables."""
        oidc = {"duration": duration, "roleArn": self.role, "sessionName": self.namespace, **more}
        return {
            "values": {
                "aws": {"login": {"fn::open::aws-login": {"oidc": oidc}}},
                "environmentVariables": {
                    "AWS_ACCESS_KEY_ID": "${aws.login.accessKeyId}",
                    "AWS_SECRET_ACCESS_KEY": "${aws.login.secretAccessKey}",
                    "AWS_SESSION_TOKEN": "${aws.login.sessionToken}",
                },
            }
        }


def condition_of(environment: Mapping[str, Any], kind: str = "Ready") -> dict[str, Any]:
    """A condition of an object that was read; empty if it has none of that kind."""
    conditions = (environment.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one["type"] == kind), {})


def create_tenant(cluster: Cluster, aws: LocalAws, namespace: str, account: str = "default") -> Tenant:
    """A new namespace, with a role that trusts one of its ServiceAccounts."""
    cluster.create_namespace(namespace)
    subject = f"system:serviceaccount:{namespace}:{account}"
    role = aws.create_role(namespace, cluster.issuer(), subject, max_session=43200)
    return Tenant(cluster, aws, namespace, role)


@contextlib.contextmanager
def trusting_aws(cluster: Cluster, folder: Path, *, reveal_secrets: bool = True) -> Iterator[LocalAws]:
    """An AWS that takes the cluster's tokens."""
    with LocalAws(reveal_secrets=reveal_secrets) as aws:
        aws.trust(cluster.issuer(), cluster.write_authority(folder))
        yield aws


@contextlib.contextmanager
def start_replicas(
    cluster: Cluster, installed: Path, folder: Path, settings: Mapping[str, str], lease_seconds: int
) -> Iterator[tuple[LocalOperator, LocalOperator]]:
    """Two operators that elect and are killed at the end. `installed` is the folder of one that was installed."""
    made = []
    try:
        for name in ("a", "b"):
            own = folder / name
            own.mkdir()
            shutil.copy(installed / "operator.kubeconfig", own)
            arguments = ("--leader-election", f"--lease-duration={lease_seconds}")
            made.append(LocalOperator(cluster.kubeconfig, cluster.context, own, settings=settings, arguments=arguments))
            made[-1].start()
        yield made[0], made[1]
    finally:
        for one in made:
            one.kill()


def variables(**values: Any) -> dict[str, Any]:
    """A definition with nothing but variables."""
    return {"values": {"environmentVariables": values}}


def wait_until(
    happened: Callable[[], object], what: str, tell: Callable[[], object] = lambda: "", patience: float = PATIENCE
) -> None:
    """Wait until something has happened; fail with what is there instead. Asks less often the longer it takes: each
    question costs the API server and this process some milliseconds, which what is waited for takes in turn."""
    began = time.monotonic()
    while not happened():
        waited = time.monotonic() - began
        assert waited < patience, f"waited {patience:.0f} s in vain until {what}; instead: {tell()}"
        time.sleep(min(0.05 + waited / 20, 0.25))


def stays(true: Callable[[], object], seconds: float) -> None:
    """Assert that something is true, and still is after a while."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert true()
        time.sleep(0.05)
