"""A tenant's organization in the Pulumi Cloud of the tests, and environments of the cluster that come from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.kube.paths import ENVIRONMENTS, NAMESPACES
from esc_operator.resources.allowances import ALLOWED_TOKEN_AUDIENCES, ALLOWED_URLS

if TYPE_CHECKING:
    from cluster.harness import Tenant
    from local_pulumi import LocalPulumi


@dataclass(frozen=True)
class Organization:
    """One that trusts the cluster: it gives tokens of the organization to the tenant's ServiceAccounts."""

    tenant: Tenant
    cloud: LocalPulumi
    name: str

    def put(self, text: str, environment: str = "shop/prod") -> int:
        """Write a revision in Pulumi Cloud; answers its number."""
        return self.cloud.put(self.name, environment, text)

    def source(self, environment: str = "shop/prod", **more: Any) -> dict[str, Any]:
        """What `spec.environmentFrom.pulumi` has to be for it."""
        project, _, name = environment.partition("/")
        access: dict[str, Any] = {} if "accessTokenSecretRef" in more else {"oidc": {}}
        named = {"organization": self.name, "project": project, "environment": name, "apiUrl": self.cloud.url}
        return {**named, **access, **more}

    def apply(self, name: str, source: dict[str, Any], **spec: Any) -> dict[str, Any]:
        """Create an environment of the cluster that comes from there, or replace its spec."""
        body = {
            "apiVersion": "esc-operator.dev/v1alpha1",
            "kind": "EscEnvironment",
            "metadata": {"name": name, "namespace": self.tenant.namespace},
            "spec": {"environmentFrom": {"pulumi": source}, **spec},
        }
        return self.tenant.cluster.must(
            "PATCH",
            ENVIRONMENTS.path(self.tenant.namespace, name),
            body,
            content_type="application/apply-patch+yaml",
            fieldManager="test",
            force="true",
        )


def join(tenant: Tenant, cloud: LocalPulumi, authority: str) -> Organization:
    """An organization of the tenant's name. `authority` is the file that the issuer's TLS is verified with. The
    namespace may ask the local Pulumi Cloud, which is on loopback, and give it its identity token, as that is not
    Pulumi's own address."""
    name, issuer = tenant.namespace, tenant.cluster.issuer()
    cloud.create_organization(name, members=["ada"], teams=["platform"])
    cloud.trust_issuer(name, issuer, authority)
    cloud.add_policy(name, issuer, subject=f"system:serviceaccount:{tenant.namespace}:*")
    allowed = {ALLOWED_TOKEN_AUDIENCES: f"urn:pulumi:org:{name}", ALLOWED_URLS: cloud.url}
    path = NAMESPACES.path(name=tenant.namespace)
    changes = {"metadata": {"annotations": allowed}}
    tenant.cluster.must("PATCH", path, changes, content_type="application/merge-patch+json")
    return Organization(tenant, cloud, name)
