"""The token exchange, the impersonation and the API, with what was granted and refused since they were started."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from local_google.refusals import (
    NO_TARGET,
    api_error,
    doubtful,
    may_not_impersonate,
    not_authenticated,
    oauth_error,
    wrong_audience,
    wrong_issuer,
)
from local_google.secret_manager import ACCESS, SecretManager
from local_https import Answer, Question
from local_identity import TokenError, WebIdentity, parse_token
from local_identity.granting import GrantingCloud

API = "/api/me"
"""The path that takes what was granted, and answers with the principal; 401 to everything else."""
LIFETIME = 3600
_PROVIDER = re.compile(
    r"//iam\.googleapis\.com/projects/(\d+)/locations/global/workloadIdentityPools/([a-z0-9-]+)/providers/([a-z0-9-]+)"
)
_GENERATE = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken")
_EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
}
_SUBJECT_TOKEN_TYPES = ("urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token")


@dataclass(frozen=True)
class Provider:
    """A workload identity provider; without `audiences` it takes its own full name."""

    issuer: str
    audiences: tuple[str, ...]


@dataclass(frozen=True)
class Grant:
    """One access token that was granted: to a federated principal, or to a service account for one."""

    principal: str
    federated: bool
    expires_at: float
    scopes: frozenset[str] = frozenset()


class LocalGoogle(GrantingCloud[Grant]):
    """`url` stands for sts, iamcredentials and secretmanager.googleapis.com; `settings` lead to it.

    The refusals of the token exchange are counted by OAuth's word for them, those of the impersonation by the status of
    an API: invalid_grant, PERMISSION_DENIED and so on.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, self._page, LIFETIME)
        self._providers: dict[str, Provider] = {}
        self._impersonators: dict[str, set[str]] = {}
        self._faults: dict[str, Answer] = {}
        self.secrets = SecretManager()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a process that finds all of it."""
        services = ("STS", "IAMCREDENTIALS", "SECRETMANAGER")
        return {f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{service}": self.url for service in services}

    def create_provider(self, name: str, issuer: str, audiences: tuple[str, ...] = ()) -> None:
        """A provider by its full name, `//iam.googleapis.com/projects/...`; google.subject is the token's subject."""
        assert _PROVIDER.fullmatch(name), name
        self._providers[name] = Provider(issuer, audiences)

    def let_impersonate(self, principal: str, account: str) -> None:
        self._impersonators.setdefault(account, set()).add(principal)

    def fail_with(self, path: str, fault: Answer | None) -> None:
        """Answer every request whose path begins like this with the fault, until it is None again."""
        self._faults.pop(path, None)
        if fault is not None:
            self._faults[path] = fault

    def _page(self, question: Question) -> Answer:
        for path, fault in list(self._faults.items()):
            if question.path.startswith(path):
                return fault
        if question.path == API:
            return self._call(question.bearer)
        if question.method == "GET" and ACCESS.fullmatch(question.path):
            grant = self._called(question.bearer)
            who, scopes = (grant.principal, grant.scopes) if grant is not None else ("", frozenset[str]())
            return self.secrets.answer(question, who, scopes)
        if question.method == "POST" and question.path == "/v1/token":
            return self._answered(lambda: self._exchange(question.form))
        account = _GENERATE.fullmatch(question.path)
        if question.method == "POST" and account:
            return self._answered(lambda: self._impersonate(account[1], question))
        return Answer({"error": {"code": 404, "status": "NOT_FOUND", "message": "Not found."}}, 404)

    def _exchange(self, form: Mapping[str, str]) -> Answer:
        for name, value in _EXCHANGE.items():
            if form.get(name) != value:
                raise oauth_error("invalid_request", f'Invalid value for "{name}".')
        if form.get("subject_token_type") not in _SUBJECT_TOKEN_TYPES:
            raise oauth_error("invalid_request", 'Invalid value for "subject_token_type".')
        if not form.get("scope"):
            raise oauth_error("invalid_request", 'Missing required parameter: "scope".')
        name = form.get("audience", "")
        if not _PROVIDER.fullmatch(name):
            raise oauth_error("invalid_request", 'Invalid value for "audience".')
        provider = self._providers.get(name)
        if provider is None:
            raise oauth_error("invalid_target", NO_TARGET)
        identity = self._believe(name, provider, form.get("subject_token", ""))
        scopes = form["scope"].split()
        token, grant = self._grant(principal(name, identity.subject), self.lifetime, scopes, federated=True)
        return Answer(
            {
                "access_token": token,
                "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer",
                "expires_in": int(grant.expires_at - time.time() + 0.5),
            }
        )

    def _believe(self, name: str, provider: Provider, token: str) -> WebIdentity:
        identity = None
        try:
            identity = parse_token(token)
            if identity.issuer != provider.issuer:
                raise wrong_issuer(identity, provider.issuer)
            if not set(identity.audiences) & set(provider.audiences or (name, f"https:{name}")):
                raise wrong_audience(identity)
            self._issuers.verify(token, identity)
        except TokenError as error:
            raise doubtful(error, identity) from error
        return identity

    def _impersonate(self, account: str, question: Question) -> Answer:
        grant = self._grant_of(question.bearer)
        if grant is None:
            raise not_authenticated()
        if grant.principal not in self._impersonators.get(account, ()):
            raise may_not_impersonate()
        if not question.content.get("scope"):
            raise api_error(400, "INVALID_ARGUMENT", "Scope required.")
        wanted = re.fullmatch(r"(\d+)s", question.content.get("lifetime", f"{LIFETIME}s"))
        if wanted is None:
            raise api_error(400, "INVALID_ARGUMENT", "Invalid value at 'lifetime'.")
        if int(wanted[1]) > LIFETIME:
            raise api_error(400, "INVALID_ARGUMENT", f"The access token lifetime cannot exceed {LIFETIME} seconds.")
        scopes = question.content["scope"]
        token, granted = self._grant(account, min(int(wanted[1]), self.lifetime), scopes, federated=False)
        # Whole seconds, rounded down: Google states no time at which the token is dead already.
        expires = datetime.fromtimestamp(int(granted.expires_at), UTC)
        return Answer({"accessToken": token, "expireTime": f"{expires:%Y-%m-%dT%H:%M:%SZ}"})

    def _grant(self, to: str, lifetime: float, scopes: list[str], *, federated: bool) -> tuple[str, Grant]:
        grant = Grant(to, federated, time.time() + lifetime, frozenset(scopes))
        return self._record("ya29.", grant), grant

    def _call(self, token: str) -> Answer:
        grant = self._called(token)
        return Answer({"principal": grant.principal}) if grant is not None else not_authenticated().answer


def principal(provider: str, subject: str) -> str:
    """Who a federated token speaks for, as IAM policies spell it."""
    pool = provider.removeprefix("//").partition("/providers/")[0]
    return f"principal://{pool}/subject/{subject}"
