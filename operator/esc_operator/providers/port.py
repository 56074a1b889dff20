"""What a provider is, and what it is given."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime, timedelta

    from esc_operator.evaluation import Login, Opened, Rotated

T = TypeVar("T")


class IdentityToken:
    """A signed OIDC token (JWT) that says who asks. Its text never shows in `repr` or `str`."""

    __slots__ = ("_text", "expires_at")

    def __init__(self, text: str, expires_at: datetime | None) -> None:
        self._text = text
        self.expires_at = expires_at

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"IdentityToken([secret], expires_at={self.expires_at})"


class HttpRequest(NamedTuple):
    """A request to a host that inputs name. Only `headers` and `body` may hold secrets; the URL is for messages too."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method})"


class HttpAnswer(NamedTuple):
    """What was answered, as it came: a redirection is not followed. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"HttpAnswer(status={self.status})"


class Identity(Protocol):
    """Who an environment is opened as."""

    @property
    def subject(self) -> str:
        """The `sub` that tokens carry, such as `system:serviceaccount:apps:default`; for messages and shared logins."""

    @property
    def tenant(self) -> str:
        """The namespace in whose name it asks, and which waits for its turn; "" where there is only one who asks."""

    async def token(self, audience: str) -> IdentityToken:
        """A token for that one audience. Raises IdentityError."""


class OpenContext(Protocol):
    """What a provider may use while it opens; the driver makes one an evaluation."""

    @property
    def identity(self) -> Identity: ...

    @property
    def settings(self) -> Mapping[str, str]:
        """Process-wide settings, such as AWS_REGION: a snapshot of the environment variables."""

    def now(self) -> datetime:
        """The time, in UTC."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Ask a host that inputs name. It is the only way to: whom inputs may name is for administrators to say. Raises
        ProviderError where it must not be asked, and where there is no answer."""

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        """Run a call of a blocking SDK on the bounded pool; the call has to bring its own timeout."""


class Provider(Protocol):
    """One provider. `inputs` and `outputs` are JSON Schemas (the subset of `esc_operator.schema`)."""

    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        """Open with inputs that fit `inputs`; the value fits `outputs`. Raises ProviderError, IdentityError.

        The lease says when the value dies: every provider whose values expire must return one. A call that is awaited
        may be cancelled at any point, and one answer may serve several environments of the same identity.
        """


@runtime_checkable
class Located(Protocol):
    """A provider that says whom it asks, so that an outage of one service is not held against another.

    `host_inputs` are the inputs, as paths such as `oidc.region`, of which it makes the name of a host; none where the
    process's settings alone say whom to ask. A secret in one of them is refused before the provider is called.
    """

    host_inputs: ClassVar[tuple[str, ...]]

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """The host or region that is asked with these inputs, for messages too; None if nobody is. Raises as `open`."""


@runtime_checkable
class Attributed(Protocol):
    """A provider that says whose calls its service counts, so that throttling is held against nobody else."""

    def account(self, inputs: Mapping[str, Any]) -> str:
        """The account, tenant or project that is asked with these inputs, as messages name it (`account 123456789012`);
        "" where that is not known. Raises as `open`."""


@runtime_checkable
class Paced(Protocol):
    """A provider whose service is known to bear more, or less, than one of which nothing is known is asked."""

    rate: float
    """So many calls a second may one operator make, in the long run, of a service that others use as well."""


@runtime_checkable
class LogsIn(Protocol):
    """A provider that says as whom it logs in, before it does: for allow-lists, and for finding out who uses a role."""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """What these inputs ask for, without any I/O; None where no identity token is presented. Raises as `open`."""


@runtime_checkable
class Exchanges(Protocol):
    """A provider that exchanges identity tokens for credentials: a token for one of these audiences (patterns, as those
    of allow-lists) is as good as what it would give, and no other provider gives one out unasked."""

    exchanged_audiences: tuple[str, ...]


@runtime_checkable
class Timed(Protocol):
    """A provider that learns from answers how far the clock of whom it asks is from ours."""

    @property
    def clock_skew(self) -> timedelta | None:
        """How far theirs was ahead in the last answer (negative: behind), for sure; None where nothing is known."""


@runtime_checkable
class Warmable(Protocol):
    """A provider that can do slow preparations (loading an SDK) before the first environment asks for it."""

    def warm(self, settings: Mapping[str, str]) -> None:
        """Prepare; blocking, so it is run on the pool. What fails here fails again, and is told, when it is needed."""


class Rotator(Protocol):
    """One rotator: like a provider, but what it gives out is kept as a state that only `rotate` changes.

    `state` is the JSON Schema of that state; it is never shown.
    """

    name: str
    inputs: Mapping[str, Any]
    state: Mapping[str, Any]
    outputs: Mapping[str, Any]

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        """The outputs that belong to a state. Raises ProviderError, IdentityError."""

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        """Make new credentials, and keep the current ones alive. Raises ProviderError, IdentityError."""
