"""What a provider is, and what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from esc_operator.evaluation import Opened

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


class Identity(Protocol):
    """Who an environment is opened as."""

    @property
    def subject(self) -> str:
        """The `sub` that tokens carry, such as `system:serviceaccount:apps:default`; for messages and shared logins."""

    async def token(self, audience: str) -> IdentityToken:
        """A token for that one audience. Raises IdentityError."""


class OpenContext(Protocol):
    """What a provider may use while it opens; the driver makes one an evaluation."""

    @property
    def identity(self) -> Identity: ...

    @property
    def settings(self) -> Mapping[str, str]:
        """Process-wide settings, such as AWS_REGION and AWS_ENDPOINT_URL_STS; a snapshot of the environment variables."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def run_blocking(self, call: Callable[[], T]) -> Awaitable[T]:
        """Run a call of a blocking SDK on the bounded pool; the call has to bring its own timeout."""


class Provider(Protocol):
    """One provider. `inputs` and `outputs` are JSON Schemas (the subset of `esc_operator.schema`)."""

    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        """Open with inputs that fit `inputs`; the value fits `outputs`. Raises ProviderError, IdentityError.

        The lease says when the value dies: every provider whose values expire must return one.
        """
