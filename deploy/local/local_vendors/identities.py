"""What these services have in common: identities that trust an issuer, a subject and an audience, and tokens."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from local_https import Answer, Question
from local_identity import TokenError, parse_token
from local_identity.granting import GrantingCloud


@dataclass(frozen=True)
class Trusted:
    """Whom an identity of a service is for."""

    issuer: str
    subject: str
    audience: str


@dataclass(frozen=True)
class Grant:
    """One access token."""

    identity: str
    expires_at: float


class Vendor(GrantingCloud[Grant]):
    """One service. `requests` are the paths of all requests so far."""

    def __init__(self, folder: Path, lifetime: float) -> None:
        super().__init__(folder, self._page, lifetime)
        self._identities: dict[str, Trusted] = {}
        self._faults: dict[str, Answer] = {}
        self.requests: list[str] = []

    def create_identity(self, name: str, trusted: Trusted) -> None:
        self._identities[name] = trusted

    def fail_with(self, path: str, fault: Answer | None) -> None:
        """Answer every request whose path begins like this with the fault, until it is None again."""
        self._faults.pop(path, None)
        if fault is not None:
            self._faults[path] = fault

    def _page(self, question: Question) -> Answer:
        self.requests.append(question.path)
        for path, fault in list(self._faults.items()):
            if question.path.startswith(path):
                return fault
        return self._answered(lambda: self._serve(question))

    def _serve(self, question: Question) -> Answer:
        raise NotImplementedError

    def _believe(self, token: str, trusted: Trusted, refuse: Callable[[str], Exception]) -> None:
        """Raises what `refuse` makes of what is wrong: `token`, `issuer`, `subject` or `audience`."""
        try:
            identity = parse_token(token)
            if identity.issuer != trusted.issuer:
                raise refuse("issuer")
            self._issuers.verify(token, identity)
        except TokenError as error:
            raise refuse("token") from error
        if identity.subject != trusted.subject:
            raise refuse("subject")
        if trusted.audience not in identity.audiences:
            raise refuse("audience")

    def _new_token(self, prefix: str, identity: str) -> tuple[str, Grant]:
        grant = Grant(identity, time.time() + self.lifetime)
        return self._record(prefix, grant), grant
