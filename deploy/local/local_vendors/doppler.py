"""Doppler: `POST /v3/auth/oidc` and `GET /v3/configs/config/secrets`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_https import Answer, Question
from local_identity.granting import RefusedError
from local_vendors.identities import Vendor

_WORDS = {
    "token": "Unable to verify the token",
    "issuer": "The issuer of the token does not match",
    "subject": "The subject of the token does not match",
    "audience": "The audience of the token does not match",
}


class LocalDoppler(Vendor):
    """Serves within its `with` block. Every identity has access to all projects, unless `deny` names it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lifetime=3600)
        self._configs: dict[str, dict[str, dict[str, str | None]]] = {}
        self._denied: set[str] = set()

    def put(self, project: str, config: str, **secrets: str | None) -> None:
        """Store secrets; one whose value is None has restricted visibility."""
        self._configs.setdefault(project, {}).setdefault(config, {}).update(secrets)

    def deny(self, identity: str) -> None:
        self._denied.add(identity)

    def _serve(self, question: Question) -> Answer:
        if (question.method, question.path) == ("POST", "/v3/auth/oidc"):
            return self._log_in(question.content)
        if (question.method, question.path) == ("GET", "/v3/configs/config/secrets"):
            return self._read(question)
        raise _refused(404, "Not found")

    def _log_in(self, content: dict[str, Any]) -> Answer:
        name = str(content.get("identity"))
        trusted = self._identities.get(name)
        if trusted is None:
            raise _refused(404, "Could not find requested identity")
        self._believe(str(content.get("token")), trusted, lambda doubt: _refused(401, _WORDS[doubt]))
        token, grant = self._new_token("dp.said.", name)
        expires = datetime.fromtimestamp(grant.expires_at, UTC).isoformat(timespec="milliseconds")
        return Answer({"success": True, "token": token, "expires_at": expires.replace("+00:00", "Z")})

    def _read(self, question: Question) -> Answer:
        grant = self._called(question.bearer)
        if grant is None:
            raise _refused(401, "Invalid Auth token")
        project, config = question.query.get("project", ""), question.query.get("config", "")
        if grant.identity in self._denied:
            raise _refused(403, f"This token does not have access to requested project '{project}'")
        if project not in self._configs:
            raise _refused(404, f"Could not find requested project '{project}'")
        if config not in self._configs[project]:
            raise _refused(404, f"Could not find requested config '{config}'")
        wanted = question.query.get("secrets", "").split(",")
        stored = self._configs[project][config]
        found = {name: {"raw": stored[name], "computed": stored[name]} for name in wanted if name in stored}
        return Answer({"secrets": found, "success": True})


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(message, message, Answer({"messages": [message], "success": False}, status))
