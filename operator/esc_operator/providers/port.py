"""The port of providers and rotators, and their context."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from esc_operator.evaluation import InputProblem, Login, Opened, Rotated

T = TypeVar("T")


class IdentityToken:
    """A signed OIDC token (JWT) that identifies the caller. Its text never shows in `repr` or `str`."""

    __slots__ = ("_text", "expires_at")

    def __init__(self, text: str, expires_at: datetime | None) -> None:
        self._text = text
        self.expires_at = expires_at

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"IdentityToken([secret], expires_at={self.expires_at})"


class HttpRequest(NamedTuple):
    """A request to a host that inputs name. Only `headers` and `body` may hold secrets; messages may show the URL."""

    method: str
    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method})"


class HttpAnswer(NamedTuple):
    """The answer; redirects are not followed. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"HttpAnswer(status={self.status})"


class Identity(Protocol):
    """The identity with which an environment is opened."""

    @property
    def subject(self) -> str:
        """The `sub` of its tokens, such as `system:serviceaccount:apps:default`; for messages and shared logins."""

    @property
    def tenant(self) -> str:
        """The namespace that takes turns with others; "" if there is only one user."""

    async def token(self, audience: str) -> IdentityToken:
        """A token for that one audience. Raises IdentityError."""


@runtime_checkable
class ReadsObjects(Protocol):
    """An identity in a namespace of a cluster, which may read objects there."""

    @property
    def tenant(self) -> str:
        """The namespace; no other one is read."""

    async def read_object(self, kind: Literal["ConfigMap", "Secret"], name: str) -> Mapping[str, Any] | None:
        """The object as the API server has it, None if it does not exist; `name` has to be a valid one. Raises
        IdentityError, with the reason `OBJECT_FORBIDDEN` if this identity may not read this object."""


@runtime_checkable
class ReadsFiles(Protocol):
    """An identity at a terminal, with a folder of environments of its own."""

    def read_file(self, path: str) -> bytes:
        """The content of a file in that folder; `path` starts there. Raises IdentityError."""


class Stream(Protocol):
    """A TCP connection, for the blocking client of a protocol that is not HTTP. All reads and writes together are
    limited in time, and reads in size: TimeoutError and ProviderError."""

    @property
    def socket(self) -> socket.socket: ...

    def tls(self, authorities: str = "", *, verifies: bool = True) -> ssl.SSLContext:
        """For TLS on that socket, by the host's name: with certificates of these authorities (PEM), or else of those
        that the settings trust; or with any certificate. Raises ProviderError."""


class OpenContext(Protocol):
    """What a provider may use while it opens; the driver makes one for each evaluation."""

    @property
    def identity(self) -> Identity: ...

    @property
    def settings(self) -> Mapping[str, str]:
        """Process-wide settings, such as AWS_REGION: a snapshot of the environment variables."""

    def now(self) -> datetime:
        """The time, in UTC."""

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """Send a request to a host that inputs name. Providers must use this: administrators decide which hosts inputs
        may name. Raises ProviderError if the host is not allowed or does not answer."""

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        """Run a call of a blocking SDK on the bounded pool; the call needs a timeout of its own."""

    async def run_stream(self, url: str, call: Callable[[Stream], T]) -> T:
        """Connect to a host that inputs name, by a protocol that is not HTTP (`postgres://db.example.com:5432`), and
        run a blocking call with the connection on the bounded pool. As for `send`, administrators decide which hosts
        those may be. Raises ProviderError if the host is not allowed or does not answer, and what the call raises."""


class Provider(Protocol):
    """One provider. `inputs` and `outputs` are JSON Schemas (the subset of `esc_operator.schema`)."""

    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        """Open with inputs that match `inputs`; the value matches `outputs`. Raises ProviderError, IdentityError.

        The lease says when the value expires: every provider whose values expire must return one. An awaited call may
        be cancelled at any point, and one answer may serve several environments of the same identity.
        """


class SharedExchange(Protocol):
    """Shares what a login is exchanged for among all calls as one identity; a call at a time makes it."""

    async def __call__(
        self, target: Mapping[str, Any], exchange: Callable[[], Awaitable[Opened]], issued_after: datetime | None = None
    ) -> Any:
        """The value that `exchange` gave for this target, made anew ahead of its lease's end. Only one that was issued
        later, if `issued_after` is given. Raises what `exchange` raises, and ProviderError."""


class RotatedInService(NamedTuple):
    """A rotation of an environment's rotators by the service that holds it. `failed` are the paths of those that
    failed, with the service's words. `is_under_way`: the service has not finished."""

    id: str
    failed: Mapping[str, str] = MappingProxyType({})
    is_under_way: bool = False


