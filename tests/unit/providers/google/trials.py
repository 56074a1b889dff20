"""The trials of Google's plug-ins, on a server that answers as its token endpoints do."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.providers.google.checksums import crc32c
from esc_operator.providers.google.login import GcpLogin
from esc_operator.providers.google.secrets import GcpSecrets
from esc_operator.providers.token_endpoints import TokenEndpoints
from esc_operator.testing import Failure, Trial, json_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.port import HttpAnswer

ACCOUNT = "apps@my-project.iam.gserviceaccount.com"
OIDC = {
    "workloadPoolId": "clusters",
    "providerId": "apps",
    "serviceAccount": ACCOUNT,
    "region": "global",
    "tokenLifetime": "1h",
}
FEDERATED_TOKEN, ACCESS_TOKEN, GIVEN_TOKEN = "ya29.federated-token", "ya29.granted-access-token", "ya29.given-token"
FEDERATED = json_answer({"access_token": FEDERATED_TOKEN, "token_type": "Bearer", "expires_in": 3600})
GRANTED = json_answer({"accessToken": ACCESS_TOKEN, "expireTime": "2026-05-01T13:00:00Z"})


def refused(error: str, description: str) -> HttpAnswer:
    return json_answer({"error": error, "error_description": description}, 400)


def denied(status: int, name: str, message: str) -> HttpAnswer:
    return json_answer({"error": {"code": status, "status": name, "message": message}}, status)


# For all checks: what keeps connections is not thrown away with one open.
_ENDPOINTS, _HASTY_ENDPOINTS = TokenEndpoints(), TokenEndpoints(attempts=2, read_timeout=0.2)


def new_login() -> GcpLogin:
    return GcpLogin(_ENDPOINTS)


def hasty_login() -> GcpLogin:
    return GcpLogin(_HASTY_ENDPOINTS)


def endpoints(url: str) -> Mapping[str, str]:
    names = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_STS", "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS")
    return dict.fromkeys(names, url)


FAILURES = [
    Failure(
        name="there is no such pool or provider",
        answer=refused("invalid_target", 'The target service indicated by the "audience" parameters is invalid.'),
        reason="IdentityPoolMissing",
        says=["no workload identity provider"],
    ),
    Failure(
        name="the project's name in place of its number",
        answer=refused("invalid_request", 'Invalid value for "audience".'),
        reason="InvalidIdentityPool",
        says=["the project's number"],
    ),
    Failure(
        name="the issuer's keys cannot be fetched",
        answer=refused("invalid_grant", "Error connecting to the given credential's issuer."),
        reason="IssuerUnreachable",
        says=["or upload them to"],
    ),
    Failure(
        name="the attribute condition does not admit the subject",
        answer=refused("unauthorized_client", "The given credential is rejected by the attribute condition."),
        reason="AttributeConditionRefused",
        says=["does not admit system:serviceaccount:apps:web"],
    ),
    Failure(
        name="the subject may not impersonate the service account",
        answer=denied(403, "PERMISSION_DENIED", "Permission 'iam.serviceAccounts.getAccessToken' denied on resource."),
        at=1,
        reason="ServiceAccountRefused",
        says=["on it to principal://"],
    ),
    Failure(
        name="the IAM Credentials API is off",
        answer=denied(403, "PERMISSION_DENIED", "IAM Service Account Credentials API has not been used in project 1"),
        at=1,
        reason="APIDisabled",
        says=["enable it"],
    ),
    Failure(
        name="a service account that is none",
        inputs={"project": 1, "oidc": {**OIDC, "serviceAccount": "a/b"}},
        reason="InvalidInputs",
        says=["`serviceAccount` is not a service account"],
    ),
]

SECRET = "secret-value-of-secret-manager"
PAYLOAD = base64.b64encode(SECRET.encode()).decode()
READING = {
    "login": {"project": 123456789012, "accessToken": GIVEN_TOKEN, "tokenType": "Bearer"},
    "access": {"key": {"name": "api-key", "version": 5}},
}
NAME = "projects/123456789012/secrets/api-key"


def accessed(data: str = PAYLOAD, checksum: int | None = None) -> HttpAnswer:
    crc = crc32c(base64.b64decode(data)) if checksum is None else checksum
    return json_answer({"name": f"{NAME}/versions/5", "payload": {"data": data, "dataCrc32c": str(crc)}})


def reading(name: str, answer: HttpAnswer, reason: str, *says: str, outage: bool = False) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=says, outage=outage)


READ_FAILURES = [
    reading(
        "no such secret",
        denied(404, "NOT_FOUND", f"Secret [{NAME}] not found or has no versions."),
        "GCPSecretMissing",
        f"{NAME} does not exist, or has no version: correct `access.key.name`",
    ),
    reading(
        "no such version",
        denied(404, "NOT_FOUND", f"Secret Version [{NAME}/versions/5] not found."),
        "GCPSecretVersionMissing",
        f"{NAME} has no version 5: correct `access.key.version`",
    ),
    reading(
        "a disabled version",
        denied(400, "FAILED_PRECONDITION", f"Secret Version [{NAME}/versions/5] is in DISABLED state."),
        "GCPSecretVersionDisabled",
        "is disabled: enable it",
    ),
    reading(
        "a destroyed version",
        denied(400, "FAILED_PRECONDITION", f"Secret Version [{NAME}/versions/5] is in DESTROYED state."),
        "GCPSecretVersionDestroyed",
        "was destroyed, for good",
    ),
    reading(
        "no permission",
        denied(403, "PERMISSION_DENIED", "Permission 'secretmanager.versions.access' denied (or it may not exist)."),
        "GCPAccessDenied",
        "grant its service account roles/secretmanager.secretAccessor",
    ),
    reading(
        "the API is not enabled",
        denied(403, "PERMISSION_DENIED", "Secret Manager API has not been used in project 1 before or it is disabled."),
        "APIDisabled",
        "enable secretmanager.googleapis.com there",
    ),
    reading(
        "no such project",
        denied(403, "PERMISSION_DENIED", "Permission denied on resource project 123456789012."),
        "GCPProjectMissing",
        "there is no project 123456789012",
    ),
    reading(
        "a perimeter of VPC Service Controls",
        denied(403, "PERMISSION_DENIED", "Request is prohibited by organization's policy."),
        "GCPPerimeterRefused",
        "have an ingress rule admit",
    ),
    reading(
        "an access token that has expired",
        denied(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
        "AccessTokenRefused",
        "does not accept `login.accessToken`",
    ),
    reading(
        "a payload that was changed on its way",
        accessed(checksum=1),
        "MalformedAnswer",
        "does not have the checksum beside it",
        outage=True,
    ),
    reading("the service fails", denied(500, "INTERNAL", "x"), "GCPUnavailable", "tried again later", outage=True),
    Failure(
        name="a regional secret",
        inputs={**READING, "access": {"key": {"name": "projects/p/locations/europe-west1/secrets/x"}}},
        reason="InvalidInputs",
        says=["regional secrets are not supported"],
    ),
    Failure(
        name="a name that is none",
        inputs={**READING, "access": {"key": {"name": "../api-key"}}},
        reason="InvalidInputs",
        says=["`access.key.name` is not the name of a secret"],
    ),
    Failure(
        name="a version in the name",
        inputs={**READING, "access": {"key": {"name": f"{NAME}/versions/5"}}},
        reason="InvalidInputs",
        says=["a version belongs into `version`"],
    ),
    Failure(
        name="a version that is none",
        inputs={**READING, "access": {"key": {"name": "api-key", "version": 1.5}}},
        reason="InvalidInputs",
        says=["write its number, from 1"],
    ),
]

TRIALS = [
    Trial(
        plugin=new_login,
        inputs={"project": 123456789012, "oidc": OIDC},
        answers=[FEDERATED, GRANTED],
        secrets=[FEDERATED_TOKEN, ACCESS_TOKEN],
        lease=timedelta(hours=1),
        failures=FAILURES,
        quotes=lambda text: json_answer({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": text}}, 403),
        settings=endpoints,
        tls=True,
        hasty=hasty_login,
        differs={
            "inputs.oidc.region": "the default is stated",
            "inputs.oidc.tokenLifetime": "a sentence about an invalid one says more than a pattern",
            "inputs.accessToken.tokenLifetime": "a sentence about an invalid one says more than a pattern",
        },
        counterpart="stand-in of Google's token endpoints, which verifies tokens",
    ),
    Trial(
        title="a given access token, exchanged",
        plugin=new_login,
        inputs={"project": 1, "accessToken": {"accessToken": GIVEN_TOKEN, "serviceAccount": ACCOUNT}},
        answers=[GRANTED],
        secrets=[GIVEN_TOKEN, ACCESS_TOKEN],
        lease=timedelta(hours=1),
        quotes=lambda text: json_answer({"error": {"code": 403, "status": "PERMISSION_DENIED", "message": text}}, 403),
        settings=endpoints,
        tls=True,
        hasty=hasty_login,
    ),
    Trial(
        title="a given access token",
        plugin=new_login,
        inputs={"project": 1, "accessToken": {"accessToken": GIVEN_TOKEN}},
        secrets=[GIVEN_TOKEN],
    ),
    Trial(
        plugin=GcpSecrets,
        inputs=READING,
        answers=[accessed()],
        secrets=[PAYLOAD, GIVEN_TOKEN],
        failures=READ_FAILURES,
        quotes=lambda text: denied(400, "INVALID_ARGUMENT", text),
        counterpart="stand-in of Google and Secret Manager, which verifies tokens",
    ),
]
