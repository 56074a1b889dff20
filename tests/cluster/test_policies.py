"""What the operator's account is refused although its roles would allow it, and that nobody else notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import Cluster, Tenant, variables, wait_until
from esc_operator.kube.paths import SECRETS, SERVICE_ACCOUNTS, Resource
from esc_operator.kube.tokens import TOKEN_SECONDS, token_request
from esc_operator.manifests import policies, rights
from esc_operator.resources import MANAGED_BY, MANAGED_BY_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_operator import LocalOperator

CONFIG_MAPS = Resource("/api/v1", "configmaps", "ConfigMap")
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
STS = "sts.amazonaws.com"
MINE = {"labels": {MANAGED_BY_LABEL: MANAGED_BY}}


@pytest.fixture(scope="module")
def account(cluster: Cluster, operator: LocalOperator, folder: Path) -> Iterator[Cluster]:
    """The cluster as the operator's own account sees it: what somebody could do who has stolen its token."""
    account = Cluster(folder / "operator.kubeconfig", "esc-operator")
    wait_until(lambda: _token(account, "kube-system", "api")[0] == 403, "the policies are in force")
    yield account
    account.close()


def _token(cluster: Cluster, namespace: str, *audiences: str, seconds: int = TOKEN_SECONDS) -> tuple[int, str]:
    body = {"spec": {"audiences": list(audiences), "expirationSeconds": seconds}}
    status, answer = cluster.request("POST", SERVICE_ACCOUNTS.path(namespace, "default", "token"), body)
    return status, str(answer.get("message"))


def _audiences(cluster: Cluster) -> dict[str, str]:
    """What the API server of this cluster accepts."""
    return {"its issuer": cluster.issuer(), "a name that everybody knows": "https://kubernetes.default.svc"}


# Tokens.


def test_the_account_gets_no_token_for_the_api_server(cluster: Cluster, account: Cluster, tenant: Tenant) -> None:
    for what, audience in _audiences(cluster).items():
        status, message = _token(account, tenant.namespace, audience)
        assert status == 403, what
        assert f'esc-operator may not get a token that the API server accepts: audience "{audience}"' in message


def test_no_audience_at_all_means_the_api_server_and_is_refused(account: Cluster, tenant: Tenant) -> None:
    status, message = _token(account, tenant.namespace)
    assert status == 403
    assert "a token that the API server accepts" in message


def test_an_audience_of_the_api_server_is_not_smuggled_in_beside_another(
    cluster: Cluster, account: Cluster, tenant: Tenant
) -> None:
    assert _token(account, tenant.namespace, STS, cluster.issuer())[0] == 403
    assert _token(account, tenant.namespace, f" {cluster.issuer()}\n")[0] == 403
    assert _token(account, tenant.namespace, "")[0] in {403, 422}


def test_ordinary_tokens_are_had_but_not_for_long(account: Cluster, tenant: Tenant) -> None:
    assert _token(account, tenant.namespace, STS)[0] == 201
    status, message = _token(account, tenant.namespace, STS, seconds=3600)
    assert status == 403
    assert "esc-operator may get tokens for at most 600 s, not for 3600 s" in message


def test_the_operator_asks_for_what_the_policy_grants() -> None:
    assert token_request(STS)["spec"] == {"audiences": [STS], "expirationSeconds": policies.LONGEST_SECONDS}


def test_the_administrator_can_name_the_accounts(cluster: Cluster, account: Cluster, tenant: Tenant) -> None:
    path = CONFIG_MAPS.path(rights.NAMESPACE, policies.PARAMETERS)

    def name(accounts: str | None) -> None:
        cluster.must("PATCH", path, {"data": {policies.SERVICE_ACCOUNTS: accounts}}, content_type=MERGE)

    try:
        name("kube-system/default\n")
        wait_until(lambda: _token(account, tenant.namespace, STS)[0] == 403, "it is not named")
        assert f"may not act as ServiceAccount {tenant.namespace}/default" in _token(account, tenant.namespace, STS)[1]
        name(f"kube-system/default\n  {tenant.namespace}/default \n")
        wait_until(lambda: _token(account, tenant.namespace, STS)[0] == 201, "it is named")
    finally:
        name(None)
    wait_until(lambda: _token(account, "kube-system", STS)[0] == 201, "all may be acted as again")


