"""Environments of the cluster that are in Pulumi Cloud, against one that verifies and refuses as the service does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import variables, wait_until
from cluster.pulumi import Organization, join
from cluster.test_text_definitions import kubectl, manifest
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, NAMESPACES
from esc_operator.resources import ROTATE_REQUESTED_AT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Tenant
    from local_pulumi import LocalPulumi

PROD = "values: {environmentVariables: {A: one}}"


@pytest.fixture
def acme(tenant: Tenant, pulumi: LocalPulumi, folder: Path) -> Iterator[Organization]:
    """The tenant's organization in a Pulumi Cloud that behaves well."""
    pulumi.clear_faults()
    organization = join(tenant, pulumi, str(folder / "cluster-ca.crt"))
    organization.put(PROD)
    pulumi.forget_requests()
    yield organization
    pulumi.clear_faults()
    pulumi.unhide()
    pulumi.change(revokes_exchanged=False, tells_revision_on_open=True)
    pulumi.limit_rate(organization.name, 0)


def refresh(tenant: Tenant, name: str, number: int = 1) -> None:
    tenant.annotate(name, annotations={ROTATE_REQUESTED_AT: str(number)})


def requests(organization: Organization) -> dict[str, int]:
    """The exchanges of tokens, and the opens of the organization's environments."""
    asked = [(one.method, one.path) for one in organization.cloud.requests()]
    opens = [path for method, path in asked if method == "POST" and path.partition("?")[0].endswith("/open")]
    return {
        "token": asked.count(("POST", "/api/oauth/token")),
        "open": sum(f"/{organization.name}/" in path for path in opens),
    }


def test_the_service_accounts_token_is_exchanged_and_the_secret_follows_revisions(acme: Organization) -> None:
    tenant = acme.tenant
    acme.apply("app", acme.source(lifetime="1h"))
    status = tenant.until_ready("app")
    assert tenant.values("app") == {"A": "one"}
    assert status["definitionOrigin"] == f"{acme.name}/shop/prod"
    assert status["definitionRevision"] == "2"
    role = f"urn:pulumi:org:{acme.name}"
    assert status["logins"] == [{"provider": "pulumi", "role": role, "organization": acme.name}]
    assert requests(acme) == {"token": 1, "open": 1}
    acme.put("values: {environmentVariables: {A: two}}")
    refresh(tenant, "app")
    wait_until(lambda: tenant.values("app") == {"A": "two"}, "the new revision is there")
    wait_until(lambda: tenant.status("app")["definitionRevision"] == "3", "the status has it")
    shown = kubectl(tenant, "get", "escenv", "app", "-o", "wide").stdout.splitlines()
    assert "ORIGIN" in shown[0]
    assert f"{acme.name}/shop/prod" in shown[1]
    issued = acme.cloud.issued_tokens()
    everything = json.dumps([tenant.environment("app"), tenant.events("app")])
    assert issued
    assert not [token for token in issued if token in everything]


def test_a_tag_that_moved_is_followed_and_a_revision_is_kept(acme: Organization) -> None:
    tenant = acme.tenant
    acme.put("values: {environmentVariables: {A: two}}")
    acme.cloud.tag(acme.name, "shop/prod", "stable", 2)
    acme.apply("tagged", acme.source(version="stable"))
    acme.apply("pinned", acme.source(version=3))
    tenant.until_ready("tagged")
    tenant.until_ready("pinned")
    assert (tenant.values("tagged"), tenant.values("pinned")) == ({"A": "one"}, {"A": "two"})
    assert tenant.status("pinned")["definitionOrigin"].endswith("/shop/prod@3")
    acme.cloud.tag(acme.name, "shop/prod", "stable", 3)
    refresh(tenant, "tagged")
    wait_until(lambda: tenant.values("tagged") == {"A": "two"}, "the tag is followed")


def test_other_environments_import_it_and_it_is_opened_once(acme: Organization) -> None:
    tenant = acme.tenant
    acme.put("values: {db: {user: u, password: {fn::secret: s3cret}}}")
    acme.apply("shop", acme.source(lifetime="1h"))
    wait_until(lambda: tenant.condition("shop").get("reason") == "NoVariables", "it is a base for others")
    for number in range(3):
        tenant.apply(f"app{number}", {"imports": ["shop"], **variables(PASSWORD="${db.password}")})
    for number in range(3):
        tenant.until_ready(f"app{number}")
        assert tenant.values(f"app{number}") == {"PASSWORD": "s3cret"}
    assert requests(acme) == {"token": 1, "open": 1}


