"""What this AWS has done: sessions minted, requests refused, and every use of a key.

Counts by role and by key. The minted keys themselves are held apart from what `report` shows, and leave it by one named
method only.
"""

import collections
import datetime
import threading
from dataclasses import asdict, dataclass
from typing import Any

from local_aws.accounts import Key
from local_aws.reports import Calls, Mint, Mints, Refusal


@dataclass(frozen=True)
class Session:
    """A minted key and whom it stands for."""

    key: Key
    account: str
    assumed_role_arn: str
    assumed_role_id: str


class Ledger:
    """Thread-safe. Sessions stay known after their expiry, which is told apart from a key nobody ever made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._mints: list[Mint] = []
        self._refusals: list[Refusal] = []
        self._calls: dict[str, dict[str, Calls]] = {}

    def record_mint(self, session: Session, mint: Mint) -> None:
        with self._lock:
            self._sessions[session.key.access_key_id] = session
            self._mints.append(mint)

    def record_refusal(self, refusal: Refusal) -> None:
        with self._lock:
            self._refusals.append(refusal)

    def record_call(self, access_key_id: str, service: str, action: str = "", refused_with: str = "") -> None:
        with self._lock:
            calls = self._calls.setdefault(access_key_id, {}).setdefault(service, Calls())
            if action:
                calls.actions[action] += 1
            if refused_with:
                calls.refused[refused_with] += 1
            else:
                calls.accepted += 1

    def session(self, access_key_id: str) -> Session | None:
        return self._sessions.get(access_key_id)

    def report_mints(self) -> dict[str, Any]:
        with self._lock:
            by_role = collections.Counter(mint.role for mint in self._mints)
            by_subject: dict[str, collections.Counter[str]] = {}
            for mint in self._mints:
                by_subject.setdefault(mint.role, collections.Counter())[mint.subject] += 1
            report = Mints(
                total=len(self._mints),
                by_role=dict(by_role),
                by_role_and_subject={role: dict(counts) for role, counts in by_subject.items()},
                mints=list(self._mints),
                refusals=dict(collections.Counter(refusal.code for refusal in self._refusals)),
                refused=list(self._refusals),
            )
        return asdict(report)

    def report_calls(self) -> dict[str, Any]:
        """By access key (empty for unsigned requests), then by service."""
        with self._lock:
            return {
                key: {
                    service: {
                        "accepted": calls.accepted,
                        "refused": dict(calls.refused),
                        "actions": dict(calls.actions),
                    }
                    for service, calls in used
                }
                for key, used in ((key, services.items()) for key, services in self._calls.items())
            }

    def reveal_minted_secrets(self) -> list[str]:
        """Every secret access key and session token ever minted: for searching logs and status for them."""
        with self._lock:
            sessions = list(self._sessions.values())
        return [secret for session in sessions for secret in (session.key.secret, session.key.session_token)]

    def forget_counts(self) -> None:
        """Begin counting anew; sessions stay valid."""
        with self._lock:
            self._mints.clear()
            self._refusals.clear()
            self._calls.clear()


def stamp(moment: datetime.datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
