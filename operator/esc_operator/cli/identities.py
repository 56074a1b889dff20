"""The identity of a user's command: that of a token file, or a ServiceAccount for which the user may get tokens."""

# ruff: noqa: PTH113, PTH118, PTH123 - importing pathlib takes longer than reading the file
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, Protocol

from esc_operator.errors import ForbiddenError, IdentityError, KubeError, NotFoundError
from esc_operator.providers.claims import UNREADABLE, unverified_claims
from esc_operator.providers.port import IdentityToken
from esc_operator.providers.reasons import OBJECT_FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_FILE = 1024 * 1024
"""Bytes of a file that becomes a value."""

FILE_UNREADABLE = "FileUnreadable"
"""A file that a definition names cannot be read, or may not be."""

TOKEN_FILES = ("ESC_OIDC_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_FEDERATED_TOKEN_FILE")
"""Settings that name a file with an OIDC token; the first whose token has the requested audience is used."""


class TokenSource(Protocol):
    """Requests tokens from a cluster with the caller's rights. Raises KubeError, IdentityError."""

    def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken: ...


class AccountSession(TokenSource, Protocol):
    """It also reads objects of a cluster, with the caller's rights. Raises KubeError."""

    def read_secret(self, namespace: str, name: str) -> Mapping[str, Any]: ...

    def read_config_map(self, namespace: str, name: str) -> Mapping[str, Any]: ...


class ServiceAccountIdentity:
    """A ServiceAccount; an Identity. Objects of its namespace are read with the user's own rights."""

    def __init__(self, session: AccountSession, namespace: str, name: str) -> None:
        self._session = session
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
        return self._session.request_token(self._namespace, self._name, audience)

    async def read_object(self, kind: Literal["ConfigMap", "Secret"], name: str) -> Mapping[str, Any] | None:
        read = self._session.read_secret if kind == "Secret" else self._session.read_config_map
        try:
            return read(self._namespace, name)
        except NotFoundError:
            return None
        except ForbiddenError as error:
            raise IdentityError(error.message, reason=OBJECT_FORBIDDEN) from error
        except KubeError as error:
            raise IdentityError(error.message, reason=error.reason, retry_after=error.retry_after) from error


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


class FolderIdentity(TokenFileIdentity):
    """Who works with a folder of environments; it reads files of that folder, and no others."""

    def __init__(self, settings: Mapping[str, str], folder: str) -> None:
        super().__init__(settings)
        self._folder = os.path.realpath(folder)

    def read_file(self, path: str) -> bytes:
        found = os.path.realpath(os.path.join(self._folder, path))
        try:
            # A link leads anywhere, such as to the user's keys.
            if os.path.commonpath((self._folder, found)) != self._folder:
                raise IdentityError(
                    f"the file {path} is outside of {self._folder}: copy it into that folder", reason=FILE_UNREADABLE
                )
            # A pipe would be waited for without an end.
            if not os.path.isfile(found):
                raise IdentityError(
                    f"there is no file {path} in {self._folder}: create it, or correct `path`", reason=FILE_UNREADABLE
                )
            with open(found, "rb") as file:
                content = file.read(LARGEST_FILE + 1)
        except OSError as error:
            raise IdentityError(f"could not read {found}: {error.strerror}", reason=FILE_UNREADABLE) from error
        if len(content) > LARGEST_FILE:
            raise IdentityError(
                f"the file {path} has more than {LARGEST_FILE:,} bytes: an environment holds no larger value",
                reason=FILE_UNREADABLE,
            )
        return content


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
