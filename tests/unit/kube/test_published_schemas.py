"""Schemas are read as the API server publishes them, and again only when they have changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import UnavailableError
from esc_operator.kube.published_schemas import INDEX, OURS, PublishedSchemas

if TYPE_CHECKING:
    from collections.abc import Mapping

ROTATION = {"type": "object", "x-kubernetes-group-version-kind": [{"group": "esc-operator.dev", "kind": "EscRotation"}]}
OPTIONS = {"x-kubernetes-group-version-kind": [{"group": "", "kind": "DeleteOptions"}]}


class Server:
    """Publishes the version `hash` of one document, or nothing of ours without one."""

    def __init__(self, hash: str) -> None:  # noqa: A002 - as the API server calls it
        self.hash = hash
        self.asked: list[str] = []
        self.is_away = False

    async def read_document(self, path: str) -> Mapping[str, Any]:
        self.asked.append(path)
        if path == INDEX:
            url = f"/openapi/v3/{OURS}?hash={self.hash}"
            return {"paths": {"api/v1": {}, **({OURS: {"serverRelativeURL": url}} if self.hash else {})}}
        if self.is_away:
            raise UnavailableError("away")
        return {"components": {"schemas": {"a": ROTATION, "b": OPTIONS, "c": {"type": "object"}}}}


def test_the_schemas_of_our_kinds_are_found_by_kind() -> None:
    assert asyncio.run(PublishedSchemas(Server("1")).read()) == {"EscRotation": ROTATION}


def test_what_has_not_changed_is_not_read_again() -> None:
    async def story() -> None:
        server = Server("1")
        published = PublishedSchemas(server)
        for _ in range(3):
            assert list(await published.read()) == ["EscRotation"]
        server.hash = "2"
        await published.read()
        document = f"/openapi/v3/{OURS}?hash="
        assert server.asked == [INDEX, f"{document}1", INDEX, INDEX, INDEX, f"{document}2"]

    asyncio.run(story())


def test_where_no_kind_is_served_there_is_none() -> None:
    async def story() -> None:
        server = Server("1")
        published = PublishedSchemas(server)
        await published.read()
        server.hash = ""
        assert await published.read() == {}

    asyncio.run(story())


def test_a_document_that_did_not_arrive_is_read_again() -> None:
    async def story() -> None:
        server = Server("1")
        server.is_away = True
        published = PublishedSchemas(server)
        with pytest.raises(UnavailableError):
            await published.read()
        server.is_away = False
        assert list(await published.read()) == ["EscRotation"]

    asyncio.run(story())
