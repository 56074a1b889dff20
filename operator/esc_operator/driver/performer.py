"""Performs effects that have to wait: opens and rotations, and loads from a store behind a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.driver.admission import Refusing, Wish
from esc_operator.driver.hosts import refuse_secret_host
from esc_operator.driver.loading import Loader, failed
from esc_operator.driver.sharing import ANY_AGE, Demand
from esc_operator.errors import ConfigurationError, EscError, IdentityError
from esc_operator.evaluation import (
    UNKNOWN_LOGIN,
    Failed,
    LoadEnvironment,
    OpenEnvironment,
    OpenProvider,
    OpenRotator,
    RotateState,
)
from esc_operator.projection.secrets import secret_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.driver.admission import Admission
    from esc_operator.driver.opener import Opener
    from esc_operator.driver.rotator_states import Keep, RotatorStates
    from esc_operator.driver.sources import Sources
    from esc_operator.driver.trust import Trust
    from esc_operator.evaluation import Answer, Effect, Rotated, Value
    from esc_operator.providers.port import Identity
    from esc_operator.providers.registry import Registry
    from esc_operator.stores.port import AsyncStore

REDACTED = "[secret]"


@dataclass(frozen=True, slots=True)
class Performer:
    """Performs for one evaluation: as one identity, imports included, and with one demand on the age of credentials."""

    opener: Opener
    identity: Identity
    demand: Demand = ANY_AGE
    store: AsyncStore | None = None
    states: RotatorStates | None = None
    admission: Admission | None = None
    trust: Trust | None = None
    loader: Loader = field(default_factory=Loader)
    sources: Sources | None = None

    async def perform(self, effect: Effect) -> Answer:
        match effect:
            case OpenProvider() | OpenRotator() | RotateState():
                answer = await self._call(effect)
                return _without_secrets(answer, effect.value) if isinstance(answer, Failed) else answer
            case LoadEnvironment() if self.store is not None:
                return await self.loader.load_async(self.store, effect.name, effect.importer)
            case OpenEnvironment() if self.sources is not None:
                return await self.sources.open(effect.environment)
        raise ConfigurationError(f"nothing here carries out {type(effect).__name__}")

    async def _call(self, effect: OpenProvider | OpenRotator | RotateState) -> Answer:
        if refused := self._refuse_secret_host(effect):
            return refused
        identity = await self._admit(effect)
        if isinstance(identity, Failed):
            return identity
        match effect:
            case OpenProvider():
                return await self.opener.open(effect.provider, effect.inputs, identity, self.demand)
            case OpenRotator():
                return await self._open_rotator(effect, identity)
            case RotateState():
                return await self._rotate(effect, identity)

    async def _open_rotator(self, effect: OpenRotator, identity: Identity) -> Answer:
        try:
            kept = await self.states.find(effect.environment, effect.path) if self.states else None
        except EscError as error:
            return failed(error)
        state = effect.state if kept is None else kept
        return await self.opener.open_rotator(effect.provider, effect.inputs, state, identity)

    async def _rotate(self, effect: RotateState, identity: Identity) -> Answer:
        async def make(kept: Mapping[str, Any] | None, keep: Keep) -> Rotated | Failed:
            state = effect.state if kept is None else kept
            intended = self.opener.intend(effect.provider, effect.inputs, state)
            if isinstance(intended, Failed):
                return intended
            if intended != state:
                await keep(intended)
            return await self.opener.rotate(effect.provider, effect.inputs, intended, identity)

        try:
            if self.states is None:
                return await make(None, _keep_nowhere)
            return await self.states.renew(effect.environment, effect.path, make)
        except EscError as error:
            return failed(error)

    def _refuse_secret_host(self, effect: OpenProvider | OpenRotator | RotateState) -> Failed | None:
        try:
            return refuse_secret_host(self._plugins(effect).find(effect.provider), effect.provider, effect.value)
        except EscError as error:
            return failed(error)

    def _plugins(self, effect: OpenProvider | OpenRotator | RotateState) -> Registry[Any]:
        catalogue = self.opener.catalogue
        return catalogue.providers if isinstance(effect, OpenProvider) else catalogue.rotators

    async def _admit(self, effect: OpenProvider | OpenRotator | RotateState) -> Identity | Failed:
        """The identity to open with, or the refusal; before anything is shared or requested."""
        if self.trust and (refused := self.trust.refuse(effect)):
            return refused
        judged = await self._judge(effect, self.admission) if self.admission else None
        return Refusing(self.identity, judged) if isinstance(judged, IdentityError) else judged or self.identity

    async def _judge(
        self, effect: OpenProvider | OpenRotator | RotateState, admission: Admission
    ) -> Failed | IdentityError | None:
        """Why a login is refused; an error to raise only if the provider asks for a token, a `Failed` otherwise."""
        login = self.opener.login(effect.provider, self._plugins(effect), effect.inputs)
        if isinstance(login, Failed):
            return login
        if login is UNKNOWN_LOGIN:
            return await admission.refuse_unknown(effect.provider, effect.environment)
        if login is None:
            return None
        other = self.opener.catalogue.exchanging(login.audience, effect.provider) if login.gives_token else ""
        wish = Wish(effect.provider, effect.environment, login, not effect.value.contains_secrets, other)
        return await admission.refuse(wish)


async def _keep_nowhere(_: Mapping[str, Any]) -> None:
    """Only the caller has the definition with the state: an interrupted rotation costs what it has made."""


def _without_secrets(failed: Failed, inputs: Value) -> Failed:
    """A failure without the secret inputs that a provider repeats in it. Messages show a role, a region or a session
    name, because a user may have to correct it; the author of an environment may make any of them a secret."""
    if not inputs.contains_secrets:
        return failed
    texts = sorted({text for text in secret_texts(inputs) if text}, key=len, reverse=True)

    def hide(message: str) -> str:
        for text in texts:
            message = message.replace(text, REDACTED)
        return message

    parts = tuple(part._replace(message=hide(part.message)) for part in failed.parts)
    return failed._replace(message=hide(failed.message), parts=parts)
