"""Infisical: logins by OIDC Auth and Universal Auth, and `GET /api/v3/secrets/raw/KEY`."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

from local_https import Answer, Question
from local_identity.granting import RefusedError
from local_vendors.identities import Vendor

_SECRETS = "/api/v3/secrets/raw/"
_REFUSALS = {
    "token": (401, "Access denied: invalid signature"),
    "issuer": (401, "Access denied: jwt issuer invalid. expected: another"),
    "subject": (403, "Access denied: OIDC subject not allowed."),
    "audience": (401, "Access denied: OIDC audience not allowed."),
}


class LocalInfisical(Vendor):
    """Serves within its `with` block. An identity may read all secrets; `hide` takes the values of a folder away."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lifetime=7200)
        self._clients: dict[str, str] = {}
        self._projects: dict[str, dict[tuple[str, str], dict[str, str]]] = {}
        self._hidden: set[tuple[str, str]] = set()

    def create_client(self, client: str, secret: str) -> None:
        self._clients[client] = secret

    def put(self, project: str, environment: str, path: str, **secrets: str) -> None:
        self._projects.setdefault(project, {}).setdefault((environment, path), {}).update(secrets)

    def hide(self, environment: str, path: str) -> None:
        self._hidden.add((environment, path))

    def _serve(self, question: Question) -> Answer:
        if (question.method, question.path) == ("POST", "/api/v1/auth/oidc-auth/login"):
            return self._log_in(question.content)
        if (question.method, question.path) == ("POST", "/api/v1/auth/universal-auth/login"):
            return self._log_in_client(question.content)
        if question.method == "GET" and question.path.startswith(_SECRETS):
            return self._read(unquote(question.path.removeprefix(_SECRETS)), question)
        raise _refused(404, "Route not found")

    def _log_in(self, content: dict[str, Any]) -> Answer:
        name = str(content.get("identityId"))
        trusted = self._identities.get(name)
        if trusted is None:
            raise _refused(404, "OIDC auth method not found for identity, did you configure OIDC auth?")
        self._believe(str(content.get("jwt")), trusted, lambda doubt: _refused(*_REFUSALS[doubt]))
        return self._granted_token(name)

    def _log_in_client(self, content: dict[str, Any]) -> Answer:
        client = str(content.get("clientId"))
        if client not in self._clients or self._clients[client] != content.get("clientSecret"):
            raise _refused(401, "Invalid credentials")
        return self._granted_token(client)

    def _granted_token(self, name: str) -> Answer:
        token, _ = self._new_token("st.", name)
        seconds = int(self.lifetime)
        content = {"accessToken": token, "expiresIn": seconds, "accessTokenMaxTTL": seconds, "tokenType": "Bearer"}
        return Answer(content)

    def _read(self, key: str, question: Question) -> Answer:
        if self._called(question.bearer) is None:
            raise _refused(401, "Your token has expired or is invalid.")
        query = question.query
        project, environment = query.get("workspaceId", ""), query.get("environment", "")
        path = query.get("secretPath", "/")
        if project not in self._projects:
            raise _refused(404, f"Project with ID '{project}' not found")
        folder = self._projects[project].get((environment, path))
        if folder is None:
            raise _refused(404, f"Folder with path '{path}' in environment with slug '{environment}' not found")
        if key not in folder:
            raise _refused(404, f"Secret with name '{key}' not found")
        is_hidden = (environment, path) in self._hidden
        value = "<hidden-by-infisical>" if is_hidden else folder[key]
        secret = {"secretKey": key, "secretValue": value, "secretValueHidden": is_hidden, "version": 1}
        return Answer({"secret": secret})


def _refused(status: int, message: str) -> RefusedError:
    return RefusedError(message, message, Answer({"statusCode": status, "message": message}, status))
