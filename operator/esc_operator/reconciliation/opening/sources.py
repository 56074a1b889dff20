"""Opens the environments of one evaluation that Pulumi Cloud holds, each as whom its own spec names.

Owns whose identity, token and allow-lists count: those of the environment that has the source, whoever imports it. An
importer chooses nothing but the moment, and one in another namespace learns neither names nor causes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from esc_operator.driver.admission import Wish
from esc_operator.driver.sharing import Demand
from esc_operator.errors import KubeError
from esc_operator.evaluation import UNKNOWN_LOGIN, Failed, Opened
from esc_operator.reconciliation.opening.import_store import SEE_OWNER
from esc_operator.resources import reasons
from esc_operator.resources.definition_source import PULUMI, PULUMI_URL
from esc_operator.resources.warnings import make_warning
from esc_operator.stores.definitions import service_inputs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.driver.opener import Opener
    from esc_operator.evaluation import Login
    from esc_operator.providers.port import Identity, RotatedInService
    from esc_operator.reconciliation.opening.admission import NamespaceAdmission
    from esc_operator.reconciliation.opening.import_store import FoundSource
    from esc_operator.reconciliation.opening.service_rotators import RotatingService
    from esc_operator.resources.definition_source import PulumiSource
    from esc_operator.resources.environment import Key
    from esc_operator.resources.warnings import StatusWarning
    from esc_operator.stores.pulumi.service import OpenedEnvironment

_FOLLOWED: Final = frozenset({"", "latest"})
"""Versions that a rotation changes."""

LATEST: Final = timedelta(minutes=1)
"""How old the values may be that an environment gets of its own source; others may have opened it a moment ago."""


FOREIGN_TURN: Final = timedelta(seconds=10)
"""Importers of other namespaces that request fresh values get them at these intervals, all of them together: however
many rotations they request, the source's organization sees no more than one open in each."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which an evaluation opens sources: for the environment `home`, at `now`, with its `demand` on credentials, and
    with its `interval` for values that have to be read again."""

    home: Key
    demand: Demand
    interval: timedelta
    now: datetime

    @property
    def until_next_turn(self) -> float:
        """Seconds."""
        turn = FOREIGN_TURN.total_seconds()
        return turn - self.now.timestamp() % turn

    def demand_on(self, key: Key) -> Demand:
        """What counts for the values of the source of `key`."""
        oldest = self.now - (min(self.interval / 2, LATEST) if key == self.home else self.interval / 2)
        asked = self.demand.fresh_after
        return Demand(max(oldest, asked) if asked else oldest, self.demand.valid_until)


@dataclass(frozen=True, slots=True, repr=False)
class RotatorsInCloud:
    """The rotators of one environment in Pulumi Cloud; a `service_rotators.RotatingService`."""

    _opener: Opener
    _source: PulumiSource
    _inputs: Mapping[str, Any]
    _identity: Identity
    _tokens_after: datetime | None

    async def rotations(self) -> Sequence[RotatedInService] | Failed:
        return await self._opener.rotations_of_service(PULUMI, self._inputs, self._identity, self._tokens_after)

    async def rotate(self) -> RotatedInService | Failed:
        if self._source.version not in _FOLLOWED:
            return Failed(
                f"spec.environmentFrom.pulumi.version is {self._source.version}, which stays as it is, and a rotation "
                "makes another revision: remove version, or rotate them in Pulumi Cloud and set it anew",
                reasons.ROTATORS_NOT_ROTATED,
            )
        return await self._opener.rotate_service(PULUMI, self._inputs, self._identity, self._tokens_after)


class PulumiSources:
    """For one evaluation; a `driver.sources.Sources`. `identify` gives the identity of a ServiceAccount, and what its
    namespace allows, None if there is no account; it raises KubeError. `rotate` rotates the rotators of the
    environment's own source if that is requested, and answers why it has to wait; it raises KubeError."""

    def __init__(  # noqa: PLR0913, PLR0917 - what an evaluation stands on
        self,
        found: Mapping[str, FoundSource],
        opener: Opener,
        identify: Callable[[Key | None], Awaitable[tuple[Identity, NamespaceAdmission | None]]],
        terms: Terms,
        rotate: Callable[[RotatingService], Awaitable[Failed | None]],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._found = found
        self._opener = opener
        self._identify = identify
        self._terms = terms
        self._rotate = rotate
        self._sleep = sleep
        self.opened: dict[str, OpenedEnvironment] = {}

    async def open(self, environment: str) -> Opened | Failed:
        found = self._found[environment]
        is_own = found.key.namespace == self._terms.home.namespace
        answer = await self._open(found, is_own=is_own)
        if isinstance(answer, Failed):
            return answer if is_own else _without_cause(answer)
        opened: OpenedEnvironment = answer.value
        self.opened[environment] = opened
        login = answer.login if is_own else UNKNOWN_LOGIN
        organization = found.source.organization if is_own else ""
        return Opened(opened.value, opened.lease, secret=False, login=login, organization=organization)

    async def _open(self, found: FoundSource, *, is_own: bool) -> Opened | Failed:
        inputs = service_inputs(found.source, found.token)
        try:
            identity, admission = await self._identify(found.account)
        except KubeError as error:
            return Failed(f"the namespace's allow-lists could not be read: {error.message}", error.reason)
        login = self._opener.login(PULUMI, self._opener.catalogue.services, inputs)
        if isinstance(login, Failed):
            return login
        if login and admission and (refused := _refuse(login, found, admission)):
            return refused
        asked = self._terms.demand.fresh_after
        if not is_own and asked is not None:
            await self._sleep(self._terms.until_next_turn)
        if found.key == self._terms.home:
            rotators = RotatorsInCloud(self._opener, found.source, inputs, identity, asked)
            try:
                waits = await self._rotate(rotators)
            except KubeError as error:
                return Failed(f"what was rotated could not be stored: {error.message}", error.reason)
            if waits:
                return waits
        return await self._opener.open_service(
            PULUMI, inputs, identity, self._terms.demand_on(found.key), asked if is_own else None
        )

    def warnings_of(self, environment: str) -> tuple[StatusWarning, ...]:
        """The warnings about an environment's own source."""
        opened = self.opened.get(environment)
        return tuple(make_warning(reason, message) for reason, message in opened.warnings) if opened else ()


def _refuse(login: Login, found: FoundSource, admission: NamespaceAdmission) -> Failed | None:
    """Why a namespace does not allow the exchange of its identity token. A host of the author's choice gets the token
    itself, with which it can log in to Pulumi Cloud."""
    url = found.source.api_url
    receiver = f"apiUrl {url}" if url != PULUMI_URL else ""
    return admission.refuse(Wish(PULUMI, found.key.full_name, login, True, PULUMI, receiver))


def _without_cause(failed: Failed) -> Failed:
    """A failure as an importer in another namespace may see it."""
    return failed._replace(message=f"it could not be opened ({failed.reason}); {SEE_OWNER}", wanted="", known=None)
