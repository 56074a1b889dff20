"""The trials of Vault's plug-ins, answered as Vault answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from esc_operator.providers.vault.login import VaultLogin
from esc_operator.providers.vault.secrets import VaultSecrets
from esc_operator.testing import Failure, Trial, json_answer

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

ADDRESS = "https://vault.example.com:8200"
MINTED = "hvs.CAESIMintedTokenOfNinetyCharactersOrSo0123456789abcdefghijklmnopqrstuvwxyz"
PARENT = "hvs.CAESIParentTokenOfNinetyCharactersOrSo0123456789abcdefghijklmnopqrstuvwxyz"
PASSWORD = "database-password-of-a-lease"
REAL = "real: OpenBao 2.7.2"


def granted(seconds: int = 3600) -> HttpAnswer:
    return json_answer({"auth": {"client_token": MINTED, "lease_duration": seconds, "renewable": True}})


def refused(status: int, *errors: str) -> HttpAnswer:
    return json_answer({"errors": list(errors)}, status)


def leased(**data: Any) -> HttpAnswer:
    return json_answer({"lease_id": "database/creds/web/1", "renewable": True, "lease_duration": 3600, "data": data})


def failing(name: str, answer: HttpAnswer, reason: str, *says: str, outage: bool = False) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=says, outage=outage)


LOGIN_FAILURES = [
    failing(
        "role not found",
        refused(400, 'role "web" could not be found'),
        "VaultRoleMissing",
        'has no role "web": correct `jwt.role`, or create auth/jwt/role/web',
    ),
    failing(
        "audience claim does not match",
        refused(400, "error validating token: invalid audience (aud) claim"),
        "AudienceRefused",
        "set its bound_audiences to that",
    ),
    failing(
        "issuer claim does not match",
        refused(400, "error validating token: invalid issuer (iss) claim"),
        "IssuerRefused",
        "correct its bound_issuer",
    ),
    failing(
        "subject claim does not match",
        refused(400, "error validating token: invalid subject (sub) claim"),
        "VaultRoleRefused",
        "in its bound_subject and bound_claims",
    ),
    failing(
        "no known key",
        refused(400, "error validating token: error verifying token signature: no known key"),
        "IdentityTokenRefused",
        "give it the current keys",
    ),
    failing(
        "no auth method at the mount",
        refused(403, "permission denied"),
        "VaultAuthMethodMissing",
        "correct `jwt.mount`, or enable it there",
    ),
    failing(
        "namespace not found",
        refused(404, "namespace not found"),
        "VaultNamespaceMissing",
        'has no namespace "team-a": correct `namespace`',
    ),
    failing("sealed", refused(503, "Vault is sealed"), "VaultSealed", "unseal it", outage=True),
    failing("a standby", refused(473), "VaultStandby", "the address of the active node", outage=True),
    failing("a redirection", json_answer({}, 307), "VaultRedirected", "which is not followed"),
    failing("an internal error", refused(500), "VaultEngineFailed", "look into Vault's log"),
]

VERSIONED = {"data": None, "warnings": ["Invalid path for a versioned K/V secrets engine."]}
DELETED = {"data": {"data": None, "metadata": {"version": 4, "destroyed": False}}}
READ_FAILURES = [
    failing(
        "a token that has expired",
        refused(403, "permission denied"),
        "VaultTokenRefused",
        "does not know the token in `login.token`",
    ),
    failing("nothing at the path", refused(404), "VaultPathMissing", "db: there is nothing at database/creds/web"),
    failing(
        "no engine at the path",
        refused(404, 'no handler for route "database/creds/web". route entry not found.'),
        "VaultPathMissing",
        "has no secrets engine for database/creds/web",
    ),
    failing("KV version 2 without data/", json_answer(VERSIONED, 404), "VaultKVVersion", "write database/data/"),
    failing("a deleted version", json_answer(DELETED, 404), "VaultSecretDeleted", "version 4 of database/creds/web"),
    failing("the engine's database does not answer", refused(500), "VaultEngineFailed", "such as a database"),
    failing("sealed", refused(503, "Vault is sealed"), "VaultSealed", "unseal it", outage=True),
]

LOGIN = {"address": ADDRESS, "namespace": "team-a", "jwt": {"role": "web", "mount": "jwt"}}
LIFETIME = "a sentence about an invalid one says more than a pattern"

TRIALS = [
    Trial(
        plugin=VaultLogin,
        inputs=LOGIN,
        answers=[granted()],
        secrets=[MINTED],
        lease=timedelta(hours=1),
        quotes=lambda text: refused(400, f"error validating token: {text}"),
        differs={
            "inputs.jwt.mount": "the default is stated",
            "inputs.token.maxTtl": LIFETIME,
        },
        failures=[
            *LOGIN_FAILURES,
            Failure(
                name="a mount that is none",
                inputs={**LOGIN, "jwt": {"role": "web", "mount": "a b"}},
                reason="InvalidInputs",
                says=["`mount` is not"],
            ),
            Failure(
                name="subjectAttributes",
                inputs={**LOGIN, "jwt": {"role": "web", "subjectAttributes": ["x"]}},
                reason="SubjectAttributesUnsupported",
                says=["leave it out"],
            ),
            Failure(
                name="an address with a path",
                inputs={**LOGIN, "address": f"{ADDRESS}/v1"},
                reason="InvalidInputs",
                says=["write a scheme and a host"],
            ),
        ],
        counterpart=REAL,
    ),
    Trial(
        title="a child of a given token",
        plugin=VaultLogin,
        inputs={"address": ADDRESS, "token": {"token": PARENT, "maxTtl": "1h"}},
        answers=[granted()],
        secrets=[MINTED, PARENT],
        lease=timedelta(hours=1),
        quotes=lambda text: refused(400, text),
    ),
    Trial(
        plugin=VaultSecrets,
        inputs={
            "login": {"address": ADDRESS, "token": PARENT},
            "read": {"db": {"path": "database/creds/web"}},
        },
        answers=[leased(username="v-web-1", password=PASSWORD)],
        secrets=[PASSWORD, PARENT],
        lease=timedelta(hours=1),
        quotes=lambda text: refused(400, text),
        failures=[
            *READ_FAILURES,
            Failure(
                name="a path that is none",
                inputs={
                    "login": {"address": ADDRESS, "token": PARENT},
                    "read": {"db": {"path": "secret/../x"}},
                },
                reason="InvalidInputs",
                says=["write one such as secret/data/web"],
            ),
        ],
        counterpart=REAL,
    ),
]
