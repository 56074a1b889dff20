"""From what is answered to a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluster.harness import condition_of, wait_until
from tenants.attempt import NOBODY, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluster.harness import Cluster, Tenant
    from tenants.stage import Stage

_BY = {400: "API server", 403: "RBAC", 404: "API server", 409: "API server", 422: "schema"}


def asked(cluster: Cluster, method: str, path: str, body: Any = None, **more: str) -> Verdict:
    """What the API server makes of a request."""
    status, answer = cluster.request(method, path, body, **more)
    message = str(answer.get("message", ""))
    if status < 400:
        return Verdict(NOBODY, f"{method} {path}: {status}", good=False)
    by = "admission policy" if "ValidatingAdmissionPolicy" in message else _BY.get(status, str(status))
    return Verdict(by, message, good=status in {400, 403, 422})


def allowed(cluster: Cluster, method: str, path: str, body: Any = None, **more: str) -> Verdict:
    """The same of what has to succeed."""
    status, answer = cluster.request(method, path, body, **more)
    return Verdict(NOBODY, str(status) if status < 400 else str(answer.get("message")), good=status < 400)


def settled(tenant: Tenant, name: str) -> dict[str, Any]:
    """The condition Ready once the operator has looked at this very generation."""

    seen: dict[str, Any] = {}

    def is_settled() -> bool:
        environment = tenant.environment(name)
        seen.update(condition_of(environment))
        return bool(seen.get("observedGeneration") == environment["metadata"]["generation"])

    wait_until(is_settled, f"{name} is looked at", lambda: tenant.status(name))
    return seen


def applied(tenant: Tenant, name: str, definition: Mapping[str, Any], **spec: Any) -> Verdict:
    """What the operator makes of an environment."""
    tenant.apply(name, definition, **spec)
    ready = settled(tenant, name)
    if ready["status"] == "True":
        return Verdict(NOBODY, "Ready", good=False)
    by = "AWS" if ready["reason"] == "RoleTrustRefused" else "operator"
    return Verdict(by, f"{ready['reason']}: {ready['message']}", good=tenant.secret(name) is None)


def secret_kept(stage: Stage, definition: Mapping[str, Any], canary: str, **spec: Any) -> Verdict:
    """What is told of an environment in which a secret stands where it does not belong."""
    name = stage.fresh()
    stage.attacker.apply(name, definition, **spec)
    ready = settled(stage.attacker, name)
    found = stage.found(canary)
    told = f"{ready['reason']}: {ready['message']}".replace(canary, "<THE SECRET>")
    if found:
        return Verdict("operator", f"tells it in {', '.join(found)}: {told}", good=False)
    return Verdict("operator", told)
