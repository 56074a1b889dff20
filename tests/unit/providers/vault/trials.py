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
REAL = "real: OpenBao"


def granted(seconds: int = 3600) -> HttpAnswer:
    return json_answer({"auth": {"client_token": MINTED, "lease_duration": seconds, "renewable": True}})


def refused(status: int, *errors: str) -> HttpAnswer:
    return json_answer({"errors": list(errors)}, status)


def leased(**data: Any) -> HttpAnswer:
    return json_answer({"lease_id": "database/creds/web/1", "renewable": True, "lease_duration": 3600, "data": data})


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
            Failure(
                name="a path that is none",
                inputs={
                    "login": {"address": ADDRESS, "token": PARENT},
                    "read": {"db": {"path": "secret/../x"}},
                },
                reason="InvalidInputs",
                says=["write one such as secret/data/web"],
            )
        ],
        counterpart=REAL,
    ),
]
