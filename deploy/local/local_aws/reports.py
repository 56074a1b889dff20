"""What `/_local/mints` and `/_local/calls` tell, as typed values.

The server makes these and the client reads them back; no field ever holds a secret.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Mint:
    """One session that AssumeRoleWithWebIdentity granted."""

    time: str
    role: str
    subject: str
    session_name: str
    access_key_id: str
    issued_at: str
    expires_at: str
    requested_seconds: int
    policy_arns: list[str]


@dataclass(frozen=True)
class Refusal:
    """One web identity that was refused; role and subject as far as they were known by then. `why` is what AWS itself
    keeps to itself, if anything."""

    time: str
    code: str
    message: str
    role: str
    subject: str
    why: str = ""


@dataclass
class Calls:
    """How often one key was used with one service."""

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    """All of them by action, such as GetParameters; empty for services whose requests name none."""


@dataclass(frozen=True)
class Mints:
    """Everything that AssumeRoleWithWebIdentity has answered since counting began."""

    total: int
    by_role: dict[str, int]
    by_role_and_subject: dict[str, dict[str, int]]
    """Role ARN, then the token's subject."""
    mints: list[Mint]
    refusals: dict[str, int]
    """By error code."""
    refused: list[Refusal]

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Mints":
        lists = {
            "mints": [Mint(**one) for one in given["mints"]],
            "refused": [Refusal(**one) for one in given["refused"]],
        }
        return cls(**(given | lists))
