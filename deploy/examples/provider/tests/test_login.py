"""acme-login passes the suite that every provider passes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from acme_esc.login import AcmeLogin
from esc_operator.testing import Check, Failure, Trial, checks, json_answer

TRIAL = Trial(
    plugin=AcmeLogin,
    inputs={"address": "https://acme.example.com", "account": "web"},
    answers=[json_answer({"token": "acme-granted-token", "expires_in": 3600})],
    secrets=["acme-granted-token"],
    lease=timedelta(hours=1),
    failures=[
        Failure(
            name="the account does not trust the ServiceAccount",
            answer=json_answer({"code": "untrusted", "message": "No."}, 403),
            reason="IdentityTokenRefused",
            says=["add it to the account's trusted identities"],
        ),
        Failure(
            name="the account is closed",
            answer=json_answer({"code": "closed", "message": "The account is closed."}, 403),
            reason="AcmeRefused",
            says=["The account is closed."],
        ),
        Failure(
            name="an address that is none",
            inputs={"address": "acme", "account": "web"},
            reason="InvalidInputs",
            says=["`address` is not a URL"],
        ),
    ],
    quotes=lambda text: json_answer({"code": "other", "message": text}, 400),
)


@pytest.mark.parametrize("check", checks(TRIAL), ids=str)
def test_it_passes_the_suite(check: Check) -> None:
    check()
