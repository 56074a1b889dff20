"""Reports CustomResourceDefinitions that are older than this operator: the API server drops the fields that they lack,
from what people apply and from what the operator writes.

Helm and many pipelines do not upgrade definitions with the program. The operator works on with what there is.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol

from esc_operator.errors import EscError, UnavailableError
from esc_operator.formats.phrases import first_of
from esc_operator.manifests.fields import unknown_fields

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

logger = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
SOON_SECONDS = 5.0
"""The pause while one is outdated: an administrator who upgrades it wants to see that it worked."""
NAMED = 3
"""How many missing fields a message names."""


class Schemas(Protocol):
    """The schemas of the kinds as they are served now."""

    async def read(self) -> Mapping[str, Mapping[str, Any]]:
        """By kind. Raises KubeError."""


class Outdated:
    """`kinds`: those that the operator works on. A kind that is not served at all is not reported here."""

    def __init__(
        self, schemas: Schemas, kinds: Mapping[str, str], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`kinds`: the plural of each."""
        self._schemas = schemas
        self._plurals = kinds
        self._pause = pause
        self._missing: dict[str, list[str]] = {}
        self._has_warned = False

    @property
    def kinds(self) -> list[str]:
        """The outdated kinds, such as `EscRotation`."""
        return sorted(self._missing)

    @property
    def messages(self) -> list[str]:
        """A sentence without its end for each outdated kind."""
        return [self._describe(kind) for kind in self.kinds]

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            await self.look()
            await self._pause(SOON_SECONDS if self._missing else LOOK_SECONDS)

    async def look(self) -> None:
        """Compare once, and log what is new."""
        try:
            served = await self._schemas.read()
        except UnavailableError:
            return  # this failure affects everything, and other parts report it
        except EscError as error:
            # A cluster may show its schemas to few users.
            if not self._has_warned:
                logger.info("The definitions of the kinds cannot be compared with this version: %s", error.message)
            self._has_warned = True
            return
        before, self._missing = self._missing, self._compare(served)
        for kind, fields in self._missing.items():
            if fields != before.get(kind):
                logger.warning("%s.", self._describe(kind))
        for kind in before.keys() - self._missing.keys():
            logger.info("%s is up to date.", kind)

    def _compare(self, served: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
        found = {kind: unknown_fields(kind, served[kind]) for kind in self._plurals if kind in served}
        return {kind: fields for kind, fields in found.items() if fields}

    def _describe(self, kind: str) -> str:
        return (
            f"{kind} is outdated: its CustomResourceDefinition is older than this operator and lacks "
            f"{first_of(self._missing[kind], NAMED)} (kubectl apply -f crds/{self._plurals[kind]}.yaml)"
        )
