"""What the local clouds have in common that grant bearer tokens over JSON, and have an API that takes them.

Owns what was granted, called and refused since the cloud was started; whom to grant what, and in which words to
refuse, is each cloud's own.
"""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from local_https import Answer, HttpsServer, Question
from local_identity.tokens import Issuers


class Expiring(Protocol):
    """Whatever a cloud says of one access token that it granted."""

    @property
    def expires_at(self) -> float: ...


Grant = TypeVar("Grant", bound=Expiring)


class RefusedError(Exception):
    """A request that the cloud refuses. `name` is the cloud's word for why, `answer` how it says so."""

    def __init__(self, name: str, message: str, answer: Answer) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.answer = answer


class GrantingCloud(HttpsServer, Generic[Grant]):
    """Serves within its `with` block. `lifetime` is so many seconds at first."""

    def __init__(self, folder: Path, answer: Callable[[Question], Answer], lifetime: float) -> None:
        super().__init__(folder, answer)
        self._lock = threading.Lock()
        self._issuers = Issuers()
        self._granted: dict[str, Grant] = {}
        self.lifetime = lifetime
        """Seconds that an access token lasts at most; it is stated in whole ones."""
        self.refusals: Counter[str] = Counter()
        """Of requests for a token, by the cloud's name for them."""
        self.calls: Counter[str] = Counter()
        """Of the API, by access token; those that it refused are counted under nothing."""

    def trust(self, issuer: str, certificates: Path) -> None:
        """Verify the issuer's TLS with these; who believes it is another matter."""
        self._issuers.trust_authority(issuer, certificates.read_text())

    def grants(self) -> list[Grant]:
        with self._lock:
            return list(self._granted.values())

    def used(self) -> list[Grant]:
        """Those of the grants that the API was called with."""
        with self._lock:
            return [grant for token, grant in self._granted.items() if self.calls[token]]

    def granted_secrets(self) -> list[str]:
        """Every access token, for tests that look for leaks."""
        with self._lock:
            return list(self._granted)

    def _answered(self, answer: Callable[[], Answer]) -> Answer:
        """The answer to a request for a token, which may be a refusal."""
        try:
            return answer()
        except RefusedError as refusal:
            with self._lock:
                self.refusals[refusal.name] += 1
            return refusal.answer

    def _record(self, prefix: str, grant: Grant) -> str:
        """The new token; all tokens of a cloud begin alike."""
        token = f"{prefix}{uuid.uuid4().hex}"
        with self._lock:
            self._granted[token] = grant
        return token

    def _grant_of(self, token: str) -> Grant | None:
        """What was granted, if it was and has not expired."""
        with self._lock:
            grant = self._granted.get(token)
        return grant if grant is not None and time.time() < grant.expires_at else None

    def _called(self, token: str) -> Grant | None:
        """The same, for a call of the API."""
        grant = self._grant_of(token)
        with self._lock:
            self.calls[token if grant is not None else ""] += 1
        return grant
