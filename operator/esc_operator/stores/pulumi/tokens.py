"""Access tokens, and where the client gets one from. Never stored."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from esc_operator.errors import EscError, ProviderError
from esc_operator.stores.pulumi import reasons

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

_LONGEST_WINDOW: Final = timedelta(minutes=5)
"""How long before its expiry a token is renewed; a short-lived one when nine tenths of its life are over."""

_PAUSE: Final = timedelta(seconds=30)
"""How long a token that is still good is used before another is asked for again, after that failed."""


class AccessToken:
    """An access token of Pulumi Cloud. `expires_at` is None if that is not known. Its text never shows in `repr` or
    `str`."""

    __slots__ = ("_text", "expires_at", "issued_at")

    def __init__(self, text: str, issued_at: datetime | None = None, expires_at: datetime | None = None) -> None:
        """Spaces and line breaks around the text do not count. Raises ProviderError if it cannot be a token."""
        self._text = text.strip()
        self.issued_at = issued_at
        self.expires_at = expires_at
        if not self._text or not self._text.isascii() or not self._text.isprintable() or " " in self._text:
            what = "has characters that no token has" if self._text else "is empty"
            raise ProviderError(
                f"the access token {what}: create one in Pulumi Cloud, and copy all of it (it begins with pul-)",
                reason=reasons.ACCESS_TOKEN_REFUSED,
            )

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"AccessToken([secret], expires_at={self.expires_at})"

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to get another one."""
        if self.expires_at is None:
            return False
        lifetime = self.expires_at - (self.issued_at or self.expires_at)
        return now >= self.expires_at - min(_LONGEST_WINDOW, lifetime / 10)

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at


class Tokens(Protocol):
    """Where a client gets its access token from. One serves all clients of the same user and target."""

    async def token(self) -> AccessToken:
        """The token to use now. Raises ProviderError, IdentityError."""

    async def instead_of(self, refused: AccessToken) -> AccessToken | None:
        """Another one after the service did not accept this one (401); None if there is no other. Raises as `token`."""


class GivenToken:
    """A token that somebody else keeps; there is no other."""

    __slots__ = ("_token",)

    def __init__(self, token: AccessToken) -> None:
        self._token = token

    async def token(self) -> AccessToken:
        return self._token

    async def instead_of(self, refused: AccessToken) -> AccessToken | None:
        del refused
        return None


class RenewedTokens:
    """Tokens that are had anew ahead of their expiry, and after a 401, by one call at a time, whoever asks.

    `renew` gets one, for instance by `exchange`. Those who wait for a call share its outcome; if it is cancelled, the
    next of them makes its own. A token that is still good is used while another cannot be had.
    """

    def __init__(self, renew: Callable[[], Awaitable[AccessToken]], now: Callable[[], datetime]) -> None:
        self._renew = renew
        self._now = now
        self._lock = asyncio.Lock()
        self._current: AccessToken | None = None
        self._failure: EscError | None = None
        self._failures = 0
        self._failed_at: datetime | None = None

    async def token(self) -> AccessToken:
        current, now = self._current, self._now()
        if current is None or current.has_expired(now):
            return await self._other_than(current)
        if not current.is_due(now) or self._has_just_failed(now):
            return current
        try:
            return await self._other_than(current)
        except EscError:
            return current

    async def instead_of(self, refused: AccessToken) -> AccessToken | None:
        return await self._other_than(refused)

    def _has_just_failed(self, now: datetime) -> bool:
        return self._failed_at is not None and now < self._failed_at + _PAUSE

    async def _other_than(self, stale: AccessToken | None) -> AccessToken:
        failures = self._failures
        async with self._lock:
            if self._current is not None and self._current is not stale:
                return self._current
            if self._failure is not None and self._failures != failures:
                raise self._failure.with_traceback(None)
            try:
                self._current = await self._renew()
            except EscError as error:
                self._failure, self._failures, self._failed_at = error, self._failures + 1, self._now()
                raise
            self._failure = self._failed_at = None
            return self._current
