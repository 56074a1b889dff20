"""The token endpoint and the APIs, with what was granted and refused since they were started."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_azure.graph import Graph
from local_azure.key_vault import Caller, KeyVaults
from local_azure.refusals import (
    doubtful,
    no_application,
    no_credential,
    no_match,
    no_tenant,
    refused,
    wrong_secret,
)
from local_https import Answer, Question
from local_identity import TokenError, WebIdentity, parse_token
from local_identity.granting import GrantingCloud

AUDIENCE = "api://AzureADTokenExchange"
API = "/api/me"
"""The path that takes what was granted, and answers with the application; 401 to everything else."""
LIFETIME = 3599
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Credential:
    """A federated identity credential: who may speak for an application. It holds exactly one audience."""

    issuer: str
    subject: str
    audience: str


@dataclass
class Application:
    tenant: str
    credentials: list[Credential] = field(default_factory=list)
    secret: str = ""


@dataclass(frozen=True)
class Grant:
    """One access token that was granted; `subject` is empty for a client secret."""

    client: str
    scope: str
    subject: str
    expires_at: float


class LocalAzure(GrantingCloud[Grant]):
    """`url` is the authority; its refusals are counted by code: AADSTS700213 and so on. `settings` lead to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, self._page, LIFETIME)
        self._applications: dict[str, Application] = {}
        self._fault: Answer | None = None
        self.vaults = KeyVaults()
        self.graph = Graph()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a process that finds all of it."""
        return {
            "AZURE_AUTHORITY_HOST": self.url,
            "AZURE_KEYVAULT_URL": f"{self.url}/vaults/{{vault}}",
            "AZURE_GRAPH_URL": f"{self.url}/graph",
        }

    def create_application(self, tenant: str, client: str, secret: str = "") -> None:
        self._applications[client] = Application(tenant, secret=secret)

    def federate(self, client: str, issuer: str, subject: str, audience: str = AUDIENCE) -> None:
        """Let a subject of an issuer, which is to be trusted, speak for the application."""
        self._applications[client].credentials.append(Credential(issuer, subject, audience))

    def fail_with(self, fault: Answer | None) -> None:
        """Answer every request for a token with this, until it is None again."""
        self._fault = fault

    def _page(self, question: Question) -> Answer:
        tenant, _, path = question.path.lstrip("/").partition("/")
        if question.path == API:
            return self._call(question.bearer)
        if tenant == "vaults":
            return self.vaults.answer(question, self._caller(question.bearer))
        if tenant == "graph":
            return self.graph.answer(question, self._caller(question.bearer))
        if path == "v2.0/.well-known/openid-configuration":
            return Answer(_discovery(question.headers["host"], tenant))
        if path == "oauth2/v2.0/token" and question.method == "POST":
            return self._fault or self._answered(lambda: self._answer_token(tenant, question.form))
        return Answer({"error": "not_found"}, 404)

    def _answer_token(self, tenant: str, form: Mapping[str, str]) -> Answer:
        client = form.get("client_id", "")
        subject = self._authenticate(tenant, client, form)
        token = self._record("entra-", Grant(client, form["scope"], subject, time.time() + self.lifetime))
        seconds = int(self.lifetime)
        return Answer({"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token})

    def _authenticate(self, tenant: str, client: str, form: Mapping[str, str]) -> str:
        """The subject that speaks for the application, empty for the application itself."""
        if tenant not in {application.tenant for application in self._applications.values()}:
            raise no_tenant(tenant)
        application = self._applications.get(client)
        if application is None or application.tenant != tenant:
            raise no_application(client, tenant)
        if form.get("grant_type") != "client_credentials":
            raise refused(70003, "unsupported_grant_type", "The app requested an unsupported grant type.")
        if not form.get("scope", "").endswith("/.default"):
            raise refused(1002012, "invalid_scope", "The provided value for scope is not valid.")
        if form.get("client_secret"):
            if form["client_secret"] not in {application.secret, *self.graph.secrets(client)}:
                raise wrong_secret(client)
            return ""
        if form.get("client_assertion_type") != _ASSERTION or not form.get("client_assertion"):
            raise refused(
                7000218, "invalid_client", "The request body must contain: 'client_assertion' or 'client_secret'."
            )
        return self._believe(client, application, form["client_assertion"]).subject

    def _believe(self, client: str, application: Application, assertion: str) -> WebIdentity:
        if not application.credentials:
            raise no_credential(client)
        identity = None
        try:
            identity = parse_token(assertion)
            _match(application.credentials, identity)
            self._issuers.verify(assertion, identity)
        except TokenError as error:
            raise doubtful(error.doubt, identity) from error
        return identity

    def _caller(self, token: str) -> Caller | None:
        """Who calls an API, if the token is one that was granted and has not expired."""
        grant = self._called(token)
        if grant is None:
            return None
        return Caller(grant.client, self._applications[grant.client].tenant, grant.scope)

    def _call(self, token: str) -> Answer:
        grant = self._called(token)
        if grant is None:
            return Answer({"error": {"code": "InvalidAuthenticationToken"}}, 401)
        return Answer({"client": grant.client})


def _discovery(host: str, tenant: str) -> dict[str, str]:
    """`host` is where the client has asked: pods may know this machine by another name."""
    base = f"https://{host}/{tenant}"
    return {
        "issuer": f"{base}/v2.0",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
    }


def _match(credentials: list[Credential], identity: WebIdentity) -> None:
    """Entra names the first of issuer, subject and audience that no credential has."""
    of_issuer = [one for one in credentials if one.issuer == identity.issuer]
    if not of_issuer:
        raise no_match(700211, "issuer", identity.issuer)
    of_subject = [one for one in of_issuer if one.subject == identity.subject]
    if not of_subject:
        raise no_match(700213, "subject", identity.subject)
    if not any(one.audience in identity.audiences for one in of_subject):
        raise no_match(700212, "audience", ", ".join(identity.audiences))
