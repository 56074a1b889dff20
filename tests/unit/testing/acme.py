"""A trial of the template's provider, which tests of the suite spoil in one way or another."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

from acme_esc.login import AcmeLogin
from esc_operator.testing import Failure, Trial, checks, json_answer

GRANTED = "acme-granted-token"
TRIAL = Trial(
    plugin=AcmeLogin,
    inputs={"address": "https://acme.example.com", "account": "web"},
    answers=[json_answer({"token": GRANTED, "expires_in": 3600})],
    secrets=[GRANTED],
    lease=timedelta(hours=1),
    quotes=lambda text: json_answer({"code": "other", "message": text}, 400),
)
UNTRUSTED = Failure(
    name="it is not trusted", answer=json_answer({"code": "untrusted"}, 403), reason="IdentityTokenRefused"
)


def changed(**fields: Any) -> Trial:
    return dataclasses.replace(TRIAL, **fields)


def outcomes(trial: Trial) -> dict[str, str]:
    """The message of each check that does not pass, by its name."""
    found: dict[str, str] = {}
    for check in checks(trial):
        try:
            check()
        except AssertionError as error:
            found[check.name] = str(error)
    return found
