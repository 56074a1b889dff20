"""One command's use of Pulumi Cloud: which token, and failures as a person at a terminal needs them.

The token is that of PULUMI_ACCESS_TOKEN, which is never stored, else that of the login. One that was exchanged for an
identity token in a file is exchanged anew when it has expired or is refused, if the login remembered the file.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from esc_operator.cli.cloud import exchanging
from esc_operator.cli.cloud.accounts import Account
from esc_operator.errors import ConfigurationError, ProviderError
from esc_operator.formats.times import format_time
from esc_operator.providers import login_reasons
from esc_operator.stores.pulumi import AccessToken, PulumiCloud
from esc_operator.stores.pulumi import reasons as cloud_reasons

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from esc_operator.cli.cloud.exchanging import Exchange
    from esc_operator.cli.cloud.files import PulumiFiles
    from esc_operator.cli.outside import Outside

T = TypeVar("T")

ACCESS_TOKEN: Final = "PULUMI_ACCESS_TOKEN"  # noqa: S105 - a setting's name

NOT_LOGGED_IN: Final = "NotLoggedIn"
"""There is no token for this Pulumi Cloud."""

_TOO_SHORT: Final = timedelta(seconds=30)
"""A token that expires sooner counts as expired: a command takes this long."""


class CloudLogin(NamedTuple):
    """The Pulumi Cloud that a command uses. `exchange` is how its token was had, if that is remembered; `insecure`:
    any certificate is accepted."""

    url: str
    exchange: Exchange | None = None
    insecure: bool = False


def given_token(outside: Outside) -> str:
    """The token of the settings; "" if there is none."""
    return outside.settings.get(ACCESS_TOKEN, "").strip()


class CloudSession:
    """What a command needs for its requests. Every request raises EscError. `trial`: a token that is to be tried out,
    whatever others there are."""

    def __init__(
        self, login: CloudLogin, files: PulumiFiles, outside: Outside, trial: AccessToken | None = None
    ) -> None:
        """Raises ConfigurationError."""
        self.login: Final = login
        self.files: Final = files
        self.outside: Final = outside
        self.trial: Final = trial
        self.given: Final = given_token(outside)
        is_needed = trial is None and not self.given
        self.account: Account | None = files.account(login.url) if is_needed else None
        insecure = login.insecure or bool(self.account and self.account.insecure)
        self.api: Final = outside.open_cloud(login.url, insecure)
        self.cloud: Final = PulumiCloud(self.api, _Tokens(self))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work of a command to its end. Raises EscError, in words for a terminal."""
        try:
            return asyncio.run(work)
        except ProviderError as error:
            raise self.for_people(error) from error

    def for_people(self, error: ProviderError) -> ProviderError:
        """The same failure, with what a person can do here."""
        is_refused = error.reason == cloud_reasons.ACCESS_TOKEN_REFUSED
        return with_advice(error, self._other_token()) if is_refused else error

    def _other_token(self) -> str:
        if self.given and (self.trial is None or self.trial.reveal() == self.given):
            return f"; the token is that of {ACCESS_TOKEN}: correct it, or unset it to use that of esc login"
        return f"; log in again: esc login {self.login.url}" if self.trial is None else ""


def with_advice(error: ProviderError, advice: str) -> ProviderError:
    """The same failure with a longer message."""
    return ProviderError(f"{error.message}{advice}", reason=error.reason, retry_after=error.retry_after)


class _Tokens:
    """The token of a command; `stores.pulumi.Tokens`."""

    def __init__(self, session: CloudSession) -> None:
        self._session = session
        self._current: AccessToken | None = None

    async def token(self) -> AccessToken:
        self._current = self._current or await self._first()
        return self._current

    async def instead_of(self, refused: AccessToken) -> AccessToken | None:
        session = self._session
        if session.trial or session.given or session.login.exchange is None:
            return None
        self._current = await self._exchanged(session.login.exchange)
        return self._current

    async def _first(self) -> AccessToken:
        session = self._session
        if session.trial or session.given:
            return session.trial or AccessToken(session.given)
        account, exchange = session.account, session.login.exchange
        is_over = account is not None and _is_over(account, session.outside)
        if account is not None and not is_over:
            return AccessToken(account.token, expires_at=account.expires_at)
        if exchange is not None:
            return await self._exchanged(exchange)
        if account is not None and account.expires_at is not None:
            renewed = "any command of pulumi renews it, or " if account.is_renewable else ""
            raise ProviderError(
                f"the login to {session.login.url} expired at {format_time(account.expires_at)}: {renewed}log in "
                f"again, with esc login {session.login.url}",
                reason=login_reasons.TOKEN_EXPIRED,
            )
        raise ConfigurationError(
            f"not logged in to {session.login.url}: run esc login {session.login.url}, or set {ACCESS_TOKEN}",
            reason=NOT_LOGGED_IN,
        )

    async def _exchanged(self, exchange: Exchange) -> AccessToken:
        """A new token, which is kept for the next commands."""
        session = self._session
        token = await exchanging.exchange_token(exchange, session.api)
        known = session.account or Account("")
        session.account = known._replace(
            token=token.reveal(), expires_at=token.expires_at, token_organization=exchange.organization
        )
        session.files.store(session.login.url, session.account, session.outside.now())
        return token


def _is_over(account: Account, outside: Outside) -> bool:
    return account.expires_at is not None and account.expires_at <= outside.now() + _TOO_SHORT
