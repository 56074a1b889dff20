"""Microsoft Graph, as far as it is about the client secrets of applications."""

import re
import threading
import uuid
from collections.abc import Callable  # noqa: TC003 - dataclasses read it
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from local_azure.key_vault import Caller
from local_https import Answer, Question

SCOPE = "https://graph.microsoft.com/.default"
_PATH = re.compile(r"/graph/v1\.0/applications\(appId='([^'/]+)'\)(?:/(addPassword|removePassword))?")
_MOST = 50
"""How many secrets an application has at most; Entra's limit is one of the object's size."""


@dataclass
class Password:
    key: str
    text: str
    name: str
    starts: datetime
    ends: datetime


@dataclass
class Managed:
    """An application whose secrets are managed. `managers` are the client IDs that may."""

    passwords: list[Password] = field(default_factory=list)
    managers: set[str] = field(default_factory=set)


class Graph:
    """`after` is called with each step that was made, for a test that ends its caller there; `fault` answers all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._applications: dict[str, Managed] = {}
        self.fault: Answer | None = None
        self.after: Callable[[str], None] = lambda _: None
        self.steps: list[str] = []

    def create(self, application: str) -> Managed:
        self._applications[application] = Managed()
        return self._applications[application]

    def let_manage(self, application: str, client: str) -> None:
        self._applications[application].managers.add(client)

    def secrets(self, application: str) -> list[str]:
        """The texts that log in as the application."""
        managed = self._applications.get(application)
        return [one.text for one in managed.passwords if datetime.now(UTC) < one.ends] if managed else []

    def answer(self, question: Question, caller: Caller | None) -> Answer:
        if self.fault is not None:
            return self.fault
        if caller is None or caller.scope != SCOPE:
            return _refusal(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
        found = _PATH.fullmatch(question.path)
        managed = self._applications.get(found[1]) if found else None
        if found is None or managed is None:
            return _refusal(404, "Request_ResourceNotFound", "Resource does not exist or one of its references.")
        if caller.client not in managed.managers:
            return _refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        with self._lock:
            answer = self._act(managed, found[2] or "", question)
        self.steps.append(found[2] or "read")
        self.after(found[2] or "read")
        return answer

    def _act(self, managed: Managed, action: str, question: Question) -> Answer:
        match question.method, action:
            case "GET", "":
                return Answer({"passwordCredentials": [_shown(one) for one in managed.passwords]})
            case "POST", "addPassword":
                return _add(managed, question.content.get("passwordCredential") or {})
            case "POST", "removePassword":
                key = question.content.get("keyId")
                if key not in {one.key for one in managed.passwords}:
                    return _refusal(400, "Request_BadRequest", "No password credential found with keyId.")
                managed.passwords[:] = [one for one in managed.passwords if one.key != key]
                return Answer("", 204)
        return _refusal(400, "Request_BadRequest", "Unsupported.")


def _add(managed: Managed, wanted: dict[str, str]) -> Answer:
    if len(managed.passwords) >= _MOST:
        return _refusal(400, "Directory_QuotaExceeded", "The directory object quota limit has been exceeded.")
    now = datetime.now(UTC)
    ends = datetime.fromisoformat(wanted["endDateTime"]) if "endDateTime" in wanted else now + timedelta(days=730)
    text = f"8Q~{uuid.uuid4().hex}"
    password = Password(str(uuid.uuid4()), text, wanted.get("displayName", ""), now, ends)
    managed.passwords.append(password)
    return Answer({**_shown(password), "secretText": text})


def _shown(one: Password) -> dict[str, str | None]:
    return {
        "keyId": one.key,
        "displayName": one.name,
        "hint": one.text[:3],
        "secretText": None,
        "startDateTime": one.starts.isoformat().replace("+00:00", "Z"),
        "endDateTime": one.ends.isoformat().replace("+00:00", "Z"),
    }


def _refusal(status: int, code: str, message: str) -> Answer:
    return Answer({"error": {"code": code, "message": message}}, status)
