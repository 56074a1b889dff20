"""What this Pulumi Cloud has that Pulumi Cloud has not: set-up, settings, faults, and what was asked of it.

`Administration` has a method for each; over HTTP each is `POST /_local/NAME` with its arguments as a JSON object, for
whoever runs it in a process of its own.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from esc_operator.lang import parse_access
from local_https import Answer
from local_pulumi.access import PERMISSIONS, AccessToken, Kind, Organization, Policy, new_token_text
from local_pulumi.plugins import make_catalogue
from local_pulumi.rates import Rate
from local_pulumi.refusals import RefusedError
from local_pulumi.settings import Fault

if TYPE_CHECKING:
    from esc_operator.providers.port import Provider, Rotator
    from local_pulumi.cloud import Cloud, Recorded
    from local_pulumi.routes import Asked

PREFIX = "/_local/"


class Administration:
    """Set-up needs no token. `environment` is always `project/name`."""

    def __init__(self, cloud: "Cloud") -> None:
        self.cloud = cloud

    # Organizations, tokens, trust

    def create_organization(self, name: str, members: Sequence[str] = (), teams: Sequence[str] = ()) -> None:
        self.cloud.organizations[name] = Organization(name, set(members), set(teams))

    def create_token(  # noqa: PLR0913 - each narrows it by itself
        self,
        organization: str,
        kind: Kind = "personal",
        *,
        user: str = "",
        team: str = "",
        permissions: Sequence[str] = tuple(PERMISSIONS),
        environments: str = "*",
        lifetime: float | None = None,
    ) -> str:
        """The text of a new token; `lifetime` is in seconds."""
        self.cloud.organization(organization)
        expires_at = None if lifetime is None else self.cloud.clock() + lifetime
        token = AccessToken(
            new_token_text(), kind, organization, user, team, "test", frozenset(permissions), environments, expires_at
        )
        with self.cloud.lock:
            self.cloud.tokens[token.text] = token
            self.cloud.issued.append(token.text)
        return token.text

    def revoke(self, token: str) -> None:
        with self.cloud.lock:
            self.cloud.tokens.pop(token, None)

    def revoke_all(self) -> int:
        """How many there were."""
        with self.cloud.lock:
            count = len(self.cloud.tokens)
            self.cloud.tokens.clear()
        return count

    def trust_issuer(self, organization: str, issuer: str, ca_file: str | None = None) -> None:
        """Believe an issuer's tokens, as far as policies say; `ca_file` is what its TLS is verified with."""
        if ca_file is not None:
            self.cloud.trust_authority(issuer, Path(ca_file))
        self.cloud.organization(organization).issuers.setdefault(issuer, [])

    def add_policy(  # noqa: PLR0913 - the parts of a policy
        self,
        organization: str,
        issuer: str,
        *,
        subject: str = "*",
        kind: Kind = "organization",
        team: str = "",
        user: str = "",
        allows: bool = True,
        claims: dict[str, str] | None = None,
        permissions: Sequence[str] = tuple(PERMISSIONS),
        environments: str = "*",
    ) -> None:
        """Give tokens of one kind to subjects that match (`*` and `?`)."""
        policy = Policy(
            kind, {"sub": subject, **(claims or {})}, allows, team, user, frozenset(permissions), environments
        )
        self.cloud.organization(organization).issuers[issuer].append(policy)

    # Environments

    def put(self, organization: str, environment: str, text: str) -> int:
        """Create or update; the number of the revision."""
        with self.cloud.lock:
            found = self.cloud.find(organization, environment)
            made = found or self.cloud.create(organization, environment, "admin")
            return self.cloud.write(made, text, "admin").number

    def tag(self, organization: str, environment: str, tag: str, revision: int) -> None:
        """Create a revision tag, or move it."""
        with self.cloud.lock:
            found = self.cloud.environment(organization, environment)
            act = found.move_revision_tag if tag in found.revision_tags else found.create_revision_tag
            act(tag, revision, self.cloud.now(), "admin")

    def retract(
        self, organization: str, environment: str, revision: int, replacement: int | None = None, reason: str = ""
    ) -> None:
        with self.cloud.lock:
            found = self.cloud.environment(organization, environment)
            found.retract(str(revision), replacement, reason, self.cloud.now(), "admin")

    def delete(self, organization: str, environment: str) -> None:
        with self.cloud.lock:
            self.cloud.environments.pop((organization, environment), None)

    def hide(self, organization: str, environment: str, path: str) -> None:
        """Make a property unknown to whoever opens the environment."""
        keys, problem = parse_access(path)
        if keys is None:
            raise ValueError(f"{path}: {problem}")
        with self.cloud.lock:
            self.cloud.hidden.setdefault((organization, environment), set()).add(keys)

    def unhide(self) -> None:
        with self.cloud.lock:
            self.cloud.hidden.clear()

    def end_sessions(self) -> int:
        """How many there were."""
        with self.cloud.lock:
            count = len(self.cloud.sessions)
            self.cloud.sessions.clear()
        return count

    # Providers

    def set_environment(self, variables: dict[str, str]) -> None:
        """The environment variables as providers see them, such as AWS_ENDPOINT_URL."""
        self.cloud.evaluations.settings = dict(variables)

    def register(self, *, provider: "Provider | None" = None, rotator: "Rotator | None" = None) -> None:
        """Add a plug-in; only within the process that serves."""
        providers, rotators = self.cloud.plugins
        providers += [provider] if provider else []
        rotators += [rotator] if rotator else []
        self.cloud.evaluations.catalogue = make_catalogue(providers, rotators)

    # Misbehaviour

    def change(self, **settings: Any) -> None:
        """Change settings; see `settings.Settings`."""
        self.cloud.settings.change(**settings)

    def limit_rate(self, organization: str, requests: int, seconds: float = 1.0) -> None:
        """So many requests in so many seconds of the organization's tokens together; 0 ends the limit."""
        with self.cloud.lock:
            self.cloud.rates.pop(organization, None)
            if requests:
                self.cloud.rates[organization] = Rate(requests, seconds)

    def add_fault(self, **fault: Any) -> None:
        """See `settings.Fault`."""
        self.cloud.faults.add(Fault.from_json(fault))

    def clear_faults(self) -> None:
        self.cloud.faults.clear()

    # What happened

    def requests(self) -> "list[Recorded]":
        return list(self.cloud.recorded)

    def counts(self) -> Counter[str]:
        """Requests by operation: `POST /api/oauth/token`."""
        return Counter(one.operation or f"{one.method} {one.path}" for one in self.requests())

    def refusals(self) -> list[str]:
        """Why exchanges of tokens were refused."""
        return list(self.cloud.refusals)

    def forget_requests(self) -> None:
        self.cloud.recorded.clear()
        self.cloud.refusals.clear()

    def issued_tokens(self) -> list[str]:
        """Every access token there ever was, for tests that look for leaks."""
        return list(self.cloud.issued)


def answer_administration(cloud: "Cloud", asked: "Asked") -> Answer:
    """`POST /_local/NAME`, or `GET` of what takes no arguments."""
    name = asked.path.removeprefix(PREFIX)
    known = [one for one in vars(Administration) if not one.startswith("_")]
    if name not in known:
        return Answer({"error": f"no such page; there are: {', '.join(PREFIX + one for one in known)}"}, 404)
    try:
        arguments = json.loads(asked.body or b"{}")
        result = getattr(Administration(cloud), name)(**arguments)
    except (ValueError, TypeError, KeyError, OSError) as error:
        return Answer({"error": str(error)}, 400)
    except RefusedError as refusal:
        return refusal.answer
    if name == "requests":
        result = [asdict(one) for one in cast("list[Recorded]", result)]
    return Answer({"result": result})
