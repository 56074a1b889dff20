"""Pulumi Cloud as a service that evaluates environments: from the fields of a source to its values and their lease.

Owns what one refresh requests: one open and one read, never twice for the same; a token where one is exchanged; and,
once a revision, the definition, where nothing else says how long the values last.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple
from urllib.parse import urlsplit

from esc_operator.errors import ProviderError
from esc_operator.evaluation import Lease, Login, Opened
from esc_operator.providers.port import RotatedInService
from esc_operator.stores.pulumi import reasons
from esc_operator.stores.pulumi.client import PulumiCloud
from esc_operator.stores.pulumi.exchange import TokenKind, TokenRequest, audience_of, exchange
from esc_operator.stores.pulumi.failures import DefinitionError
from esc_operator.stores.pulumi.lifetimes import USUAL, earliest_end, lifetime_named
from esc_operator.stores.pulumi.names import API_URL, EnvironmentName
from esc_operator.stores.pulumi.sending import ONE_TRY, Api
from esc_operator.stores.pulumi.tokens import AccessToken, GivenToken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from esc_operator.evaluation import Value
    from esc_operator.lang.diagnostics import Diagnostic
    from esc_operator.providers.port import OpenContext, SharedExchange
    from esc_operator.stores.pulumi.records import RotationEvent, Session

LIFETIME_ASSUMED: Final = "LifetimeAssumed"
"""Nothing says how long the values of an environment last, so that the usual lifetime of logins is assumed."""

DEFINITION_WARNING: Final = "DefinitionWarning"
"""The service warns of something in the definition."""

_BYTES_OF_A_LOGIN: Final = 4096
_SLACK: Final = timedelta(minutes=5)
_MOST_SHOWN: Final = 3
_MOST_REMEMBERED: Final = 1024


class OpenedEnvironment(NamedTuple):
    """What was opened. `lease` is None if the values do not expire, `revision` "" if it is not known. `warnings` are a
    reason and a message each."""

    value: Value
    lease: Lease | None
    revision: str
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def weight(self) -> int:
        """How many logins it counts as where answers are cached."""
        return 1 + self.value.size // _BYTES_OF_A_LOGIN

    def __repr__(self) -> str:
        return f"<OpenedEnvironment, revision {self.revision}>"


class _Wanted(NamedTuple):
    """The inputs, read (`stores.definitions.service_inputs` writes them)."""

    name: EnvironmentName
    version: str
    api_url: str
    lifetime: timedelta | None
    given: str
    request: TokenRequest

    @property
    def origin(self) -> str:
        return f"{self.name}@{self.version}" if self.version else str(self.name)

    def __repr__(self) -> str:
        return f"<{self.origin}>"


class _Definition(NamedTuple):
    """What was learned from a definition of that revision: the lifetime that it names, and whether it was readable."""

    revision: str
    lifetime: timedelta | None
    is_readable: bool


class PulumiService:
    """The service. One instance serves the whole process."""

    name: ClassVar[str] = "pulumi"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    # The service's limit is not public; what it throttles is counted against the organization alone.
    rate: ClassVar[float] = 100.0
    exchanged_audiences: ClassVar[tuple[str, ...]] = (f"{audience_of('')}**",)

    def __init__(self) -> None:
        self._definitions: OrderedDict[tuple[str, ...], _Definition] = OrderedDict()

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return str(urlsplit(inputs["apiUrl"]).netloc)

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"organization {inputs['organization']}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """The role is the organization's audience, and the team or user whose token is requested."""
        wanted = _read(inputs)
        if wanted.given:
            return None
        audience = audience_of(wanted.name.organization)
        scope = wanted.request.scope
        role = f"{audience}:{scope}" if scope else audience
        return Login(role, audience, gives_token=wanted.api_url != API_URL)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange) -> Opened:
        """Its value is an `OpenedEnvironment`."""
        wanted = _read(inputs)
        cloud = _cloud(wanted, context, shared)
        issued_at = context.now()
        try:
            session, value = await _open(cloud, wanted)
        except DefinitionError as error:
            raise _described(error, wanted) from error
        except ProviderError as error:
            if error.reason == reasons.ACCESS_TOKEN_REFUSED and not wanted.given:
                raise _revoked(error, wanted) from error
            raise
        revision = _revision_of(session, wanted)
        end = earliest_end(value, issued_at)
        definition = None
        if not revision or (wanted.lifetime is None and (end is None or end > issued_at + USUAL + _SLACK)):
            definition = await self._learn(cloud, wanted, context.identity.subject, revision)
        lifetime = wanted.lifetime if wanted.lifetime or definition is None else definition.lifetime
        ends = [time for time in (end, issued_at + lifetime if lifetime else None) if time is not None]
        lease = Lease(issued_at, min(ends)) if ends else None
        warnings = [*_warnings(session.diagnostics, wanted)]
        if definition is not None and not definition.is_readable and wanted.lifetime is None:
            warnings.append((LIFETIME_ASSUMED, _ASSUMED.format(origin=wanted.origin)))
        opened = OpenedEnvironment(value, lease, revision or (definition.revision if definition else ""), (*warnings,))
        # Values that do not expire are given to others as well, for as long as logins usually last.
        return Opened(opened, lease or Lease(issued_at, issued_at + USUAL))

    async def rotate(self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange) -> RotatedInService:
        wanted = _read(inputs)
        try:
            event = await _cloud(wanted, context, shared).rotate(wanted.name)
        except DefinitionError as error:
            raise _described(error, wanted) from error
        return _rotated(event)

    async def rotations(
        self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange
    ) -> Sequence[RotatedInService]:
        wanted = _read(inputs)
        return [_rotated(event) for event in await _cloud(wanted, context, shared).rotations(wanted.name)]

    async def _learn(self, cloud: PulumiCloud, wanted: _Wanted, subject: str, revision: str) -> _Definition:
        """What the definition says, read once a revision. Who may open it need not have the right to read it."""
        key = (wanted.api_url, *wanted.name, wanted.version, subject, str(hash(wanted.given)))
        known = self._definitions.get(key)
        if known is not None and revision and known.revision == revision:
            return known
        try:
            read = await cloud.read(wanted.name, revision or wanted.version)
        except ProviderError as error:
            if error.outage:  # it is read at the next refresh
                return _Definition(revision, USUAL, is_readable=True)
            learned = _Definition(revision, USUAL, is_readable=False)
        else:
            learned = _Definition(revision or str(read.revision or ""), lifetime_named(read.text), is_readable=True)
        self._definitions[key] = learned
        self._definitions.move_to_end(key)
        if len(self._definitions) > _MOST_REMEMBERED:
            self._definitions.popitem(last=False)
        return learned


