"""Secret Manager: secrets with versions, who may read which, and all that keeps a project from giving one out."""

import base64
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

from local_google.refusals import api_error, not_authenticated
from local_https import Answer, Question
from local_identity.granting import RefusedError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
ACCESS = re.compile(r"/v1/projects/([a-z0-9-]+)/secrets/([A-Za-z0-9_-]{1,255})/versions/(latest|[0-9]+):access")


class State(Enum):
    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROYED = "DESTROYED"


@dataclass
class Version:
    payload: bytes
    state: State = State.ENABLED


@dataclass
class Project:
    """`readers` are the principals by secret."""

    has_api: bool = True
    secrets: dict[str, list[Version]] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    fault: Answer | None = None
    is_damaging: bool = False


class SecretManager:
    """All projects, by number or ID; `reads` counts what was asked for, as `project/secret`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._projects: dict[str, Project] = {}
        self.reads: Counter[str] = Counter()

    def create_project(self, number: str) -> Project:
        self._projects[number] = Project()
        return self._projects[number]

    def write(self, project: str, secret: str, payload: bytes) -> int:
        """A new version of a secret, and its number."""
        with self._lock:
            versions = self._projects[project].secrets.setdefault(secret, [])
            versions.append(Version(payload))
            return len(versions)

    def let_read(self, project: str, secret: str, principal: str) -> None:
        self._projects[project].readers.setdefault(secret, set()).add(principal)

    def set_state(self, project: str, secret: str, version: int, state: State) -> None:
        self._projects[project].secrets[secret][version - 1].state = state

    def answer(self, question: Question, principal: str, scopes: frozenset[str]) -> Answer:
        """`principal` is who the access token was granted to, "" for none that is valid."""
        found = ACCESS.fullmatch(question.path)
        assert found is not None, question.path
        number, secret, version = found[1], found[2], found[3]
        with self._lock:
            self.reads[f"{number}/{secret}"] += 1
        try:
            project = self._admit(number, secret, principal, scopes)
        except RefusedError as refusal:
            return refusal.answer
        return project.fault or _give(project, f"projects/{number}/secrets/{secret}", version)

    def _admit(self, number: str, secret: str, principal: str, scopes: frozenset[str]) -> Project:
        if not principal:
            raise not_authenticated()
        if SCOPE not in scopes:
            raise api_error(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.")
        project = self._projects.get(number)
        if project is None:
            raise api_error(403, "PERMISSION_DENIED", f"Permission denied on resource project {number}.")
        if not project.has_api:
            raise api_error(
                403,
                "PERMISSION_DENIED",
                f"Secret Manager API has not been used in project {number} before or it is disabled.",
            )
        if principal not in project.readers.get(secret, ()):
            raise api_error(
                403,
                "PERMISSION_DENIED",
                "Permission 'secretmanager.versions.access' denied for resource"
                f" 'projects/{number}/secrets/{secret}/versions/latest' (or it may not exist).",
            )
        return project


def _give(project: Project, name: str, version: str) -> Answer:
    versions = project.secrets.get(name.rpartition("/")[2], [])
    if not versions:
        return api_error(404, "NOT_FOUND", f"Secret [{name}] not found or has no versions.").answer
    number = len(versions) if version == "latest" else int(version)
    full = f"{name}/versions/{number}"
    if not 0 < number <= len(versions):
        return api_error(404, "NOT_FOUND", f"Secret Version [{full}] not found.").answer
    found = versions[number - 1]
    if found.state is not State.ENABLED:
        message = f"Secret Version [{full}] is in {found.state.value} state."
        return api_error(400, "FAILED_PRECONDITION", message).answer
    checksum = _crc32c(found.payload) ^ (1 if project.is_damaging else 0)
    data = base64.b64encode(found.payload).decode()
    return Answer({"name": full, "payload": {"data": data, "dataCrc32c": str(checksum)}})


def _crc32c(data: bytes) -> int:
    """Bit by bit, from its definition: another way than that of whoever is tested with it."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ (0x82F63B78 * (remainder & 1))
    return remainder ^ 0xFFFFFFFF
