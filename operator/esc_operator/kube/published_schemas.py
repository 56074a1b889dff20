"""The schemas of our kinds as the API server publishes them for everyone (OpenAPI v3): that needs no right to read
CustomResourceDefinitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.resources import GROUP, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

INDEX = "/openapi/v3"
OURS = f"apis/{GROUP}/{VERSION}"


class Documents(Protocol):
    """An API server that describes itself."""

    async def read_document(self, path: str) -> Mapping[str, Any]:
        """Raises KubeError."""


class PublishedSchemas:
    """Reads them only when the index says that they have changed: they are a quarter of a megabyte."""

    def __init__(self, api: Documents) -> None:
        self._api = api
        self._url = ""
        self._schemas: dict[str, Mapping[str, Any]] = {}

    async def read(self) -> Mapping[str, Mapping[str, Any]]:
        """The schema of each kind that is served, by kind. Raises KubeError."""
        index = await self._api.read_document(INDEX)
        url = str(((index.get("paths") or {}).get(OURS) or {}).get("serverRelativeURL") or "")
        if url != self._url:
            self._schemas = _by_kind(await self._api.read_document(url)) if url else {}
            self._url = url
        return self._schemas


def _by_kind(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    schemas = (document.get("components") or {}).get("schemas") or {}
    return {
        one["kind"]: schema
        for schema in schemas.values()
        for one in schema.get("x-kubernetes-group-version-kind") or ()
        if one["group"] == GROUP
    }
