"""Logging in to Pulumi Cloud, and out of it.

A token is stored only if the user gave it for that: typed at the prompt, in the login of Pulumi's own command, or had
in exchange for an identity token. One from PULUMI_ACCESS_TOKEN is used by each command as long as it is set, and stored
only on request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from esc_operator.cli.cloud import exchanging
from esc_operator.cli.cloud.accounts import Account
from esc_operator.cli.cloud.session import ACCESS_TOKEN, NOT_LOGGED_IN, CloudLogin, CloudSession, given_token
from esc_operator.errors import ConfigurationError, ProviderError
from esc_operator.stores.pulumi import AccessToken
from esc_operator.stores.pulumi import reasons as cloud_reasons

if TYPE_CHECKING:
    from esc_operator.cli.cloud.files import PulumiFiles
    from esc_operator.cli.outside import Outside

_CREATE: Final = "an access token of yours, from https://app.pulumi.com/account/tokens"


class Wish(NamedTuple):
    """How somebody wants to log in. `saves`: keep the token of PULUMI_ACCESS_TOKEN as well."""

    login: CloudLogin
    default_organization: str = ""
    saves: bool = False


def log_in(wish: Wish, files: PulumiFiles, outside: Outside) -> tuple[CloudLogin, str]:
    """Log in; the login to remember, and the user's name. Raises EscError, after which nothing has changed."""
    login = wish.login
    given = given_token(outside)
    if login.exchange is not None:
        if given:
            raise ConfigurationError(
                f"{ACCESS_TOKEN} is set, and would be used in place of the exchanged token: unset it, or leave "
                "--oidc-token out"
            )
        login = login._replace(exchange=exchanging.checked(login.exchange))
        account = _Attempt(login, files, outside).exchanged()
    elif given:
        account = _Attempt(login, files, outside).validated(AccessToken(given))
    else:
        account = _known_or_typed(login, files, outside)
    if not given or wish.saves:
        files.store(login.url, account, outside.now())
    if wish.default_organization:
        files.store_default_organization(login.url, wish.default_organization)
    return login, account.username


def _known_or_typed(login: CloudLogin, files: PulumiFiles, outside: Outside) -> Account:
    """The account of an earlier login, Pulumi's own command's among them, while its token holds; else a new one."""
    known = files.account(login.url)
    attempt = _Attempt(login, files, outside)
    if known is not None and not (known.expires_at and known.expires_at <= outside.now()):
        try:
            return attempt.validated(AccessToken(known.token), known)
        except ProviderError as error:
            if error.reason != cloud_reasons.ACCESS_TOKEN_REFUSED:
                raise
    try:
        typed = outside.ask_secret(f"Access token for {login.url} (it is not shown): ")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"no access token for {login.url}, and {error.message}: set {ACCESS_TOKEN}, or give --oidc-token",
            reason=NOT_LOGGED_IN,
        ) from error
    if not typed.strip():
        raise ConfigurationError(f"no access token was typed: create {_CREATE}", reason=NOT_LOGGED_IN)
    return attempt.validated(AccessToken(typed))


class _Attempt:
    """Tries tokens out."""

    def __init__(self, login: CloudLogin, files: PulumiFiles, outside: Outside) -> None:
        self._login = login
        self._files = files
        self._outside = outside

    def exchanged(self) -> Account:
        """The account of the token that the exchange gives."""
        exchange = self._login.exchange
        assert exchange is not None  # noqa: S101 - for mypy
        session = CloudSession(self._login, self._files, self._outside)
        token = session.run(exchanging.exchange_token(exchange, session.api))
        about = Account(token.reveal(), token_organization=exchange.organization, token_team=exchange.team)
        return self.validated(token, about)

    def validated(self, token: AccessToken, known: Account | None = None) -> Account:
        """The account of a token that the service accepts. Raises EscError."""
        session = CloudSession(self._login, self._files, self._outside, trial=token)
        user = session.run(session.cloud.user())
        about = known or Account(token.reveal())
        return about._replace(
            username=user.login,
            organizations=user.organizations,
            expires_at=token.expires_at or about.expires_at,
            insecure=self._login.insecure,
            token_name=user.token_name or about.token_name,
            token_organization=user.token_organization or about.token_organization,
            token_team=user.token_team or about.token_team,
        )