def test_a_version_in_an_import_says_where_it_belongs(acme: Organization) -> None:
    tenant = acme.tenant
    tenant.apply("app", {"imports": ["shop@2"], "values": {}})
    message = tenant.until_refused("app", "VersionNotSupported")
    assert message.endswith(
        '"shop@2": a cluster stores no versions; leave "@2" out, and write a version of Pulumi Cloud into '
        "spec.environmentFrom.pulumi.version of the imported environment"
    )


def test_a_cluster_environment_fills_many_namespaces_from_one_open(acme: Organization) -> None:
    tenant, cluster = acme.tenant, acme.tenant.cluster
    name, others = f"wide-{tenant.namespace}", [f"{tenant.namespace}-{letter}" for letter in "abc"]
    for other in others:
        cluster.create_namespace(other)
    body = {
        "apiVersion": "esc-operator.dev/v1alpha1",
        "kind": "ClusterEscEnvironment",
        "metadata": {"name": name},
        "spec": {
            "environmentFrom": {"pulumi": acme.source(lifetime="1h")},
            "target": {"name": "wide", "namespaces": others},
        },
    }
    status, refused = cluster.request("POST", CLUSTER_ENVIRONMENTS.path(), body)
    assert status == 422
    assert "oidc exchanges the token of a ServiceAccount: set serviceAccount" in refused["message"]
    body["spec"]["serviceAccount"] = {"namespace": tenant.namespace, "name": "default"}  # type: ignore[index]
    cluster.must("POST", CLUSTER_ENVIRONMENTS.path(), body)
    try:

        def synced() -> Any:
            found = cluster.request("GET", CLUSTER_ENVIRONMENTS.path(None, name))[1]
            return (found.get("status") or {}).get("namespaces", {}).get("synced") == 3

        wait_until(synced, "all are filled")
        assert requests(acme) == {"token": 1, "open": 1}
    finally:
        cluster.must("DELETE", CLUSTER_ENVIRONMENTS.path(None, name))
        cluster.give_up_namespaces(*others)


def test_an_access_token_of_a_secret_is_followed(acme: Organization) -> None:
    tenant = acme.tenant
    acme.apply("app", acme.source(lifetime="1h", accessTokenSecretRef={"name": "pulumi", "key": "token"}))
    assert tenant.until_refused("app", "PulumiTokenNotFound") == (
        f"spec.environmentFrom.pulumi.accessTokenSecretRef: Secret {tenant.namespace}/pulumi does not exist: create "
        "it, or correct the name"
    )
    token = acme.cloud.create_token(acme.name, user="ada", permissions=["open"])
    tenant.write_secret("pulumi", {"token": token})
    tenant.until_ready("app")
    assert requests(acme)["token"] == 0
    acme.cloud.revoke(token)
    refresh(tenant, "app")
    message = tenant.until_refused("app", "PulumiTokenRefused", "Refreshed")
    assert "does not accept the access token (401)" in message
    assert tenant.values("app") == {"A": "one"}
    tenant.write_secret("pulumi", {"token": acme.cloud.create_token(acme.name, user="ada")})
    wait_until(lambda: tenant.condition("app", "Refreshed").get("status") == "True", "the new token is used")
    assert token not in json.dumps([tenant.environment("app"), tenant.events("app")])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "there is no definition: set one of environment, definition and environmentFrom"),
        ("  environmentFrom: {}\n", "set exactly one of configMapKeyRef, secretKeyRef and pulumi"),
        (
            (
                "  environmentFrom:\n"
                "    configMapKeyRef: {name: a, key: b}\n"
                "    pulumi: {organization: a, environment: b, oidc: {}}\n"
            ),
            "set exactly one of configMapKeyRef, secretKeyRef and pulumi",
        ),
        (
            "  environmentFrom: {pulumi: {organization: a, environment: b}}\n",
            "set either accessTokenSecretRef, for an access token in a Secret, or oidc, for the ServiceAccount's own",
        ),
        (
            "  environmentFrom: {pulumi: {organization: a, environment: b, oidc: {team: a, user: b}}}\n",
            "set either team or user, or neither for the organization's own token",
        ),
        (
            "  environmentFrom: {pulumi: {organization: a/b, environment: b, oidc: {}}}\n",
            "each part of organization/project/environment has its own field",
        ),
        (
            "  environmentFrom: {pulumi: {organization: a, environment: b, oidc: {}, version: 0}}\n",
            "must be a tag or the number of a revision, such as stable or 12",
        ),
        (
            '  environmentFrom: {pulumi: {organization: a, environment: b, oidc: {}, version: "a/b"}}\n',
            "must be a tag or the number of a revision, such as stable or 12",
        ),
        (
            "  environmentFrom: {pulumi: {organization: a, environment: b, oidc: {}, lifetime: 5s}}\n",
            "must be at least 30s",
        ),
        (
            "  environmentFrom: {pulumi: {organization: a, environment: b, oidc: {}, apiUrl: 'https://u@h/x'}}\n",
            "must be the URL of an API, without a path: https://HOST or https://HOST:PORT",
        ),
    ],
)
def test_a_spec_that_cannot_be_meant_is_refused_with_a_sentence(tenant: Tenant, source: str, words: str) -> None:
    answer = kubectl(tenant, "apply", "-f", "-", text=manifest(source or "  suspend: true\n"))
    assert answer.returncode != 0
    assert words in " ".join(answer.stderr.split())


