"""What is green and not as meant is told: through kubectl, as a user applies it and looks at it."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import wait_until
from local_cluster.tools import find_kubectl

if TYPE_CHECKING:
    from cluster.harness import Tenant

BASE = {"values": {"environmentVariables": {"DB_URL": "postgres://prod.example.com/app", "PORT": "1"}}}


def kubectl(tenant: Tenant, *arguments: str, text: str = "") -> str:
    place = ["--kubeconfig", str(tenant.cluster.kubeconfig), "--context", tenant.cluster.context]
    command = [str(find_kubectl()), *place, "--namespace", tenant.namespace, *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout


def apply(tenant: Tenant, *arguments: str, name: str = "app", **definition: Any) -> None:
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": name},
        "spec": {"environment": definition},
    }
    kubectl(tenant, *(arguments or ("apply",)), "-f", "-", text=json.dumps(body))


def warning(tenant: Tenant, name: str = "app") -> str:
    return str(tenant.condition(name, "Warnings").get("message", ""))


def until_warned(tenant: Tenant, reason: str, *parts: str) -> None:
    kubectl(tenant, "wait", "--for=condition=Ready", "escenv/app", "--timeout=30s")
    wait_until(
        lambda: tenant.condition("app", "Warnings").get("reason") == reason,
        f"it warns of {reason}",
        lambda: tenant.status("app"),
    )
    assert [part for part in parts if part not in warning(tenant)] == [], warning(tenant)


NOT_EXPORTED = {
    "an object and a list": (
        {"values": {"environmentVariables": {"FEATURES": {"beta": True}, "PORTS": [80, 443], "OK": "1"}}},
        "NotExported",
        ['"FEATURES" (an object) and "PORTS" (a list) are left out'],
    ),
    "a file that is an object": (
        {"values": {"files": {"KUBECONFIG": {"apiVersion": "v1"}, "OK": "1"}}},
        "NotExported",
        ["spec.environment.values.files", '"KUBECONFIG" (an object) is left out'],
    ),
    "variables that are a list": (
        {"values": {"environmentVariables": ["A=1"], "files": {"OK": "1"}}},
        "NotExported",
        ['"environmentVariables" is a list'],
    ),
    "the wrong case": (
        {"values": {"environmentvariables": {"A": "1"}, "files": {"OK": "1"}}},
        "NotExported",
        ["spec.environment.values.environmentvariables", 'has to be called "environmentVariables"'],
    ),
    "beside values": (
        {"environmentVariables": {"A": "1"}, "values": {"files": {"OK": "1"}}},
        "UnknownField",
        ["spec.environment.environmentVariables", 'move it below "values"'],
    ),
    "import for imports": (
        {"import": ["base"], "values": {"files": {"OK": "1"}}},
        "UnknownField",
        ["spec.environment.import", 'did you mean "imports"?'],
    ),
}


@pytest.mark.parametrize(("definition", "reason", "parts"), NOT_EXPORTED.values(), ids=NOT_EXPORTED.keys())
def test_what_is_left_out_is_told(tenant: Tenant, definition: dict[str, Any], reason: str, parts: list[str]) -> None:
    apply(tenant, **definition)
    until_warned(tenant, reason, *parts)
    assert tenant.values("app") == {"OK": "1"}
    columns = kubectl(tenant, "get", "escenv", "app").splitlines()
    assert columns[0].split()[:6] == ["NAME", "READY", "REASON", "REFRESH", "WARNINGS", "SECRET"]
    assert columns[1].split()[:6] == ["app", "True", "Synced", "Refreshed", reason, "app"]
    apply(tenant, values={"environmentVariables": {"OK": "1"}})
    wait_until(lambda: warning(tenant) == "" and tenant.is_ready("app"), "the warning goes")


NULLS = {
    "of a variable": ({"values": {"environmentVariables": {"DB_URL": None}}}, "values.environmentVariables.DB_URL"),
    "of a value": ({"values": {"colour": None, "environmentVariables": {"A": "1"}}}, "values.colour"),
    "within a list": (
        {"values": {"list": [{"a": None, "b": 1}], "environmentVariables": {"A": "1"}}},
        "values.list[0].a",
    ),
}


@pytest.mark.parametrize(("definition", "path"), NULLS.values(), ids=NULLS.keys())
def test_a_null_that_kubectl_apply_takes_away_is_told(tenant: Tenant, definition: dict[str, Any], path: str) -> None:
    tenant.apply("base", BASE)
    apply(tenant, imports=["base"], **definition)
    until_warned(tenant, "NullLost", f"spec.environment.{path}: `kubectl apply` took the null", "spec.definition")
    assert tenant.values("app")["DB_URL"] == "postgres://prod.example.com/app"


@pytest.mark.parametrize("how", [("create",), ("apply", "--server-side"), ("create", "--save-config")])
def test_whoever_keeps_the_null_is_not_warned(tenant: Tenant, how: tuple[str, ...]) -> None:
    tenant.apply("base", BASE)
    apply(tenant, *how, imports=["base"], values={"environmentVariables": {"DB_URL": None}})
    tenant.until_ready("app")
    assert (tenant.values("app")["DB_URL"], warning(tenant)) == ("", "")


def test_a_null_alone_is_noticed_though_nothing_else_of_the_object_changes(tenant: Tenant) -> None:
    apply(tenant, values={"environmentVariables": {"A": "1"}})
    tenant.until_ready("app")
    apply(tenant, values={"environmentVariables": {"A": "1", "B": None}})
    until_warned(tenant, "NullLost", "environmentVariables.B")
    assert tenant.environment("app")["metadata"]["generation"] == 1
    apply(tenant, values={"environmentVariables": {"A": "1"}})
    wait_until(lambda: warning(tenant) == "", "the warning goes with the null")


def test_what_exports_nothing_fills_no_secret(tenant: Tenant) -> None:
    apply(tenant, values={"pulumiConfig": {"aws:region": "eu-central-1"}})
    kubectl(tenant, "wait", "--for=condition=Ready", "escenv/app", "--timeout=30s")
    assert tenant.condition("app")["reason"] == "NoVariables"
    assert tenant.secret("app") is None
