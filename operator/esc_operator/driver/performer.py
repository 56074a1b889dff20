"""Carries out what has to wait: opens and rotations, and loads from a store behind a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from esc_operator.driver.loading import failed, load_async
from esc_operator.driver.sharing import ANY_AGE, Demand
from esc_operator.errors import ConfigurationError, EscError
from esc_operator.evaluation import LoadEnvironment, OpenProvider, OpenRotator, RotateState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.driver.opener import Opener
    from esc_operator.driver.rotator_states import RotatorStates
    from esc_operator.evaluation import Answer, Effect, Failed, Rotated
    from esc_operator.providers.port import Identity
    from esc_operator.stores.port import AsyncStore


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs for one evaluation: as one identity, imports included, and with one demand on the age of credentials."""

    opener: Opener
    identity: Identity
    demand: Demand = ANY_AGE
    store: AsyncStore | None = None
    states: RotatorStates | None = None

    async def perform(self, effect: Effect) -> Answer:
        match effect:
            case OpenProvider():
                return await self.opener.open(effect.provider, effect.inputs, self.identity, self.demand)
            case OpenRotator():
                return await self._open_rotator(effect)
            case RotateState():
                return await self._rotate(effect)
            case LoadEnvironment() if self.store is not None:
                return await load_async(self.store, effect.name, effect.importer)
        raise ConfigurationError(f"nothing here carries out {type(effect).__name__}")

    async def _open_rotator(self, effect: OpenRotator) -> Answer:
        try:
            kept = await self.states.find(effect.environment, effect.path) if self.states else None
        except EscError as error:
            return failed(error)
        state = effect.state if kept is None else kept
        return await self.opener.open_rotator(effect.provider, effect.inputs, state, self.identity)

    async def _rotate(self, effect: RotateState) -> Answer:
        async def make(kept: Mapping[str, Any] | None) -> Rotated | Failed:
            state = effect.state if kept is None else kept
            return await self.opener.rotate(effect.provider, effect.inputs, state, self.identity)

        try:
            return await (self.states.renew(effect.environment, effect.path, make) if self.states else make(None))
        except EscError as error:
            return failed(error)
