"""What `deploy/` and the Dockerfile say, held against the code they run: no cluster is needed."""

from __future__ import annotations

import re
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]  # moto brings it; its types come apart
import pytest
import yaml

from esc_operator import __version__
from esc_operator.handlers.main import main
from esc_operator.handlers.metrics_access import PATH
from esc_operator.lang import parse_object, parse_text
from esc_operator.resources.environment import Key
from esc_operator.resources.sharing import may_import, parse_sharing
from esc_operator.resources.workloads import secrets_of
from esc_operator.stores.imports import candidates
from esc_operator.stores.port import Failed
from local_cluster import places
from local_cluster.tools import find_kubectl
from local_operator import definitions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DEPLOY = places.REPOSITORY / "deploy"
EXAMPLES = sorted((DEPLOY / "examples").glob("*.yaml"))
DOCKERFILE = (places.REPOSITORY / "Dockerfile").read_text()
CRDS = {
    body["spec"]["names"]["kind"]: body
    for body in (yaml.safe_load(path.read_text()) for path in (places.REPOSITORY / "crds").glob("*.yaml"))
}

USER = 65532
PROBES = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
"""Where each of them is answered; the cluster tests wait for the last one there."""

# Written out a second time: a right that is widened in the code has to be widened here too.
RIGHTS = [
    ("esc-operator.dev", "escenvironments", {"get", "list", "watch"}),
    ("esc-operator.dev", "escenvironments/status", {"patch"}),
    ("esc-operator.dev", "escrotations", {"get", "list", "watch", "delete"}),
    ("esc-operator.dev", "escrotations/status", {"patch"}),
    ("esc-operator.dev", "clusterescenvironments", {"get", "list", "watch"}),
    ("esc-operator.dev", "clusterescenvironments/status", {"patch"}),
    ("", "secrets", {"get", "list", "watch", "create", "patch", "delete"}),
    ("", "configmaps", {"get", "list", "watch"}),
    ("authorization.k8s.io", "localsubjectaccessreviews", {"create"}),
    ("", "serviceaccounts/token", {"create"}),
    ("", "events", {"create"}),
    ("", "namespaces", {"get"}),
    ("", "namespaces", {"list", "watch"}),
    ("apps", "deployments", {"list", "patch"}),
    ("apps", "statefulsets", {"list", "patch"}),
    ("apps", "daemonsets", {"list", "patch"}),
    ("argoproj.io", "rollouts", {"list", "patch"}),
    ("", "pods", {"list"}),
    ("authentication.k8s.io", "tokenreviews", {"create"}),
    ("authorization.k8s.io", "subjectaccessreviews", {"create"}),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies", {"get"}),
]


def read_documents(text: str) -> list[dict[str, Any]]:
    return [body for body in yaml.safe_load_all(text) if body]


def is_environment(body: dict[str, Any]) -> bool:
    return body["kind"] in {"EscEnvironment", "ClusterEscEnvironment"}


def environments_of(*files: Any) -> list[Any]:
    return [
        pytest.param(body, id=body["metadata"]["name"])
        for file in files
        for body in read_documents(file.read_text())
        if is_environment(body)
    ]