SERVICE: Final = PulumiService()

_ASSUMED: Final = (
    "the values of {origin} are relied on for an hour, as logins usually last: the access token may not read the "
    "definition, so what it opens is not known; set spec.environmentFrom.pulumi.lifetime, or let the token read it"
)


class _Exchanged:
    """The access token for the identity, shared by all that want one for the same target; see `tokens.Tokens`."""

    def __init__(self, wanted: _Wanted, context: OpenContext, shared: SharedExchange) -> None:
        self._wanted = wanted
        self._context = context
        self._shared = shared

    async def token(self) -> AccessToken:
        return await self._token(None)

    async def instead_of(self, refused: AccessToken) -> AccessToken | None:
        after = refused.issued_at or self._context.now()
        return await self._token(after + timedelta(microseconds=1))

    async def _token(self, issued_after: datetime | None) -> AccessToken:
        target = {"apiUrl": self._wanted.api_url, **self._wanted.request._asdict()}
        token: AccessToken = await self._shared(target, self._exchange, issued_after)
        return token

    async def _exchange(self) -> Opened:
        context, request = self._context, self._wanted.request
        identity = await context.identity.token(audience_of(request.organization))
        token = await exchange(_api(self._wanted, context), identity, request)
        issued_at = token.issued_at or context.now()
        return Opened(token, Lease(issued_at, token.expires_at) if token.expires_at else None)


