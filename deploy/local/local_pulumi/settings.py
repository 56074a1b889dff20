"""How this Pulumi Cloud answers and misbehaves on request.

Settings and faults are changed by tests while requests are answered.
"""

import threading
from dataclasses import dataclass, fields
from typing import Any

from local_pulumi.access import matches


@dataclass
class Fault:
    """One way to misbehave. Without `status`, `body`, `size` or `cut_off` it only delays."""

    method: str = ""
    """Only requests of this method; empty for all."""
    path: str = "*"
    """Only requests of a path that matches (`*` and `?`)."""
    delay: float = 0.0
    """Seconds before the answer."""
    status: int = 0
    """Answer with this status: with `body`, else with a JSON error."""
    message: str = "the request failed because it was asked to"
    body: str | None = None
    content_type: str = "text/html"
    """Of `body`."""
    retry_after: str = ""
    location: str = ""
    """Where a redirect leads."""
    cut_off: bool = False
    """Send the headers and the first half of the true answer, then break the connection off."""
    size: int = 0
    """Answer with so many bytes of JSON."""
    trickle: float = 0.0
    """Seconds between any two bytes of the true answer."""
    count: int | None = None
    """Go away after so many requests; None stays until faults are cleared."""

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Fault":
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise ValueError(f"unknown in a fault: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return cls(**given)

    @property
    def answers(self) -> bool:
        return bool(self.status or self.body is not None or self.size)


@dataclass
class Settings:
    """What a service of another age, or of another mind, would do otherwise."""

    delay: float = 0.0
    """Seconds before each answer."""
    page_size: int = 50
    """Environments, revisions and tags on one page at most, whatever was asked for."""
    tells_revision_on_open: bool = True
    """Whether an answer to an open has the header Pulumi-ESC-Revision."""
    has_new_values: bool = True
    """Whether values always have `value`, as since August 2026; before, null was left out."""
    revokes_exchanged: bool = False
    """Revoke each token as soon as it was exchanged."""
    rotation_is_enabled: bool = True
    """Whether the organizations have the feature."""
    token_lifetime: float | None = None
    """Seconds that an exchanged token lasts, whatever was asked for."""
    session_lifetime: float | None = None
    """Seconds that an open session lasts, whatever was asked for."""

    def change(self, **given: Any) -> None:
        """Raises ValueError for a setting that there is not."""
        known = {field.name for field in fields(self)}
        unknown = sorted(set(given) - known)
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        for name, value in given.items():
            setattr(self, name, value)


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that applies; one with a count has then been used once."""
        if not self._faults:
            return None
        with self._lock:
            for fault in self._faults:
                if fault.method not in ("", method) or not matches(fault.path, path):
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count <= 0:
                        self._faults.remove(fault)
                return fault
        return None
