"""The recipes for Azure and Google in real pods: their SDKs renew by themselves, and no pod is replaced.

What is applied are the files of `deploy/examples` with other hosts. Those of Azure and Google here refuse what the real
ones refuse, and their APIs refuse a token that has expired.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest
import yaml

from cluster.harness import wait_until
from demo.calling import python_pod
from e2e import sdk_programs
from e2e.pods import ACCOUNT, CONFIG_MAPS, PATIENCE, deploy, is_ready, pods, restarts
from local_azure import API as AZURE_API
from local_azure import LocalAzure
from local_cluster import places
from local_google import API as GOOGLE_API
from local_google import LocalGoogle, principal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from cluster.harness import Tenant
    from e2e.stage import Stage

pytestmark = pytest.mark.cluster

EXAMPLES = places.REPOSITORY / "deploy" / "examples"
CERTIFICATES = "/var/run/certificates"
RENEWED_AHEAD = {"azure": 300.0, "google": 225.0}
"""Seconds ahead of expiry at which the SDK asks for another token: azure-identity and google-auth have it so."""
KEPT = 6.0
"""Seconds for which a token is kept, then, where it lasts so much longer than that."""
GOOGLE_ACCOUNT = "apps@my-project.iam.gserviceaccount.com"


class Cloud(Protocol):
    calls: Counter[str]
    refusals: Counter[str]

    def used(self) -> Sequence[Any]: ...


@dataclass(frozen=True)
class Recipe:
    """An example as it was read, with the hosts of this machine."""

    environments: Sequence[dict[str, Any]]
    pod: dict[str, Any]

    def spec(self, name: str) -> dict[str, Any]:
        (spec,) = (one["spec"] for one in self.environments if one["metadata"]["name"] == name)
        return dict(spec)

    def replace(self, what: str, by: str) -> Recipe:
        """The same with another word in its pod."""
        text = yaml.safe_dump(self.pod)
        assert what in text
        return Recipe(self.environments, yaml.safe_load(text.replace(what, by)))


def read(file: str, hosts: Mapping[str, str]) -> Recipe:
    text = (EXAMPLES / file).read_text()
    for host, here in hosts.items():
        assert f"{host}/" in text
        text = text.replace(f"{host}/", f"{here}/")
    *environments, deployment = yaml.safe_load_all(text)
    return Recipe(environments, deployment["spec"]["template"]["spec"])


@dataclass(frozen=True)
class Azure:
    """An application that the namespace's `apps` may speak for, and the example that names it."""

    cloud: LocalAzure
    api: str
    recipe: Recipe
    client: str


@dataclass(frozen=True)
class Google:
    """A workload identity provider for the cluster, and the example that names it."""

    cloud: LocalGoogle
    api: str
    recipe: Recipe
    provider: str


@pytest.fixture
def azure(stage: Stage, tenant: Tenant, tmp_path: Path) -> Iterator[Azure]:
    # Its own for each test: pods of the test before call theirs until they end.
    with LocalAzure(tmp_path / "azure") as cloud, stage.endpoint_for_pods(cloud.url) as endpoint:
        cloud.certify(urlsplit(endpoint).hostname or "")
        cloud.trust(stage.cluster.issuer(), stage.cluster.write_authority(tmp_path))
        recipe = read("azure-federated.yaml", {"https://login.microsoftonline.com": endpoint})
        variables = recipe.spec("azure-federated")["environment"]["values"]["environmentVariables"]
        client = variables["AZURE_CLIENT_ID"]
        cloud.create_application(variables["AZURE_TENANT_ID"], client)
        cloud.federate(client, stage.cluster.issuer(), subject(tenant))
        apply(tenant, recipe, "azure-federated")
        yield Azure(cloud, f"{endpoint}{AZURE_API}", recipe, client)


