"""The environments that one environment imports, read from the API server.

Imports stay within a namespace: a name that means another one is refused, whether or not anything is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.errors import NotFoundError, StoreError
from esc_operator.kube.paths import ENVIRONMENTS
from esc_operator.resources import reasons
from esc_operator.stores.cluster import PATH_PREFIX, refuse_import
from esc_operator.stores.port import Failed, Loaded
from esc_operator.stores.references import parse_reference

if TYPE_CHECKING:
    from esc_operator.kube.api import KubeApi

__all__ = ["PATH_PREFIX", "Definitions"]


class Definitions:
    """An AsyncStore for one evaluation, which notes what it was asked for.

    `generations` names each imported environment and the generation that was read; 0 for one that is not there.
    """

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self.generations: dict[str, int] = {}

    async def load(self, name: str, importer: str) -> Loaded | Failed:
        try:
            reference = parse_reference(name)
        except StoreError as error:
            return Failed(error.message, error.reason)
        if refused := refuse_import(reference, self._namespace):
            return refused
        return await self._read(reference.name)

    async def _read(self, name: str) -> Loaded | Failed:
        full_name = f"{self._namespace}/{name}"
        try:
            body = await self._api.read(ENVIRONMENTS, self._namespace, name)
        except NotFoundError:
            self.generations[name] = 0
            return Failed(f'EscEnvironment "{full_name}" does not exist', reasons.IMPORT_NOT_FOUND)
        self.generations[name] = body["metadata"].get("generation", 0)
        return Loaded(
            full_name,
            definition=body["spec"].get("environment") or {},
            path_prefix=PATH_PREFIX,
            generation=self.generations[name],
        )