def test_an_organization_that_does_not_trust_the_issuer_is_told_what_to_register(acme: Organization) -> None:
    tenant = acme.tenant
    acme.cloud.create_organization("elsewhere")
    acme.cloud.put("elsewhere", "shop/prod", PROD)
    path = NAMESPACES.path(name=tenant.namespace)
    listed = {"esc-operator.dev/allowed-token-audiences": "urn:pulumi:org:elsewhere"}
    tenant.cluster.must(
        "PATCH", path, {"metadata": {"annotations": listed}}, content_type="application/merge-patch+json"
    )
    acme.apply("app", acme.source() | {"organization": "elsewhere"})
    message = tenant.until_refused("app", "TokenExchangeRefused")
    assert "does not exchange the identity token of" in message
    assert f"register the issuer {tenant.cluster.issuer()}" in message
    assert "urn:pulumi:org:elsewhere" in message


def test_another_host_gets_no_identity_token_unless_it_is_listed(acme: Organization) -> None:
    tenant = acme.tenant
    path = NAMESPACES.path(name=tenant.namespace)
    unlisted = {"metadata": {"annotations": {"esc-operator.dev/allowed-token-audiences": None}}}
    tenant.cluster.must("PATCH", path, unlisted, content_type="application/merge-patch+json")
    acme.apply("app", acme.source())
    message = tenant.until_refused("app", "TokenNotAllowed")
    assert f"apiUrl {acme.cloud.url} would be sent the identity token itself" in message
    assert "leave apiUrl out, or ask an administrator to add the audience, literally" in message
    assert requests(acme) == {"token": 0, "open": 0}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://kubernetes.default.svc", "cannot be reached"),
        ("https://127.0.0.1:1", "https://127.0.0.1:1 is not allowed: it is not at a public address"),
        ("http://169.254.169.254", "http://169.254.169.254 is not allowed: it is not https://"),
        ("https://10.0.0.1", "https://10.0.0.1 is not allowed: it is not at a public address"),
    ],
)
def test_an_api_within_the_network_is_not_asked(acme: Organization, url: str, words: str) -> None:
    tenant = acme.tenant
    tenant.write_secret("pulumi", {"token": "pul-0123456789"})
    ref = {"name": "pulumi", "key": "token"}
    acme.apply("app", acme.source(accessTokenSecretRef=ref) | {"apiUrl": url})
    wait_until(
        lambda: tenant.condition("app").get("reason") in {"URLNotAllowed", "HostNotFound"},
        "it is refused",
        lambda: tenant.status("app"),
    )
    assert words in tenant.condition("app")["message"]


def failing(acme: Organization, name: str, reason: str) -> str:
    """The message of a refresh that fails, after which the last values are still there."""
    refresh(acme.tenant, name)
    message = acme.tenant.until_refused(name, reason, "Refreshed")
    assert acme.tenant.condition(name)["status"] == "True"
    assert acme.tenant.values(name) == {"A": "one"}
    assert "pul-" not in message
    return message


@pytest.fixture
def app(acme: Organization) -> Organization:
    """`app` is filled."""
    acme.apply("app", acme.source(lifetime="1h"))
    acme.tenant.until_ready("app")
    return acme


