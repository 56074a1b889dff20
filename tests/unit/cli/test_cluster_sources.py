"""An environment of a cluster that Pulumi Cloud holds, from a terminal: whose token opens it, and what is missing."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.cli.cluster import ClusterBackend
from esc_operator.evaluation import Failed, Opened
from esc_operator.evaluation.values import Value
from esc_operator.stores.pulumi.service import OpenedEnvironment
from unit.cli.machine import FakeSession

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.driver.sharing import Demand
    from esc_operator.providers.port import Identity

PULUMI = {"organization": "acme", "project": "shop", "environment": "prod"}


class FakeOpener:
    """Answers what it is told, and remembers what it was asked."""

    def __init__(self, answer: Opened | Failed) -> None:
        self.answer = answer
        self.asked: list[tuple[str, Mapping[str, Any], Identity]] = []

    async def open_service(
        self, name: str, inputs: Mapping[str, Any], identity: Identity, demand: Demand
    ) -> Opened | Failed:
        del demand
        self.asked.append((name, inputs, identity))
        return self.answer


def opened(session: FakeSession, name: str, answer: Opened | Failed | None = None) -> tuple[Any, FakeOpener]:
    value = Value({}, None)
    opener = FakeOpener(answer or Opened(OpenedEnvironment(value, None, "3"), None))
    backend = ClusterBackend(session, "apps", "kind")
    backend.store.load(name, "")
    return asyncio.run(backend.sources(opener).open(name)), opener  # type: ignore[arg-type]


def spec(**more: Any) -> dict[str, Any]:
    return {"environmentFrom": {"pulumi": {**PULUMI, **more}}, "serviceAccountName": "shop"}


def test_an_identity_token_is_that_of_the_environments_own_account() -> None:
    session = FakeSession({("apps", "shop"): spec(oidc={"team": "platform"}, version="stable")})
    answer, opener = opened(session, "apps/shop")
    assert (answer.organization, answer.value.is_object) == ("acme", True)
    ((name, inputs, identity),) = opener.asked
    assert (name, inputs["team"], inputs["version"]) == ("pulumi", "platform", "stable")
    assert identity.subject == "system:serviceaccount:apps:shop"


def test_an_access_token_is_read_where_the_operator_reads_it() -> None:
    session = FakeSession({("apps", "shop"): spec(accessTokenSecretRef={"name": "pulumi", "key": "token"})})
    encoded = base64.b64encode(b"pul-canary\n").decode()
    session.secrets["apps", "pulumi"] = {"metadata": {"name": "pulumi"}, "data": {"token": encoded}}
    _, opener = opened(session, "apps/shop")
    assert opener.asked[0][1]["accessToken"] == "pul-canary"


def test_a_secret_that_is_not_there_is_told() -> None:
    session = FakeSession({("apps", "shop"): spec(accessTokenSecretRef={"name": "pulumi", "key": "token"})})
    answer, opener = opened(session, "apps/shop")
    assert isinstance(answer, Failed)
    assert "accessTokenSecretRef: Secret apps/pulumi does not exist" in answer.message
    assert opener.asked == []


@pytest.mark.parametrize("has_account", [False, True])
def test_a_cluster_environment_needs_an_account_only_for_an_exchange(has_account: bool) -> None:
    account = {"serviceAccount": {"namespace": "esc", "name": "shop"}} if has_account else {}
    session = FakeSession({("", "shop"): {"environmentFrom": {"pulumi": {**PULUMI, "oidc": {}}}, **account}})
    _, opener = opened(session, "ClusterEscEnvironment/shop")
    identity = opener.asked[0][2]
    assert identity.subject == ("system:serviceaccount:esc:shop" if has_account else "")


def test_what_pulumi_cloud_answers_is_told() -> None:
    session = FakeSession({("apps", "shop"): spec(oidc={})})
    answer, _ = opened(session, "apps/shop", Failed("there is no environment acme/shop/prod", "EnvironmentNotFound"))
    assert answer == Failed("there is no environment acme/shop/prod", "EnvironmentNotFound")
