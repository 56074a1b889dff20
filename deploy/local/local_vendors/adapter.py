"""An adapter, for `external`: it serves one subject, and requires that tokens are for its own URL."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_https import Answer, Question
from local_identity import TokenError, parse_token
from local_identity.granting import RefusedError
from local_vendors.identities import Vendor


class LocalAdapter(Vendor):
    """Serves within its `with` block. `answer` makes the answer to a request; `asked` are the bodies so far."""

    def __init__(self, folder: Path, issuer: str, subject: str, answer: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__(folder, lifetime=0)
        self._issuer = issuer
        self._subject = subject
        self._make = answer
        self.asked: list[dict[str, Any]] = []

    def _serve(self, question: Question) -> Answer:
        if question.method != "POST" or question.path != "/secrets":
            raise RefusedError("missing", "missing", Answer("not found", 404))
        try:
            identity = parse_token(question.bearer)
            self._issuers.verify(question.bearer, identity)
        except TokenError as error:
            raise RefusedError("token", "token", Answer("unauthorized", 401)) from error
        if identity.issuer != self._issuer or f"{self.url}/secrets" not in identity.audiences:
            raise RefusedError("token", "token", Answer("unauthorized", 401))
        if identity.subject != self._subject:
            raise RefusedError("subject", "subject", Answer("forbidden", 403))
        self.asked.append(question.content)
        return Answer(self._make(question.content))
