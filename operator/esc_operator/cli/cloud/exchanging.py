"""Identity tokens that are exchanged for access tokens: where they come from, and for whom they ask.

Only the name of a file is remembered, never an identity token.
"""

# ruff: noqa: PTH100, PTH111, PTH123 - os.path, as in the rest of the command line
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from esc_operator.errors import ConfigurationError, IdentityError
from esc_operator.formats.durations import parse_duration
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.port import IdentityToken
from esc_operator.stores.pulumi import TokenKind, TokenRequest, audience_of, exchange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.stores.pulumi import AccessToken, Api

FILE: Final = "file://"

EXPIRATION: Final = "2h"
"""How long an access token is asked for, unless the user says otherwise; as Pulumi's command does."""

_PREFIX: Final = audience_of("")
_LONGEST: Final = 1 << 16


class Exchange(NamedTuple):
    """Where an identity token is (`file://PATH`, or the token itself), and for whom an access token is asked: the
    organization, or a team or a user of it. `expiration` is a duration such as `2h`."""

    source: str
    organization: str = ""
    team: str = ""
    user: str = ""
    expiration: str = EXPIRATION

    def __repr__(self) -> str:
        return f"<Exchange for {self.organization}>"

    @property
    def can_be_kept(self) -> bool:
        """Whether it names a file, so that it can be repeated, and holds no token."""
        return self.source.startswith(FILE)

    def as_data(self) -> dict[str, str]:
        return {name: value for name, value in self._asdict().items() if value}


def from_data(data: Mapping[str, Any] | None) -> Exchange | None:
    """What `as_data` wrote; None for anything else."""
    if not isinstance(data, dict) or not str(data.get("source", "")).startswith(FILE):
        return None
    return Exchange(**{name: str(data[name]) for name in Exchange._fields if data.get(name)})


def checked(exchange: Exchange) -> Exchange:
    """The exchange with a path that means the same in every folder, and an organization, which the token names if the
    user does not. Raises ConfigurationError, IdentityError."""
    if exchange.team and exchange.user:
        raise ConfigurationError("--oidc-team and --oidc-user exclude each other: one token is for one of them")
    try:
        parse_duration(exchange.expiration)
    except ValueError as error:
        raise ConfigurationError(f"--oidc-expiration: {error}") from error
    if exchange.can_be_kept:
        path = os.path.abspath(os.path.expanduser(exchange.source.removeprefix(FILE)))
        exchange = exchange._replace(source=f"{FILE}{path}")
    token = _read(exchange.source)
    organization = exchange.organization or _organization_of(token)
    if not organization:
        raise ConfigurationError(
            f"the identity token names no organization (its audience is not {_PREFIX}ORGANIZATION): name one with "
            "--oidc-org"
        )
    return exchange._replace(organization=organization)


async def exchange_token(what: Exchange, api: Api) -> AccessToken:
    """An access token. Raises ProviderError, IdentityError."""
    kind = TokenKind.TEAM if what.team else TokenKind.PERSONAL if what.user else TokenKind.ORGANIZATION
    wanted = TokenRequest(what.organization, kind, what.team or what.user, parse_duration(what.expiration))
    return await exchange(api, _read(what.source), wanted)


def _organization_of(token: IdentityToken) -> str:
    found = [each.removeprefix(_PREFIX) for each in unverified_claims(token).audiences if each.startswith(_PREFIX)]
    return found[0] if len(found) == 1 else ""


def _read(source: str) -> IdentityToken:
    text, named = source, "the value of --oidc-token"
    if source.startswith(FILE):
        named = source.removeprefix(FILE)
        try:
            with open(named, encoding="ascii") as file:
                text = file.read(_LONGEST)
        except OSError as error:
            raise IdentityError(f"could not read the identity token in {named}: {error.strerror}") from error
        except UnicodeDecodeError:
            text = ""
    text = text.strip()
    if text.count(".") != 2 or not text.isascii() or not text.isprintable():
        raise IdentityError(
            f"{named} is no identity token: it has to be a JWT, or file://PATH of a file that holds one"
        )
    return IdentityToken(text, None)