def _cloud(wanted: _Wanted, context: OpenContext, shared: SharedExchange) -> PulumiCloud:
    tokens = GivenToken(AccessToken(wanted.given)) if wanted.given else _Exchanged(wanted, context, shared)
    return PulumiCloud(_api(wanted, context), tokens)


def _rotated(event: RotationEvent) -> RotatedInService:
    """A rotation, with all that failed; what failed as a whole names no path."""
    failed = {one.path: one.error for one in event.failed}
    if event.status == "failed" and not failed:
        failed = {"": event.error or "the service does not say why"}
    return RotatedInService(event.id, failed, event.status == "in_progress")


def _api(wanted: _Wanted, context: OpenContext) -> Api:
    # What failed is tried again by the operator, at its own pace.
    return Api(wanted.api_url, context.send, context.now, ONE_TRY)


def _read(inputs: Mapping[str, Any]) -> _Wanted:
    name = EnvironmentName(inputs["organization"], inputs["project"], inputs["environment"])
    team, user = inputs.get("team") or "", inputs.get("user") or ""
    kind = TokenKind.TEAM if team else TokenKind.PERSONAL if user else TokenKind.ORGANIZATION
    seconds = inputs["lifetime"]
    return _Wanted(
        name,
        inputs["version"],
        inputs["apiUrl"],
        timedelta(seconds=seconds) if seconds else None,
        inputs.get("accessToken") or "",
        TokenRequest(name.organization, kind, team or user),
    )


async def _open(cloud: PulumiCloud, wanted: _Wanted) -> tuple[Session, Value]:
    """Open it, and once more if the session is gone when it is read."""
    session = await cloud.open(wanted.name, wanted.version)
    try:
        return session, await cloud.read_session(session)
    except ProviderError as error:
        if error.reason != reasons.SESSION_NOT_FOUND:
            raise
    session = await cloud.open(wanted.name, wanted.version)
    return session, await cloud.read_session(session)


def _revision_of(session: Session, wanted: _Wanted) -> str:
    """The revision that was opened; "" if the service does not tell it."""
    if session.revision is not None:
        return str(session.revision)
    return wanted.version if wanted.version.isascii() and wanted.version.isdigit() else ""


def _described(error: DefinitionError, wanted: _Wanted) -> ProviderError:
    """The error for mistakes in the definition, each with its place there."""
    found = [one for one in error.diagnostics if one.is_error] or [*error.diagnostics]
    shown = "; ".join(_located(one, wanted) for one in found[:_MOST_SHOWN])
    more = f"; and {len(found) - _MOST_SHOWN} more" if len(found) > _MOST_SHOWN else ""
    return ProviderError(f"{shown}{more}; correct the definition in Pulumi Cloud", reason=error.reason)


def _warnings(found: Iterable[Diagnostic], wanted: _Wanted) -> Iterable[tuple[str, str]]:
    return ((DEFINITION_WARNING, _located(one, wanted)) for one in found if not one.is_error)


def _located(found: Diagnostic, wanted: _Wanted) -> str:
    """What was found, with its place: `acme/shop/prod, line 3, column 5: …`."""
    where = found.range
    if where is None:
        return f"{wanted.origin}: {found.path}: {found.summary}" if found.path else f"{wanted.origin}: {found.summary}"
    named, organization = where.environment, wanted.name.organization
    place = (
        named if named.startswith(f"{organization}/") else f"{organization}/{named}" if "/" in named else wanted.origin
    )
    return f"{place}, line {where.begin.line}, column {where.begin.column}: {found.summary}"


def _revoked(error: ProviderError, wanted: _Wanted) -> ProviderError:
    return ProviderError(
        f"{wanted.api_url} does not accept the access token {wanted.request.described} that it has just given in "
        f"exchange, when asked to open {wanted.origin}: it was revoked, or the clocks differ; look at the access "
        "tokens and the OIDC issuers of the organization",
        reason=error.reason,
    )
