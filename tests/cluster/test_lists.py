"""Lists of environments as a real API server answers them, through the session that kopf is given."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import aiohttp
import pytest

from cluster.harness import variables
from esc_operator.handlers.kinds import Kinds
from esc_operator.handlers.kopf_middleware import GROWTH, Lists, Pages
from esc_operator.handlers.session import open_session
from esc_operator.kube.connect import read_connection
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.kube.pulses import Pulses
from local_cluster import cluster as local_clusters
from local_cluster import interruptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluster.harness import Cluster, Tenant


class Session:
    def __init__(self, client: aiohttp.ClientSession, server: str) -> None:
        self._client = client
        self._server = server
        self.empty: list[tuple[str, str]] = []

    async def list(self, namespace: str | None, **query: str) -> dict[str, Any]:
        url = f"{self._server}{ENVIRONMENTS.path(namespace)}?{urlencode(query)}"
        async with await self._client.request("GET", url) as answer:
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def session(cluster: Cluster, pages: Pages) -> AsyncIterator[Session]:
    connection = await read_connection(str(cluster.kubeconfig), cluster.context)
    empty: list[tuple[str, str]] = []
    lists = Lists(pages, lambda plural, namespace: empty.append((plural, namespace)))
    opened = open_session(connection, Pulses(), lists, Kinds())
    session = Session(opened.aiohttp_session, connection.server)
    session.empty = empty
    try:
        yield session
    finally:
        await opened.aiohttp_session.close()


def test_an_empty_list_is_distinguished_from_one_with_something_in_it(tenant: Tenant) -> None:
    async def story() -> None:
        async with session(tenant.cluster, Pages()) as kopf:
            assert (await kopf.list(tenant.namespace, limit="500"))["items"] == []
            assert kopf.empty == [("escenvironments", tenant.namespace)]
            tenant.apply("one", variables(A="1"))
            tenant.apply("two", variables(A="1"))
            assert len((await kopf.list(tenant.namespace, limit="500"))["items"]) == 2
        async with session(tenant.cluster, Pages(1, 1)) as kopf:
            page = await kopf.list(tenant.namespace, limit="500")
            rest = await kopf.list(tenant.namespace, limit="500", **{"continue": page["metadata"]["continue"]})
            assert [one["metadata"]["name"] for one in rest["items"]] == ["two"]
            assert kopf.empty == []

    asyncio.run(story())


def test_a_place_that_the_api_server_does_not_know_any_more_breaks_the_list_off(tenant: Tenant) -> None:
    local = local_clusters.named(tenant.cluster.context.removeprefix("kind-"))
    if not local.records.exists():
        pytest.skip("etcd of this cluster is not ours")

    async def story() -> None:
        tenant.apply("one", variables(A="1"))
        tenant.apply("two", variables(A="1"))
        pages = Pages(1, 1)
        async with session(tenant.cluster, pages) as kopf:
            page = await kopf.list(tenant.namespace, limit="1")
            token = page["metadata"]["continue"]
            place = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            # As if a list had been begun a long time ago.
            interruptions.compact(local)
            aged = base64.urlsafe_b64encode(json.dumps(place | {"rv": 1}).encode()).decode().rstrip("=")
            with pytest.raises(aiohttp.ClientPayloadError, match="token of the list of escenvironments has expired"):
                await kopf.list(tenant.namespace, limit="1", **{"continue": aged})
            assert pages.limit(("escenvironments", tenant.namespace), begins=True) == GROWTH
            assert kopf.empty == []

    asyncio.run(story())