class Service(Protocol):
    """A service that holds environments and evaluates them. No definition calls it; a source of an environment names
    what to open there. `inputs` are what `open` needs, as plain data, and may hold a token."""

    name: str

    async def open(self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange) -> Opened:
        """Open an environment. The lease says how long the answer may be given to others who want the same. Raises
        ProviderError, IdentityError."""

    async def rotate(self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange) -> RotatedInService:
        """Rotate all rotators of an environment, for everyone who opens it. Raises as `open`."""

    async def rotations(
        self, inputs: Mapping[str, Any], context: OpenContext, shared: SharedExchange
    ) -> Sequence[RotatedInService]:
        """The rotations of an environment so far, the newest first. Raises as `open`."""


@runtime_checkable
class Checked(Protocol):
    """A provider that finds, by reading them alone, what is wrong with inputs that match its schema. A check reports
    it, and so does an evaluation before it opens anything; `open` has to refuse the same."""

    def problems(self, inputs: Mapping[str, Any]) -> Iterable[InputProblem]:
        """What is wrong with the inputs, each with the path of the part to blame; `evaluation.UNSEEN` stands for parts
        that are not known yet, or secret. Does no I/O; its work must be proportional to the size of the inputs."""


@runtime_checkable
class Located(Protocol):
    """A provider that names its endpoint, so that an outage of one service does not count against another.

    `host_inputs` are the inputs, as paths such as `oidc.region`, that become part of a host name; none if only the
    process's settings name the host. A secret in one of them is refused before the provider is called.
    """

    host_inputs: ClassVar[tuple[str, ...]]

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """The host or region that a call with these inputs uses, also for messages; None if it makes no request.
        Raises as `open`."""


@runtime_checkable
class Attributed(Protocol):
    """A provider that names the account whose calls its service counts, so that throttling pauses no other account."""

    def account(self, inputs: Mapping[str, Any]) -> str:
        """The account, tenant or project that these inputs use, as messages name it (`account 123456789012`); "" if
        not known. Raises as `open`."""


@runtime_checkable
class Paced(Protocol):
    """A provider with a rate limit of its own, because that of its service is known."""

    rate: float
    """How many calls a second one operator may sustain, of a service that others use as well."""


@runtime_checkable
class LogsIn(Protocol):
    """A provider that names its role before it logs in: for allow-lists, and for finding the users of a role."""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """The login of these inputs, without any I/O; None if it presents no identity token. Raises as `open`."""


@runtime_checkable
class Renews(Protocol):
    """A provider whose answers can be renewed: the same values for longer. It is asked only about answers that have a
    `renewal`, with the inputs that they were opened with. Both raise as `open`."""

    async def renew(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> Opened | None:
        """The answer with a later lease, whose `made_at` says when its values were made; None: open it anew. May have
        new values in part. Raises only if the service does not serve."""

    async def revoke(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> None:
        """End the answer's values, which nobody uses any more; as far as that is allowed."""


@runtime_checkable
class Exchanges(Protocol):
    """A provider that exchanges identity tokens for credentials. A token for one of these audiences (patterns, as in
    allow-lists) is worth those credentials, so no other provider may output one unless an administrator allows it."""

    exchanged_audiences: tuple[str, ...]


@runtime_checkable
class Timed(Protocol):
    """A provider that measures, from answers, how far its service's clock is from ours."""

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the service's clock was certainly ahead in the last answer (negative: behind); None: not known."""


class Extra(NamedTuple):
    """An extra of a distribution, as `pip install 'distribution[name]'` installs it. `modules` are what it brings."""

    name: str
    modules: tuple[str, ...]
    distribution: str = "esc-operator"


@runtime_checkable
class NeedsExtra(Protocol):
    """A plug-in that imports, only when it is called, what an extra of its distribution brings. Where that is missing,
    its schemas are known all the same, and a call or a check says how to install it."""

    extra: ClassVar[Extra]


@runtime_checkable
class Warmable(Protocol):
    """A provider that can do slow preparations (loading an SDK) before the first environment asks for it."""

    def warm(self, settings: Mapping[str, str]) -> None:
        """Prepare; blocking, so it runs on the pool. A failure is ignored: the first use fails again and reports it."""


@runtime_checkable
class Intends(Protocol):
    """A rotator whose service forgets what it was before: a password is replaced, and not added. What it will make is
    stored before it is made, so that nothing is lost if the process ends between the act and its answer."""

    def intend(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The state to store, and then to call `rotate` with: what the next rotation will make, beside all of `state`.
        An intention that `state` has already stays, if it is still one for these inputs: so an interrupted rotation is
        done again and not anew. `open` gives the same before and after. Makes no request. Raises as `rotate`."""


class Rotator(Protocol):
    """One rotator: like a provider, but its outputs come from a stored state that only `rotate` changes.

    `state` is the JSON Schema of that state; it is never shown.
    """

    name: str
    inputs: Mapping[str, Any]
    state: Mapping[str, Any]
    outputs: Mapping[str, Any]

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        """The outputs of a state. Raises ProviderError, IdentityError."""

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        """Make new credentials, and keep the current ones alive. Raises ProviderError, IdentityError."""