@pytest.fixture
def google(stage: Stage, tenant: Tenant, tmp_path: Path) -> Iterator[Google]:
    with LocalGoogle(tmp_path / "google") as cloud, stage.endpoint_for_pods(cloud.url) as endpoint:
        cloud.certify(urlsplit(endpoint).hostname or "")
        cloud.trust(stage.cluster.issuer(), stage.cluster.write_authority(tmp_path))
        hosts = ("https://sts.googleapis.com", "https://iamcredentials.googleapis.com")
        recipe = read("google-federated.yaml", dict.fromkeys(hosts, endpoint))
        values = recipe.spec("google-federated")["environment"]["values"]
        provider = values["google"]["credentials"]["audience"]
        cloud.create_provider(provider, stage.cluster.issuer())
        apply(tenant, recipe, "google-federated")
        yield Google(cloud, f"{endpoint}{GOOGLE_API}", recipe, provider)


def subject(tenant: Tenant, account: str = ACCOUNT) -> str:
    return f"system:serviceaccount:{tenant.namespace}:{account}"


def apply(tenant: Tenant, recipe: Recipe, name: str) -> None:
    tenant.apply(name, **recipe.spec(name))
    tenant.until_ready(name)


def run(tenant: Tenant, scene: Azure | Google, recipe: Recipe, **changes: Any) -> None:
    """The recipe's pod. The image, what it runs, and where it finds certificates are ours."""
    body = {"metadata": {"name": "certificates"}, "data": {"ca.crt": scene.cloud.ca_file.read_text()}}
    tenant.cluster.must("POST", CONFIG_MAPS.path(tenant.namespace), body)
    (container,) = recipe.pod["containers"]
    trusted = dict.fromkeys(("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), f"{CERTIFICATES}/ca.crt")
    mount = {"name": "certificates", "mountPath": CERTIFICATES}
    pod = python_pod(
        sdk_programs.AZURE if isinstance(scene, Azure) else sdk_programs.GOOGLE,
        {"API": scene.api, **trusted},
        envFrom=container["envFrom"],
        volumeMounts=[*container["volumeMounts"], mount],
        # What a program says at its end stands in its pod's status: its log may be gone by the time one asks for it.
        terminationMessagePolicy="FallbackToLogsOnError",
    )
    volumes = [*recipe.pod["volumes"], {"name": "certificates", "configMap": {"name": "certificates"}}]
    account = recipe.pod["serviceAccountName"]
    deploy(tenant, "web", {**pod, "serviceAccountName": account, "volumes": volumes, **changes})


def until(happened: Any, what: str, tenant: Tenant, cloud: Cloud) -> None:
    def tell() -> Any:
        statuses = [pod["status"].get("containerStatuses") for pod in pods(tenant)]
        return statuses, cloud.calls, cloud.refusals

    wait_until(happened, what, tell, PATIENCE)


def renews_by_itself(stage: Stage, tenant: Tenant, cloud: Cloud, name: str, tokens: int = 3) -> str:
    """Wait until a pod has used so many tokens, none of them after its end; answers what it printed."""
    until(lambda: any(map(is_ready, pods(tenant))), "the API is called", tenant, cloud)
    revision = secret_version(tenant, name)
    until(lambda: len(cloud.used()) >= tokens, f"{tokens} tokens are used", tenant, cloud)
    (pod,) = pods(tenant)
    assert restarts(pod) == 0
    assert secret_version(tenant, name) == revision
    assert not cloud.refusals
    assert not cloud.calls[""], "the API was called with a token that had expired"
    # The SDK keeps a token while it lasts: there are several for their time, and not one for each call.
    assert sum(cloud.calls.values()) > 2 * len(cloud.used())
    return stage.kubectl("logs", "-n", tenant.namespace, pod["metadata"]["name"])


def secret_version(tenant: Tenant, name: str) -> str:
    secret = tenant.secret(name)
    assert secret is not None
    return str(secret["metadata"]["resourceVersion"])


def test_the_sdk_of_azure_renews_its_token_with_that_of_the_pod(stage: Stage, tenant: Tenant, azure: Azure) -> None:
    azure.cloud.lifetime = RENEWED_AHEAD["azure"] + KEPT
    run(tenant, azure, azure.recipe)
    # The SDK lets half a minute pass between two of its questions.
    log = renews_by_itself(stage, tenant, azure.cloud, "azure-federated", tokens=2)
    assert f"{azure.client} called with the token that ends in" in log
    assert {grant.subject for grant in azure.cloud.used()} == {subject(tenant)}


def test_the_sdk_of_google_renews_its_token_with_that_of_the_pod(stage: Stage, tenant: Tenant, google: Google) -> None:
    google.cloud.lifetime = RENEWED_AHEAD["google"] + KEPT
    run(tenant, google, google.recipe)
    log = renews_by_itself(stage, tenant, google.cloud, "google-federated")
    assert f"{principal(google.provider, subject(tenant))} called for my-project with the token" in log
    assert all(grant.federated for grant in google.cloud.used())


def impersonating(tenant: Tenant, google: Google) -> Recipe:
    """The example's other environment, whose service account the namespace's `apps` may be."""
    google.cloud.let_impersonate(principal(google.provider, subject(tenant)), GOOGLE_ACCOUNT)
    apply(tenant, google.recipe, "google-impersonated")
    return google.recipe.replace("google-federated", "google-impersonated")


def test_the_sdk_of_google_renews_the_token_of_a_service_account(stage: Stage, tenant: Tenant, google: Google) -> None:
    google.cloud.lifetime = RENEWED_AHEAD["google"] + KEPT
    run(tenant, google, impersonating(tenant, google))
    log = renews_by_itself(stage, tenant, google.cloud, "google-impersonated")
    assert f"{GOOGLE_ACCOUNT} called for my-project with the token" in log
    assert not any(grant.federated for grant in google.cloud.used())


def refused(tenant: Tenant, cloud: Cloud, name: str) -> str:
    """Wait until a pod was refused by that name; answers what it said at its end."""
    until(lambda: last_words(tenant), "a pod is refused and ends", tenant, cloud)
    assert set(cloud.refusals) == {name}
    assert not cloud.calls
    return last_words(tenant)


def last_words(tenant: Tenant) -> str:
    states = [
        status.get(state) or {}
        for pod in pods(tenant)
        for status in pod["status"].get("containerStatuses") or ()
        for state in ("state", "lastState")
    ]
    return next((state["terminated"]["message"] for state in states if "terminated" in state), "")


def test_azure_refuses_a_pod_whose_token_is_for_somebody_else(tenant: Tenant, azure: Azure) -> None:
    run(tenant, azure, azure.recipe.replace("api://AzureADTokenExchange", "sts.amazonaws.com"))
    log = refused(tenant, azure.cloud, "AADSTS700212")
    assert "presented assertion audience 'sts.amazonaws.com'" in log


def test_azure_refuses_a_pod_of_another_account(tenant: Tenant, azure: Azure) -> None:
    tenant.create_service_account("others")
    run(tenant, azure, azure.recipe, serviceAccountName="others")
    log = refused(tenant, azure.cloud, "AADSTS700213")
    assert f"presented assertion subject '{subject(tenant, 'others')}'" in log


def test_google_refuses_a_pod_whose_token_is_for_somebody_else(tenant: Tenant, google: Google) -> None:
    run(tenant, google, google.recipe.replace(google.provider, "sts.amazonaws.com"))
    log = refused(tenant, google.cloud, "invalid_grant")
    assert "The audience in ID Token [sts.amazonaws.com] does not match the expected audience." in log


def test_google_refuses_a_service_account_to_a_pod_of_another_account(tenant: Tenant, google: Google) -> None:
    tenant.create_service_account("others")
    run(tenant, google, impersonating(tenant, google), serviceAccountName="others")
    log = refused(tenant, google.cloud, "PERMISSION_DENIED")
    assert "iam.serviceAccounts.getAccessToken" in log
