"""The identity of a user's command: that of a token file, or a ServiceAccount for which the user may get tokens."""

# ruff: noqa: PTH123 - importing pathlib takes longer than reading the file
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from esc_operator.errors import IdentityError
from esc_operator.providers.claims import UNREADABLE, unverified_claims
from esc_operator.providers.port import IdentityToken

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_FILES = ("ESC_OIDC_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE")
"""Settings that name a file with an OIDC token; the first whose token has the requested audience is used."""


class TokenSource(Protocol):
    """Requests tokens from a cluster with the caller's rights. Raises KubeError, IdentityError."""

    def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken: ...


class ServiceAccountIdentity:
    """A ServiceAccount; an Identity."""

    def __init__(self, tokens: TokenSource, namespace: str, name: str) -> None:
        self._tokens = tokens
        self._namespace = namespace
        self._name = name

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self._namespace}:{self._name}"

    @property
    def tenant(self) -> str:
        return self._namespace

    async def token(self, audience: str) -> IdentityToken:
        _refuse_api_server(audience)
        return self._tokens.request_token(self._namespace, self._name, audience)


class NoAccount:
    """Who needs no identity, such as with an access token; `error` is why there is none."""

    subject = ""
    tenant = ""

    def __init__(self, error: IdentityError) -> None:
        self._error = error

    async def token(self, audience: str) -> IdentityToken:
        del audience
        raise self._error


class TokenFileIdentity:
    """The subject of the token in a file; an Identity."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._paths = [settings[name] for name in TOKEN_FILES if settings.get(name)]

    @property
    def subject(self) -> str:
        return f"file:{self._paths[0] if self._paths else ''}"

    @property
    def tenant(self) -> str:
        return ""

    async def token(self, audience: str) -> IdentityToken:
        """The token for that audience; a token is presented to its own audience only."""
        others = []
        for path in self._paths:
            token = IdentityToken(_read(path), None)
            claims = unverified_claims(token)
            _refuse_api_server(audience, claims.issuer)
            audiences = claims.audiences
            if audience in audiences or audiences == (UNREADABLE,):
                return token
            others.append(f"{path} is for {', '.join(audiences)}")
        if not others:
            raise IdentityError(
                "no identity token to log in with: write an OIDC token to a file, and name the file in "
                + " or ".join(TOKEN_FILES)
            )
        raise IdentityError(
            f"no identity token for {audience}: the token in {' and the one in '.join(others)}; name a file with one "
            f"for {audience} in {TOKEN_FILES[0]}"
        )


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
    except OSError as error:
        raise IdentityError(f"could not read the identity token in {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise IdentityError(f"{path} holds no identity token")
    return text


def _refuse_api_server(audience: str, issuer: str = "") -> None:
    """Never give a provider a token that an API server accepts, whatever a definition requests."""
    # Loading it takes time, and only logins need it.
    from esc_operator.resources.allowances import WELL_KNOWN_AUDIENCES

    if audience.strip() in {*WELL_KNOWN_AUDIENCES, issuer or UNREADABLE}:
        raise IdentityError(
            f'the audience "{audience}" is an API server\'s own: name that of the service you log in to',
            reason="AudienceNotAllowed",
        )
