"""Who may do what: access tokens, the issuers that an organization trusts, and the policies of its token exchange.

Pure but for the new tokens' texts. A policy that does not speak for a token lets nobody in, and one that denies wins.
"""

import fnmatch
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["organization", "team", "personal"]
KINDS: tuple[Kind, ...] = ("organization", "team", "personal")
PERMISSIONS = frozenset({"read", "open", "write", "admin"})
"""Of a token on environments. `read` is the definition, `open` its values, `write` new revisions and rotations, `admin`
what is beside: deletion, settings, schedules, webhooks."""


@dataclass(frozen=True)
class AccessToken:
    """`text` is what a request shows. `environments` is a pattern of `project/name`."""

    text: str = field(repr=False)
    kind: Kind
    organization: str
    user: str = ""
    team: str = ""
    name: str = ""
    permissions: frozenset[str] = PERMISSIONS
    environments: str = "*"
    expires_at: float | None = None

    @property
    def login(self) -> str:
        """Whom revisions name as their creator."""
        return self.user or (f"team:{self.team}" if self.team else self.organization)

    def may(self, permission: str, environment: str) -> bool:
        return permission in self.permissions and matches(self.environments, environment)


@dataclass(frozen=True)
class Policy:
    """Whom an organization gives which tokens to, among the tokens of one issuer. `claims` are patterns by claim."""

    kind: Kind
    claims: Mapping[str, str]
    allows: bool = True
    team: str = ""
    user: str = ""
    permissions: frozenset[str] = PERMISSIONS
    environments: str = "*"

    def is_for(self, kind: Kind, team: str, user: str, claims: Mapping[str, Any]) -> bool:
        if (self.kind, self.team, self.user) != (kind, team, user):
            return False
        return all(_claim_matches(pattern, claims.get(name)) for name, pattern in self.claims.items())


@dataclass
class Organization:
    """`issuers` are the policies of each issuer that the organization trusts. The rate is requests in so many
    seconds; none where `requests` is 0."""

    name: str
    members: set[str]
    teams: set[str] = field(default_factory=set)
    issuers: dict[str, list[Policy]] = field(default_factory=dict)


def new_token_text() -> str:
    return f"pul-{secrets.token_hex(20)}"


def decide(policies: list[Policy], kind: Kind, team: str, user: str, claims: Mapping[str, Any]) -> Policy | None:
    """The policy that lets these claims have the token; None where none does, or one denies."""
    applying = [policy for policy in policies if policy.is_for(kind, team, user, claims)]
    if not applying or not all(policy.allows for policy in applying):
        return None
    return applying[0]


def matches(pattern: str, text: str) -> bool:
    # * and ? only; fnmatch would take brackets for a set.
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), text) is not None


def _claim_matches(pattern: str, claim: Any) -> bool:
    values = claim if isinstance(claim, list) else [claim]
    return any(isinstance(value, str) and matches(pattern, value) for value in values)
