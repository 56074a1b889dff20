"""How this AWS misbehaves on request: shorter lifetimes, delays, errors, nonsense.

Settings and faults are the only state here; they are read at each request and changed by tests while others run.
"""

import threading
from dataclasses import dataclass, fields
from typing import Any

from local_aws.accounts import account_of_role
from local_aws.refusals import AwsError


@dataclass
class Fault:
    """One way to fail. Without `code`, `status` or `body` it only delays."""

    service: str = ""
    """Only requests of this service ("sts", "s3", ...); empty for all."""
    action: str = ""
    """Only this action of a query or JSON service; empty for all."""
    role: str = ""
    """Only requests that name this role's ARN; empty for all."""
    account: str = ""
    """Only requests that name a role of this account (twelve digits); empty for all."""
    region: str = ""
    """Only requests that are signed for this region; empty for all."""
    delay: float = 0.0
    """Seconds before the answer."""
    code: str = ""
    """Answer with this AWS error. What is answered counts as a refusal by this code, or as "fault" without one."""
    message: str = ""
    status: int = 0
    """HTTP status; 400 for an error and 200 for a body where it is not given."""
    body: str | None = None
    """Answer with this text instead of anything AWS would send."""
    retry_after: str = ""
    """Send this Retry-After header."""
    count: int | None = None
    """Go away after so many requests; None stays until it is cleared."""

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Fault":
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise ValueError(f"unknown in a fault: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return cls(**given)

    @property
    def answers(self) -> bool:
        return bool(self.code or self.status or self.body is not None)

    def refusal(self) -> AwsError:
        message = self.message or "The request failed because it was asked to."
        return AwsError(self.code or "ServiceUnavailable", message, self.status or 400)


class Settings:
    """What tests can change while this AWS runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._denials: dict[str, tuple[str, str]] = {}
        self.lifetime_seconds: float | None = None
        """What a session lasts, whatever was asked for; None grants what was asked for."""

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear_faults(self) -> None:
        """And denials."""
        with self._lock:
            self._faults.clear()
            self._denials.clear()

    def deny(self, name: str, code: str, message: str) -> None:
        """Refuse to give the secret or parameter of this name, with this error."""
        with self._lock:
            self._denials[name] = (code, message or "The request was denied because it was asked to be.")

    def denial(self, name: str) -> AwsError | None:
        with self._lock:
            found = self._denials.get(name)
        return AwsError(*found) if found else None

    def take_fault(self, service: str, action: str, role: str, region: str) -> Fault | None:
        """The first fault that applies; one with a count has then been used once."""
        with self._lock:
            for fault in self._faults:
                matches = (
                    (fault.service, service),
                    (fault.action, action),
                    (fault.role, role),
                    (fault.region, region),
                    (fault.account, account_of_role(role) or ""),
                )
                if any(wanted and wanted != actual for wanted, actual in matches):
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._faults.remove(fault)
                return fault
        return None