OPEN, SESSION = "/api/esc/*/open*", "/api/esc/*/open/*"


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ({"status": 403}, "PulumiAccessDenied", "the access token may not open environment"),
        ({"status": 503}, "PulumiCloudUnavailable", "failed (503"),
        ({"status": 429, "retry_after": "60"}, "Throttled", "limits the rate of requests of organization"),
        (
            {"status": 302, "location": "https://elsewhere.example/"},
            "Redirected",
            "a redirect to https://elsewhere.example (302), which is not followed",
        ),
        ({"body": "<html><body>hi</body></html>"}, "NotTheAPI", "answered with an HTML page (200)"),
        ({"cut_off": True}, "AnswerCutOff", "it closed the connection before a whole answer"),
        ({"size": 50_000_000}, "AnswerTooLarge", "answered with more than"),
        ({"delay": 25}, "AnswerTimeout", "within 20 s"),
    ],
    ids=lambda value: str(next(iter(value.values()))) if isinstance(value, dict) else "",
)
def test_every_misbehaviour_has_its_reason_and_the_last_values_stay(
    app: Organization, fault: dict[str, Any], reason: str, words: str
) -> None:
    app.cloud.add_fault(path=OPEN, **fault)
    assert words in failing(app, "app", reason)


def test_a_token_that_is_revoked_between_exchange_and_open(app: Organization) -> None:
    app.cloud.revoke_all()
    app.cloud.change(revokes_exchanged=True)
    assert "that it has just given in exchange, when asked to open" in failing(app, "app", "PulumiTokenRefused")


def test_an_environment_that_was_deleted(app: Organization) -> None:
    app.cloud.delete(app.name, "shop/prod")
    message = failing(app, "app", "EnvironmentNotFound")
    assert f"there is no environment {app.name}/shop/prod at {app.cloud.url}" in message


def test_a_retracted_revision_and_what_replaces_it(acme: Organization) -> None:
    acme.put("values: {environmentVariables: {A: two}}")
    acme.apply("app", acme.source(version="2", lifetime="1h"))
    acme.tenant.until_ready("app")
    acme.cloud.retract(acme.name, "shop/prod", 2, replacement=3, reason="leaked")
    message = failing(acme, "app", "RevisionRetracted")
    assert "was retracted" in message
    assert "3" in message.partition("retracted")[2]


def test_a_tag_that_does_not_exist(acme: Organization) -> None:
    acme.apply("app", acme.source(version="nightly"))
    assert 'has no revision or tag "nightly"' in acme.tenant.until_refused("app", "VersionNotFound")


def test_a_session_that_is_gone_is_opened_once_more_and_then_told(app: Organization) -> None:
    app.cloud.add_fault(path=SESSION, method="GET", status=404, count=1)
    before = requests(app)["open"]
    refresh(app.tenant, "app")
    wait_until(lambda: requests(app)["open"] == before + 2, "it is opened once more")
    wait_until(lambda: app.tenant.status("app").get("observedRotateRequest") == "1", "it is refreshed")
    assert app.tenant.condition("app", "Refreshed")["status"] == "True"


def test_a_property_that_the_token_may_not_see(app: Organization) -> None:
    app.cloud.hide(app.name, "shop/prod", "environmentVariables.A")
    message = failing(app, "app", "ValueNotVisible")
    assert message.startswith('values.environmentVariables.A: the value of "A" is not known')


def test_a_mistake_in_the_definition_has_its_place(app: Organization) -> None:
    app.put("values:\n  a: 1\n  b: ${c}\n")
    message = failing(app, "app", "DefinitionHasErrors")
    assert f"{app.name}/shop/prod, line 3, column 8: unknown property" in message


def test_one_throttled_organization_does_not_keep_another_waiting(app: Organization, folder: Path) -> None:
    app.cloud.create_organization(f"{app.name}-b")
    app.cloud.trust_issuer(f"{app.name}-b", app.tenant.cluster.issuer(), str(folder / "cluster-ca.crt"))
    token = app.cloud.create_token(f"{app.name}-b", kind="organization")
    app.cloud.put(f"{app.name}-b", "shop/prod", PROD)
    app.cloud.add_fault(path=f"/api/esc/environments/{app.name}/*", status=429, retry_after="300")
    failing(app, "app", "Throttled")
    app.tenant.write_secret("pulumi", {"token": token})
    ref = {"name": "pulumi", "key": "token"}
    other = app.source(accessTokenSecretRef=ref, lifetime="1h") | {"organization": f"{app.name}-b"}
    app.apply("other", other)
    app.tenant.until_ready("other")
