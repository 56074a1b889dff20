"""The state of this Pulumi Cloud: organizations, environments, tokens, sessions, and what was asked of it.

One lock guards all of it; whoever evaluates holds it only to read and to write.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esc_operator.providers.port import IdentityToken
from local_identity import Issuers
from local_pulumi.access import AccessToken, Organization
from local_pulumi.environments import LATEST, Environment, Revision, check_name
from local_pulumi.evaluation import Evaluations, Subject
from local_pulumi.own_issuer import OwnIssuer
from local_pulumi.plugins import make_catalogue
from local_pulumi.refusals import conflict, not_found
from local_pulumi.rendering import Keys, Renderer
from local_pulumi.sealing import in_both_forms
from local_pulumi.settings import Faults, Settings

if TYPE_CHECKING:
    from esc_operator.api import Result
    from esc_operator.providers.port import Provider, Rotator
    from local_pulumi.rates import Rate


_SWEEP = 1000
"""How many sessions there are when those that have ended are forgotten."""


@dataclass(frozen=True)
class Rendered:
    """An evaluation in one form, as data and as the bytes that are sent."""

    result: "Result" = field(repr=False)
    renderer: Renderer
    content: dict[str, Any] = field(repr=False)
    text: bytes = field(repr=False)


@dataclass(frozen=True)
class Session:
    """An open environment: what it evaluated to, rendered once, until it ends. `environment` is "" for a text."""

    id: str
    organization: str
    environment: str
    rendered: Rendered
    ends_at: float


@dataclass(frozen=True)
class Recorded:
    """One request. `operation` is its route without the values in it; `token` the kind of the access token, "" for
    none that is known."""

    time: float
    method: str
    path: str
    operation: str
    token: str
    organization: str
    status: int


class Cloud:
    """`clock` is what tokens, sessions and rates end by; providers have the machine's own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.url = ""
        self.settings = Settings()
        self.faults = Faults()
        self.issuers = Issuers(clock)
        self.own_issuer = OwnIssuer()
        self.organizations: dict[str, Organization] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.rates: dict[str, Rate] = {}
        self.environments: dict[tuple[str, str], Environment] = {}
        self.deleted: list[Environment] = []
        self.sessions: dict[str, Session] = {}
        self.recorded: list[Recorded] = []
        self.issued: list[str] = []
        """Every access token there ever was, for tests that look for leaks."""
        self.refusals: list[str] = []
        """Why exchanges of tokens were refused, in order."""
        self.hidden: dict[tuple[str, str], set[Keys]] = {}
        self.rendered: dict[Subject, Rendered] = {}
        self.plugins: tuple[list[Provider], list[Rotator]] = ([], [])
        self.evaluations = Evaluations(self.find, make_catalogue(), self._identity)

    # Time and organizations

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def organization(self, name: str) -> Organization:
        if name not in self.organizations:
            raise not_found(f"organization '{name}'")
        return self.organizations[name]

    def token(self, text: str) -> AccessToken | None:
        """The token of that text, if there is one and it has not expired."""
        found = self.tokens.get(text)
        return None if found is None or (found.expires_at is not None and self.clock() >= found.expires_at) else found

    # Environments

    def find(self, organization: str, name: str) -> Environment | None:
        with self.lock:
            return self.environments.get((organization, name))

    def environment(self, organization: str, name: str) -> Environment:
        found = self.find(organization, name)
        if found is None:
            raise not_found(f"environment '{organization}/{name}'")
        return found

    def environments_of(self, organization: str) -> Iterator[Environment]:
        for _, environment in sorted(self.environments.items()):
            if environment.organization == organization:
                yield environment

    def create(self, organization: str, name: str, by: str) -> Environment:
        """An empty environment, which is its revision 1. Raises RefusedError."""
        project, _, base = name.partition("/")
        check_name("a project", project)
        check_name("an environment", base)
        if (organization, name) in self.environments:
            raise conflict(f"environment '{organization}/{name}' already exists")
        made = Environment(organization, name, self.now(), by)
        made.revise("", "", made.created, by)
        self.environments[organization, name] = made
        return made

    def write(self, environment: Environment, text: str, by: str) -> Revision:
        """A new revision, unless nothing changed."""
        sealed, plain = in_both_forms(environment.name, text)
        return environment.revise(sealed, plain, self.now(), by)

    # Evaluation

    def subject(self, environment: Environment, version: str, login: str) -> Subject:
        with self.lock:
            revision = environment.resolve(version or LATEST)
        return Subject(environment.organization, environment.name, revision.number, revision.plain, login)

    def renderer(self, subject: Subject, *, redact: bool = False) -> Renderer:
        hidden = frozenset(self.hidden.get((subject.organization, subject.name), ()))
        return Renderer(subject.name, self.settings.has_new_values, redact, hidden)

    def open_session(self, subject: Subject, rendered: Rendered, seconds: float) -> Session:
        lifetime = self.settings.session_lifetime
        ends_at = self.clock() + (seconds if lifetime is None else lifetime)
        environment = subject.name if subject.revision else ""
        session = Session(uuid.uuid4().hex, subject.organization, environment, rendered, ends_at)
        with self.lock:
            self.sessions[session.id] = session
            if len(self.sessions) % _SWEEP == 0:
                now = self.clock()
                self.sessions = {one.id: one for one in self.sessions.values() if one.ends_at > now}
        return session

    def session(self, organization: str, environment: str, session_id: str) -> Session:
        found = self.sessions.get(session_id)
        if found is None or (found.organization, found.environment) != (organization, environment):
            raise not_found(f"open session '{session_id}'")
        if self.clock() >= found.ends_at:
            with self.lock:
                self.sessions.pop(session_id, None)
            raise not_found(f"open session '{session_id}'")
        return found

    def trust_authority(self, issuer: str, ca_file: Path) -> None:
        self.issuers.trust_authority(issuer, ca_file.read_text())

    def _identity(self, organization: str, environment: str) -> "OwnIdentity":
        return OwnIdentity(self, organization, environment)


class OwnIdentity:
    """As whom this service opens providers: the environment, in a token of the service's own issuer."""

    tenant = ""

    def __init__(self, cloud: Cloud, organization: str, environment: str) -> None:
        self._cloud = cloud
        self.subject = f"pulumi:environments:org:{organization}:env:{environment}"

    async def token(self, audience: str) -> IdentityToken:
        return IdentityToken(self._cloud.own_issuer.token(self._cloud.url, self.subject, audience), None)