def test_the_tokens_of_others_are_their_own_business(cluster: Cluster, account: Cluster, tenant: Tenant) -> None:
    assert _token(cluster, tenant.namespace, cluster.issuer(), seconds=7200)[0] == 201
    assert _token(cluster, tenant.namespace)[0] == 201


def test_without_the_list_of_the_administrator_others_have_tokens_and_the_account_still_has_limits(
    cluster: Cluster, account: Cluster, tenant: Tenant
) -> None:
    path = CONFIG_MAPS.path(rights.NAMESPACE, policies.PARAMETERS)
    listed = cluster.must("GET", path)
    cluster.must("DELETE", path)
    try:
        wait_until(lambda: _token(account, tenant.namespace, cluster.issuer())[0] == 201, "the list is gone")
        assert _token(account, tenant.namespace, "https://kubernetes.default.svc")[0] == 403
        assert _token(cluster, tenant.namespace)[0] == 201
    finally:
        body = {"metadata": {"name": policies.PARAMETERS}, "data": listed["data"]}
        cluster.must("POST", CONFIG_MAPS.path(rights.NAMESPACE), body)
    wait_until(lambda: _token(account, tenant.namespace, cluster.issuer())[0] == 403, "the list is back")


# Secrets.


def test_the_account_leaves_secrets_of_others_alone(account: Cluster, tenant: Tenant) -> None:
    tenant.write_secret("theirs", {"A": "1"})
    path, refused = SECRETS.path(tenant.namespace, "theirs"), "esc-operator may not touch Secret theirs"
    metadata = {"name": "theirs", **MINE}
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"A": "2"}}
    attempts = [
        account.request("PATCH", path, body, content_type=MERGE),
        account.request("PATCH", path, body, content_type=APPLY, fieldManager="esc-operator", force="true"),
        account.request("DELETE", path),
    ]
    for status, answer in attempts:
        assert status == 403
        assert refused in answer["message"]
    assert tenant.values("theirs") == {"A": "1"}


def test_the_account_writes_no_secret_without_its_label_and_none_that_hands_out_rights(
    account: Cluster, tenant: Tenant
) -> None:
    path = SECRETS.path(tenant.namespace)
    status, answer = account.request("POST", path, {"metadata": {"name": "bare"}})
    assert (status, "may write only Secrets with the label" in answer["message"]) == (403, True)
    minting = {
        "metadata": {"name": "minting", "annotations": {"kubernetes.io/service-account.name": "default"}, **MINE},
        "type": "kubernetes.io/service-account-token",
    }
    status, answer = account.request("POST", path, minting)
    assert status == 403
    assert "may not write a Secret of type kubernetes.io/service-account-token, which grants rights" in str(answer)


def test_the_account_does_not_let_go_of_the_label_of_its_own(account: Cluster, tenant: Tenant) -> None:
    tenant.apply("plain", variables(A="1"))
    tenant.until_ready("plain")
    path = SECRETS.path(tenant.namespace, "plain")
    bare = {"metadata": {"labels": {MANAGED_BY_LABEL: None}}}
    assert account.request("PATCH", path, bare, content_type=MERGE)[0] == 403
    assert account.request("DELETE", path)[0] == 200


def test_a_label_that_somebody_takes_off_is_put_back(tenant: Tenant) -> None:
    tenant.apply("plain", variables(A="1"))
    tenant.until_ready("plain")
    tenant.write_secret("plain", {"A": "edited"}, metadata={"labels": {MANAGED_BY_LABEL: None}})
    wait_until(lambda: tenant.values("plain") == {"A": "1"}, "it is put back")
    labels = (tenant.secret("plain") or {})["metadata"]["labels"]
    assert labels[MANAGED_BY_LABEL] == MANAGED_BY


def test_the_secrets_of_others_are_their_own_business(tenant: Tenant) -> None:
    tenant.write_secret("theirs", {"A": "1"})
    tenant.write_secret("theirs", {"A": "2"})
    tenant.delete_secret("theirs")
