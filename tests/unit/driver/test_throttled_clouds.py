"""A throttled account of each cloud, in its own words: its namespace waits, for that account, and nobody else does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from esc_operator.driver.catalogue import Catalogue
from esc_operator.driver.opener import Opener
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import Demand, SharedLogins
from esc_operator.evaluation import Failed, Opened
from esc_operator.providers.aws.login import AwsLogin
from esc_operator.providers.azure.login import AzureLogin
from esc_operator.providers.google.login import GcpLogin
from esc_operator.providers.port import IdentityToken
from esc_operator.providers.token_endpoints import Reply
from unit.providers.conftest import make_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.aws.clients import Target
    from esc_operator.providers.token_endpoints import Post

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
BUSY = {"retry-after": "900"}


class Caller:
    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.subject = f"system:serviceaccount:{tenant}:default"

    async def token(self, audience: str) -> IdentityToken:
        return IdentityToken(make_token(sub=self.subject, aud=[audience]), NOW + timedelta(minutes=10))


class Clouds:
    """STS, Entra and Google at once: what names `busy` is throttled. As a Poster, and as the maker of STS clients."""

    busy = "crowd"

    def send(self, post: Post, _: Mapping[str, str]) -> Reply:
        text = f"{post.url} {post.fields}"
        if self.busy in text:
            return Reply(429, BUSY, {"error": "slow_down", "error_description": "too many requests"})
        end = "2026-05-01T13:00:00Z"
        return Reply(
            200, {}, {"access_token": "granted", "expires_in": 3599, "accessToken": "granted", "expireTime": end}
        )

    def client(self, _: Target) -> Any:
        return self

    def assume_role_with_web_identity(self, **given: str) -> Any:
        if self.busy in given["RoleSessionName"]:
            headers = {"HTTPHeaders": BUSY, "HTTPStatusCode": 400}
            error = {"Code": "Throttling", "Message": "Rate exceeded"}
            raise ClientError({"Error": error, "ResponseMetadata": headers}, "AssumeRoleWithWebIdentity")
        keys = {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}
        return {"Credentials": {**keys, "Expiration": NOW + timedelta(hours=1)}}


def aws(who: str, account: str) -> dict[str, Any]:
    number = {"one": "111111111111", "two": "222222222222"}[account]
    return {"oidc": {"roleArn": f"arn:aws:iam::{number}:role/ci", "sessionName": who}}


def azure(who: str, account: str) -> dict[str, Any]:
    return {"clientId": who, "tenantId": account, "oidc": True, "scope": "https://vault.azure.net/.default"}


def google(who: str, account: str) -> dict[str, Any]:
    oidc = {"workloadPoolId": "p", "providerId": "k", "serviceAccount": f"{who}@x.iam.gserviceaccount.com"}
    return {"project": {"one": 1, "two": 2}[account], "oidc": oidc}


CLOUDS: list[Any] = [
    pytest.param("aws-login", aws, "account 111111111111", id="aws"),
    pytest.param("azure-login", azure, "tenant one", id="azure"),
    pytest.param("gcp-login", google, "project 1", id="google"),
]


@pytest.mark.parametrize(("name", "inputs", "account"), CLOUDS)
def test_only_the_namespace_that_met_it_waits_and_only_for_that_account(name: str, inputs: Any, account: str) -> None:
    clouds: Any = Clouds()
    plugins = {"aws-login": AwsLogin(clouds), "azure-login": AzureLogin(clouds), "gcp-login": GcpLogin(clouds)}

    class Shelf:
        find = staticmethod(plugins.__getitem__)

    async def story() -> None:
        shelf: Any = Shelf()
        pool = BlockingPool()
        opener = Opener(
            pool=pool,
            logins=SharedLogins(lambda: NOW),
            settings={},
            now=lambda: NOW,
            catalogue=Catalogue(shelf, shelf),
        )

        async def ask(tenant: str, who: str, which: str) -> Any:
            return await opener.open(name, inputs(who, which), Caller(tenant), Demand())

        met = await ask("red", "crowd", "one")
        assert (met.reason, met.retry_after) == ("Throttled", 900)
        paused = await ask("red", "pink", "one")
        assert isinstance(paused, Failed)
        assert f"for {account}, is paused until 2026-05-01T12:15:00Z" in paused.message
        assert isinstance(await ask("red", "pink", "two"), Opened)
        assert isinstance(await ask("blue", "blue", "one"), Opened)
        pool.close()

    asyncio.run(story())