def build(folder: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What `kubectl apply -k` would send, by kind and name."""
    built = subprocess.run(
        [str(find_kubectl()), "kustomize", str(DEPLOY / folder)], check=True, capture_output=True, text=True
    ).stdout
    return {(body["kind"], body["metadata"]["name"]): body for body in read_documents(built)}


@pytest.fixture(scope="module")
def base() -> dict[tuple[str, str], dict[str, Any]]:
    return build("base")


@pytest.fixture(scope="module")
def namespaced() -> dict[tuple[str, str], dict[str, Any]]:
    return build("namespaced")


@pytest.fixture(scope="module")
def pod(base: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    spec: dict[str, Any] = base["Deployment", "esc-operator"]["spec"]["template"]["spec"]
    return spec


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


# The base.


def test_the_base_holds_these_objects_and_no_others(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert sorted(base) == [
        ("ClusterRole", "esc-operator"),
        *(("ClusterRole", f"esc-operator-{people}") for people in ("admin", "edit", "metrics", "open", "view")),
        ("ClusterRoleBinding", "esc-operator"),
        ("ConfigMap", "esc-operator-tokens"),
        ("CustomResourceDefinition", "clusterescenvironments.esc-operator.dev"),
        ("CustomResourceDefinition", "escenvironments.esc-operator.dev"),
        ("CustomResourceDefinition", "escrotations.esc-operator.dev"),
        ("Deployment", "esc-operator"),
        ("Namespace", "esc-system"),
        ("NetworkPolicy", "esc-operator"),
        ("PodDisruptionBudget", "esc-operator"),
        ("Role", "esc-operator-own"),
        ("RoleBinding", "esc-operator-own"),
        ("ServiceAccount", "esc-operator"),
        ("ValidatingAdmissionPolicy", "esc-operator-secrets"),
        ("ValidatingAdmissionPolicy", "esc-operator-tokens"),
        ("ValidatingAdmissionPolicyBinding", "esc-operator-secrets"),
        ("ValidatingAdmissionPolicyBinding", "esc-operator-tokens"),
        ("ValidatingAdmissionPolicyBinding", "esc-operator-tokens-listed"),
    ]
    for crd in CRDS.values():
        assert base["CustomResourceDefinition", crd["metadata"]["name"]]["spec"] == crd["spec"]


def test_namespaced_objects_are_in_the_namespace_of_the_base(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    cluster_wide = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace"}
    for (kind, _), body in base.items():
        if kind.startswith("ValidatingAdmissionPolicy"):
            continue  # not every kubectl knows that these belong to no namespace; the API server does
        assert body["metadata"].get("namespace") == (None if kind in cluster_wide else "esc-system"), kind


def test_the_namespace_enforces_the_restricted_standard(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    labels = base["Namespace", "esc-system"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_pod_is_within_the_restricted_standard(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers", "volumes"} & pod.keys()
    assert not any("hostPort" in port for port in container["ports"])
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_two_operators_run_of_which_one_works(
    base: dict[tuple[str, str], dict[str, Any]], container: dict[str, Any]
) -> None:
    spec = base["Deployment", "esc-operator"]["spec"]
    assert spec["replicas"] == 2
    # The new one stands by before an old one ends, so that somebody can take over at any time.
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    given = main.make_context("esc-operator", list(container["args"])).params
    assert given["leader_election"] is True


def test_replicas_are_kept_apart_and_never_all_taken_away(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    spec = base["Deployment", "esc-operator"]["spec"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    budget = base["PodDisruptionBudget", "esc-operator"]["spec"]
    assert budget["maxUnavailable"] == 1
    labels = spec["template"]["metadata"]["labels"]
    for selector in (spread["labelSelector"], budget["selector"], spec["selector"]):
        assert selector["matchLabels"].items() <= labels.items()


def test_the_lease_may_be_written_in_the_namespace_of_the_operator_alone(
    base: dict[tuple[str, str], dict[str, Any]], container: dict[str, Any]
) -> None:
    role, binding = base["Role", "esc-operator-own"], base["RoleBinding", "esc-operator-own"]
    name = main.make_context("esc-operator", list(container["args"])).params["lease_name"]
    leases = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    assert role["rules"] == [
        {**leases, "verbs": ["get", "patch"], "resourceNames": [name]},
        {**leases, "verbs": ["create"]},
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "esc-operator", "namespace": "esc-system"}]


def test_a_service_cannot_set_the_flags_of_the_operator(pod: dict[str, Any]) -> None:
    assert pod["enableServiceLinks"] is False


def test_the_operator_takes_the_arguments_and_is_probed_where_it_answers(container: dict[str, Any]) -> None:
    context = main.make_context("esc-operator", list(container["args"]))
    host, port = context.params["health_address"].rsplit(":", 1)
    assert host == "0.0.0.0"
    _, metrics_port = context.params["metrics_address"].rsplit(":", 1)
    assert container["ports"] == [
        {"name": "health", "containerPort": int(port)},
        {"name": "metrics", "containerPort": int(metrics_port)},
    ]
    for probe, path in PROBES.items():
        assert container[probe]["httpGet"] == {"path": path, "port": "health"}, probe


def test_the_rights_are_exactly_these(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    rules = base["ClusterRole", "esc-operator"]["rules"]
    assert granted(rules) == RIGHTS
    assert all(rule.keys() == {"apiGroups", "resources", "verbs"} for rule in rules)


def granted(rules: list[dict[str, Any]]) -> list[tuple[str, str, set[str]]]:
    return [
        (group, resource, set(rule["verbs"]))
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


def test_the_rights_go_to_the_account_of_the_pod_and_to_nobody_else(
    base: dict[tuple[str, str], dict[str, Any]], pod: dict[str, Any]
) -> None:
    binding = base["ClusterRoleBinding", "esc-operator"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "esc-operator", "namespace": "esc-system"}]
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("ClusterRole", "esc-operator")
    assert pod["serviceAccountName"] == "esc-operator"


def test_the_roles_for_people_are_exactly_these(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    write = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    expected = {
        "esc-operator-view": [("esc-operator.dev", "escenvironments", {"get", "list", "watch"})],
        "esc-operator-edit": [("esc-operator.dev", "escenvironments", write)],
        "esc-operator-open": [
            ("esc-operator.dev", "escenvironments", {"get", "list"}),
            ("esc-operator.dev", "clusterescenvironments", {"get"}),
            ("", "serviceaccounts/token", {"create"}),
            ("", "secrets", {"get"}),
            ("", "configmaps", {"get"}),
        ],
        "esc-operator-admin": [
            ("esc-operator.dev", "clusterescenvironments", write),
            ("esc-operator.dev", "escrotations", write),
        ],
    }
    others = {"esc-operator", "esc-operator-metrics"}
    roles = {name: body for (kind, name), body in base.items() if kind == "ClusterRole" and name not in others}
    assert {name: granted(body["rules"]) for name, body in roles.items()} == expected


def test_who_may_read_metrics_may_get_that_path_and_nothing_else(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    assert base["ClusterRole", "esc-operator-metrics"]["rules"] == [{"nonResourceURLs": [PATH], "verbs": ["get"]}]


def test_only_metrics_can_be_reached_and_only_from_namespaces_that_are_named(
    base: dict[tuple[str, str], dict[str, Any]], container: dict[str, Any]
) -> None:
    policy, deployment = base["NetworkPolicy", "esc-operator"]["spec"], base["Deployment", "esc-operator"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"esc-operator.dev/metrics": "true"}}}]
    assert [port["port"] for port in rule["ports"]] == ["metrics"]
    assert "metrics" in {port["name"] for port in container["ports"]}


def test_only_the_right_to_write_environments_becomes_a_part_of_built_in_roles(
    base: dict[tuple[str, str], dict[str, Any]],
) -> None:
    joined = {
        (name, label.removeprefix("rbac.authorization.k8s.io/aggregate-to-"))
        for (kind, name), body in base.items()
        for label in body["metadata"].get("labels") or {}
        if kind == "ClusterRole" and "aggregate-to-" in label
    }
    assert joined == {("esc-operator-edit", "edit"), ("esc-operator-edit", "admin")}


def test_nobody_is_bound_to_the_roles_for_people(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    bound = {body["roleRef"]["name"] for (kind, _), body in base.items() if kind.endswith("RoleBinding")}
    assert bound == {"esc-operator", "esc-operator-own"}


@pytest.mark.parametrize("path", definitions.made(), ids=lambda path: str(path.relative_to(places.REPOSITORY)))
def test_files_are_what_the_code_makes(path: Path) -> None:
    assert path.read_text() == definitions.made()[path], "run `make crds`"


def test_every_policy_is_bound_and_refuses_where_it_cannot_decide(base: dict[tuple[str, str], dict[str, Any]]) -> None:
    bound = [body["spec"] for (kind, _), body in base.items() if kind == "ValidatingAdmissionPolicyBinding"]
    assert all(binding["validationActions"] == ["Deny"] for binding in bound)
    for (kind, name), body in base.items():
        if kind == "ValidatingAdmissionPolicy":
            assert body["spec"]["failurePolicy"] == "Fail"
            assert [binding for binding in bound if binding["policyName"] == name and "paramRef" not in binding]


# The namespaced mode.


def test_in_namespaced_mode_no_right_goes_beyond_a_namespace(
    namespaced: dict[tuple[str, str], dict[str, Any]], base: dict[tuple[str, str], dict[str, Any]]
) -> None:
    assert ("ClusterRoleBinding", "esc-operator") in base
    assert not [name for kind, name in namespaced if kind == "ClusterRoleBinding"]
    bound = {body["roleRef"]["kind"] for (kind, _), body in namespaced.items() if kind == "RoleBinding"}
    assert bound == {"Role"}


def test_the_namespaced_mode_differs_from_the_base_in_its_rights_and_arguments_alone(
    namespaced: dict[tuple[str, str], dict[str, Any]], base: dict[tuple[str, str], dict[str, Any]]
) -> None:
    cluster_wide = {("ClusterRole", "esc-operator"), ("ClusterRoleBinding", "esc-operator")}
    own = {("Role", "esc-operator"), ("RoleBinding", "esc-operator")}
    tokens = {("Role", "esc-operator-tokens"), ("RoleBinding", "esc-operator-tokens")}
    assert namespaced.keys() == (base.keys() - cluster_wide) | own | tokens
    arguments = namespaced["Deployment", "esc-operator"]["spec"]["template"]["spec"]["containers"][0].pop("args")
    before = base["Deployment", "esc-operator"]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == [*before, "--namespace=apps"]
    assert main.make_context("esc-operator", arguments).params["namespaces"] == ("apps",)


def test_in_namespaced_mode_the_rights_are_those_of_the_base_with_named_accounts(
    namespaced: dict[tuple[str, str], dict[str, Any]],
) -> None:
    tokens = namespaced["Role", "esc-operator-tokens"]
    assert tokens["metadata"]["namespace"] == "apps"
    assert tokens["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["serviceaccounts/token"],
            "verbs": ["create"],
            "resourceNames": ["default", "apps"],
        }
    ]
    rules = namespaced["Role", "esc-operator"]["rules"]
    elsewhere = {
        "serviceaccounts/token",
        *(f"{kind}{part}" for kind in ("clusterescenvironments", "escrotations") for part in ("", "/status")),
        "tokenreviews",
        "subjectaccessreviews",
        "validatingadmissionpolicies",
    }
    cluster_wide = ("", "namespaces", {"list", "watch"})
    assert granted(rules) == [right for right in RIGHTS if right[1] not in elsewhere and right != cluster_wide]


# The image.


def test_image_and_labels_carry_the_version_of_the_package(container: dict[str, Any]) -> None:
    project = tomllib.loads((places.REPOSITORY / "pyproject.toml").read_text())["project"]
    assert __version__ == project["version"]
    assert container["image"] == f"esc-operator:{project['version']}"
    assert image_label("version") == project["version"]
    assert image_label("licenses") == project["license"]
    assert image_label("title") == project["name"]


def test_the_image_starts_the_operator_as_the_user_of_the_pod() -> None:
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert f"\nUSER {USER}:{USER}\n" in final
    assert '\nENTRYPOINT ["esc-operator"]\n' in final


def test_a_user_that_the_image_does_not_know_has_a_name_all_the_same() -> None:
    # Without one, kopf's start ends in "getpwuid(): uid not found".
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.search(r"^ENV .*\bLOGNAME=esc-operator\b", final, re.MULTILINE)


def test_the_final_image_takes_only_the_built_environment() -> None:
    final = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.findall(r"^(?:COPY|ADD) .*", final, re.MULTILINE) == ["COPY --from=build /app /app"]


def test_image_and_makefile_install_the_one_uv_whose_hashes_are_listed() -> None:
    listed = (DEPLOY / "image" / "uv.txt").read_text()
    assert re.findall(r"^uv==[0-9.]+ ", listed, re.MULTILINE)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", listed)) > 10
    for text, file in ((DOCKERFILE, "uv.txt"), ((places.REPOSITORY / "Makefile").read_text(), "deploy/image/uv.txt")):
        (install,) = re.findall(r"pip install [^\n]*", text)
        assert f"--require-hashes --requirement {file}" in install


def test_the_base_of_the_image_is_named_by_its_digest() -> None:
    (image,) = re.findall(r"^ARG PYTHON_IMAGE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64}", image)
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON_IMAGE}"}


def image_label(name: str) -> str:
    (value,) = re.findall(rf'org\.opencontainers\.image\.{name}="([^"]*)"', DOCKERFILE)
    return str(value)


# The examples.


@pytest.mark.parametrize("environment", environments_of(*EXAMPLES))
def test_examples_follow_the_schema(environment: dict[str, Any]) -> None:
    crd = CRDS[environment["kind"]]
    (version,) = crd["spec"]["versions"]
    assert environment["apiVersion"] == f"{crd['spec']['group']}/{version['name']}"
    schema = closed(version["schema"]["openAPIV3Schema"])
    jsonschema.validate(environment, schema, cls=jsonschema.Draft202012Validator)


def test_the_schema_as_it_is_tested_here_finds_what_the_api_server_would_drop() -> None:
    schema = closed(CRDS["EscEnvironment"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    body = {"spec": {"environment": {"values": {}}, "serviceAccount": "apps"}}
    with pytest.raises(jsonschema.ValidationError, match="serviceAccount"):
        jsonschema.validate(body, schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize("environment", environments_of(*EXAMPLES))
def test_definitions_of_examples_are_without_fault(environment: dict[str, Any]) -> None:
    name, spec = environment["metadata"]["name"], environment["spec"]
    text = text_of(spec)
    parsed, diagnostics = parse_object(name, spec["environment"]) if text is None else parse_text(name, text)
    assert parsed is not None
    assert diagnostics == ()


def test_examples_have_the_namespaces_they_need_before_them() -> None:
    (first,) = read_documents(EXAMPLES[0].read_text())
    assert (first["kind"], first["metadata"]["name"]) == ("Namespace", "apps")
    known = {"apps"}
    for file in EXAMPLES[1:]:
        for body in read_documents(file.read_text()):
            if body["kind"] == "Namespace":
                known.add(body["metadata"]["name"])
            elif body["kind"] not in {"ClusterEscEnvironment", "EscRotation"}:
                assert body["metadata"]["namespace"] in known, file


def text_of(spec: dict[str, Any]) -> str | None:
    """The text of an example's definition, wherever it is; None if it is an object."""
    if "environmentFrom" not in spec:
        text: str | None = spec.get("definition")
        return text
    if "pulumi" in spec["environmentFrom"]:
        return "values: {}"  # what is in Pulumi Cloud is not known here
    ((field, reference),) = spec["environmentFrom"].items()
    kind, data = {"configMapKeyRef": ("ConfigMap", "data"), "secretKeyRef": ("Secret", "stringData")}[field]
    bodies = [body for file in EXAMPLES for body in read_documents(file.read_text()) if body["kind"] == kind]
    (named,) = (body for body in bodies if body["metadata"]["name"] == reference["name"])
    return str(named[data][reference["key"]])


def imports_of(spec: dict[str, Any]) -> list[str]:
    """What an example imports, of which each import is a name."""
    text = text_of(spec)
    definition = spec["environment"] if text is None else yaml.safe_load(text)
    return list(definition.get("imports", ()))


def test_examples_name_only_accounts_environments_and_secrets_that_are_there() -> None:
    bodies = [body for file in EXAMPLES for body in read_documents(file.read_text())]
    environments = {
        Key(body["metadata"].get("namespace", ""), body["metadata"]["name"]): body
        for body in bodies
        if is_environment(body)
    }
    accounts = {body["metadata"]["name"] for body in bodies if body["kind"] == "ServiceAccount"} | {"default"}
    secrets = {body["spec"].get("target", {}).get("name", key.name) for key, body in environments.items()}
    for key, body in environments.items():
        assert body["spec"].get("serviceAccountName", "default") in accounts
        for name in imports_of(body["spec"]):
            keys = candidates(name, key.namespace)
            assert not isinstance(keys, Failed)
            found = next(each for each in keys if each in environments)
            assert may_import(key.namespace, found.namespace, parse_sharing(environments[found])), name
    assert secrets_taken(bodies) <= secrets


def secrets_taken(bodies: Sequence[dict[str, Any]]) -> set[str]:
    """The Secrets that the workloads take their variables or their files from."""
    pods = [body["spec"]["template"]["spec"] for body in bodies if body["kind"] == "Deployment"]
    return {name for pod in pods for name in secrets_of(pod)}


def test_the_seed_environment_turns_a_role_into_the_three_variables() -> None:
    (seed,) = (param.values[0] for param in environments_of(DEPLOY / "examples" / "aws.yaml"))
    values = seed["spec"]["environment"]["values"]
    assert values["aws"]["login"]["fn::open::aws-login"]["oidc"] == {
        "duration": "1h",
        "roleArn": "arn:aws:iam::123456789012:role/apps",
        "sessionName": "apps-aws",
    }
    assert values["environmentVariables"] == {
        "AWS_ACCESS_KEY_ID": "${aws.login.accessKeyId}",
        "AWS_SECRET_ACCESS_KEY": "${aws.login.secretAccessKey}",
        "AWS_SESSION_TOKEN": "${aws.login.sessionToken}",
    }


def closed(schema: Any) -> Any:
    """A structural schema as JSON Schema, in which a property that the API server would drop is a fault."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(part) for key, part in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result.setdefault("additionalProperties", False)
    return result


def test_the_extras_of_the_image_are_ours() -> None:
    extras = tomllib.loads((places.REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (default,) = re.findall(r"^ARG EXTRAS=(.*)$", DOCKERFILE, re.MULTILINE)
    assert set(default.strip('"').split()) <= set(extras)
    installs = re.findall(r"uv sync .*", DOCKERFILE)
    assert len(installs) == 2
    assert all("$(printf -- '--extra %s ' $EXTRAS)" in install for install in installs)
