"""GitHub, as GitHub Enterprise Server has it: the installations of Apps, and their access tokens."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local_https import Answer, Question
from local_identity.granting import RefusedError
from local_vendors.identities import Vendor

_INSTALLATION = re.compile(r"/api/v3/(orgs|users)/([^/]+)/installation")
_TOKENS = re.compile(r"/api/v3/app/installations/(\d+)/access_tokens")
_LEVELS = {"read": 1, "write": 2, "admin": 3}
_LONGEST_SECONDS = 600
_NO_REPOSITORY = "There is at least one repository that does not exist or is not accessible to the parent installation."


@dataclass
class _App:
    id: int
    slug: str
    kind: str
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))


@dataclass
class _Installation:
    id: int
    app: _App
    owner: str
    permissions: dict[str, str]
    repositories: tuple[str, ...]
    is_suspended: bool = False


class LocalGitHub(Vendor):
    """Serves within its `with` block."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lifetime=3600)
        self._apps: dict[int, _App] = {}
        self._installations: list[_Installation] = []
        self._rights: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {}

    def create_app(self, app: int, slug: str, *, is_user: bool = False) -> None:
        """An App that is installed on organizations, or on users."""
        self._apps[app] = _App(app, slug, "users" if is_user else "orgs")

    def private_key(self, app: int) -> str:
        form = serialization.PrivateFormat.TraditionalOpenSSL
        key = self._apps[app].key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        return key.decode()

    def install(self, app: int, owner: str, permissions: dict[str, str], *repositories: str) -> None:
        number = len(self._installations) + 1
        self._installations.append(_Installation(number, self._apps[app], owner, permissions, repositories))

    def suspend(self, owner: str) -> None:
        for one in self._installations:
            one.is_suspended = one.is_suspended or one.owner == owner

    def may_do(self, token: str) -> tuple[tuple[str, ...], dict[str, str]]:
        """The repositories and permissions of a token."""
        return self._rights[token]

    def _serve(self, question: Question) -> Answer:
        app = self._app(question.bearer)
        if (found := _INSTALLATION.fullmatch(question.path)) and question.method == "GET":
            return self._find(app, found[1], found[2])
        if (found := _TOKENS.fullmatch(question.path)) and question.method == "POST":
            return self._make(app, int(found[1]), question.content)
        raise _refused(404, "Not Found")

    def _app(self, token: str) -> _App:
        """The App that signed the token."""
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
            app = self._apps[int(str(issuer))]
            claims = jwt.decode(
                token, app.key.public_key(), algorithms=["RS256"], options={"require": ["iss", "iat", "exp"]}
            )
        except jwt.ExpiredSignatureError as error:
            raise _refused(401, "'Expiration time' claim ('exp') must be a numeric value in the future") from error
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise _refused(401, "A JSON web token could not be decoded") from error
        if claims["exp"] - claims["iat"] > _LONGEST_SECONDS:
            raise _refused(401, "'Expiration time' claim ('exp') is too far in the future")
        return app

    def _find(self, app: _App, kind: str, owner: str) -> Answer:
        for one in self._installations:
            if one.app is app and one.owner == owner and app.kind == kind:
                return Answer({"id": one.id, "app_id": app.id, "app_slug": app.slug, "permissions": one.permissions})
        raise _refused(404, "Not Found")

    def _make(self, app: _App, number: int, content: dict[str, Any]) -> Answer:
        found = [one for one in self._installations if one.id == number and one.app is app]
        if not found:
            raise _refused(404, "Not Found")
        [installation] = found
        if installation.is_suspended:
            raise _refused(403, "This installation has been suspended")
        repositories = tuple(sorted(content.get("repositories") or installation.repositories))
        if not set(repositories) <= set(installation.repositories):
            raise _refused(422, _NO_REPOSITORY)
        permissions = dict(content.get("permissions") or installation.permissions)
        granted = installation.permissions
        if any(_LEVELS.get(level, 9) > _LEVELS.get(granted.get(name, ""), 0) for name, level in permissions.items()):
            raise _refused(422, "The permissions requested are not granted to this installation.")
        token, grant = self._new_token("ghs_", installation.owner)
        self._rights[token] = repositories, permissions
        expires = datetime.fromtimestamp(grant.expires_at, UTC)
        return Answer({"token": token, "expires_at": f"{expires:%Y-%m-%dT%H:%M:%SZ}", "permissions": permissions}, 201)


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(message, message, Answer({"message": message}, status))
