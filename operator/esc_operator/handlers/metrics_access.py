"""Authorizes requests for `/metrics`: only users who may get that path by the API server's RBAC, because the metrics
name all tenants' environments.

Owns the cache of its answers. Invariant: it stores a digest of each token, never a token; and a client that tries
tokens neither makes the operator send more than a few reviews a second, nor locks out clients that were admitted
before."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict, deque
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import ForbiddenError, KubeError
from esc_operator.kube.reviews import may_get, read_user

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from esc_operator.kube.reviews import Reviewer

logger = logging.getLogger(__name__)

PATH = "/metrics"

REMEMBERED = timedelta(seconds=60)
"""How long an answer is cached: about two scrapes, and how long a revoked right may still work."""

MOST_REMEMBERED = 64
LONGEST_TOKEN = 16 * 1024

QUESTIONS = 10
WITHIN = timedelta(seconds=5)
"""The interval in which the number of reviews for unknown users is limited."""


class Verdict(Enum):
    """The HTTP status and text of an answer."""

    ALLOWED = 200, ""
    ANONYMOUS = 401, "no valid bearer token: send one of a user who may get /metrics\n"
    FORBIDDEN = 403, "this user may not get /metrics: bind the ClusterRole esc-operator-metrics to it\n"
    BUSY = 429, "too many unknown tokens: try again in some seconds\n"
    UNKNOWN = 503, "the API server did not answer who may get /metrics: see the operator's log\n"

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def text(self) -> str:
        return self.value[1]


class _Remembered(NamedTuple):
    verdict: Verdict
    until: datetime


class MetricsAccess:
    """Authorizes requests for `/metrics`, by the value of the header Authorization."""

    def __init__(self, api: Reviewer, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._asked: deque[datetime] = deque(maxlen=QUESTIONS)
        self._has_warned = False

    async def judge(self, authorization: str | None) -> Verdict:
        token = _bearer(authorization)
        if token is None:
            return Verdict.ANONYMOUS
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known and self._now() < known.until:
            return known.verdict
        if known is None and not self._may_ask():
            return Verdict.BUSY
        verdict = await self._ask(token)
        if verdict in {Verdict.ALLOWED, Verdict.FORBIDDEN}:
            self._remember(digest, verdict)
        elif verdict is Verdict.ANONYMOUS:
            self._remembered.pop(digest, None)
        return verdict

    def _may_ask(self) -> bool:
        now = self._now()
        if len(self._asked) == QUESTIONS and now - self._asked[0] < WITHIN:
            return False
        self._asked.append(now)
        return True

    async def _ask(self, token: str) -> Verdict:
        try:
            user = await read_user(self._api, token)
            if user is None:
                return Verdict.ANONYMOUS
            return Verdict.ALLOWED if await may_get(self._api, user, PATH) else Verdict.FORBIDDEN
        except KubeError as error:
            self._warn(error)
            return Verdict.UNKNOWN

    def _remember(self, digest: bytes, verdict: Verdict) -> None:
        self._remembered[digest] = _Remembered(verdict, self._now() + REMEMBERED)
        self._remembered.move_to_end(digest)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _warn(self, error: KubeError) -> None:
        """Log it once: a scrape comes every few seconds."""
        if self._has_warned:
            return
        self._has_warned = True
        advice = ""
        if isinstance(error, ForbiddenError):
            advice = (
                "; bind the ClusterRole system:auth-delegator to the operator's ServiceAccount, or start it with "
                "--no-metrics-authorization"
            )
        logger.warning("/metrics cannot be served to anyone: %s%s", error.message, advice)


def _bearer(authorization: str | None) -> str | None:
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    is_token = scheme.lower() == "bearer" and token and token.isascii() and len(token) <= LONGEST_TOKEN
    return token if is_token else None
