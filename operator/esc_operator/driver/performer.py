"""Carries out what has to wait: opens and rotations, and loads from a store behind a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from esc_operator.driver.loading import load_async
from esc_operator.driver.sharing import ANY_AGE, Demand
from esc_operator.errors import ConfigurationError
from esc_operator.evaluation import LoadEnvironment, OpenProvider, OpenRotator, RotateState

if TYPE_CHECKING:
    from esc_operator.driver.opener import Opener
    from esc_operator.evaluation import Answer, Effect
    from esc_operator.providers.port import Identity
    from esc_operator.stores.port import AsyncStore


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs for one evaluation: as one identity, imports included, and with one demand on the age of credentials."""

    opener: Opener
    identity: Identity
    demand: Demand = ANY_AGE
    store: AsyncStore | None = None

    async def perform(self, effect: Effect) -> Answer:
        match effect:
            case OpenProvider():
                return await self.opener.open(effect.provider, effect.inputs, self.identity, self.demand)
            case OpenRotator():
                return await self.opener.open_rotator(effect.provider, effect.inputs, effect.state, self.identity)
            case RotateState():
                return await self.opener.rotate(effect.provider, effect.inputs, effect.state, self.identity)
            case LoadEnvironment() if self.store is not None:
                return await load_async(self.store, effect.name, effect.importer)
        raise ConfigurationError(f"nothing here carries out {type(effect).__name__}")
