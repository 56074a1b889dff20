"""What is said of the subject of a token that a cloud refuses."""

from __future__ import annotations

import pytest

from esc_operator.providers.aws.advice import RULES, Exchange
from esc_operator.providers.azure import errors as azure
from esc_operator.providers.claims import Claims, forgotten_account, trusted_subject
from esc_operator.providers.google import errors as google
from esc_operator.providers.refusals import Refusal

ROLE = "arn:aws:iam::123456789012:role/app"


def claims(account: str) -> Claims:
    return Claims("https://issuer.example", f"system:serviceaccount:apps:{account}", ("sts.amazonaws.com",))


def refused(account: str) -> list[str]:
    """What each cloud's refusal of the subject says."""
    exchange = Exchange(ROLE, "app", "sts.amazonaws.com", "1h", "eu-west-1", "sts", claims(account))
    aws = RULES[0].advice(exchange, Refusal("AccessDenied", "Not authorized to perform sts:AssumeRole", 403))
    application = azure.Exchange("client", "tenant", "", "api://x", "host", claims(account))
    pool = google.Exchange("//iam.googleapis.com/projects/1/p", "a@b", "1h", "host", claims(account))
    return [
        aws,
        azure._advise_credential(application, Refusal("700213", "", 400)),
        google._advise_account(pool, Refusal("PERMISSION_DENIED", "", 403)),
    ]


def test_a_forgotten_account_is_said_first_and_never_advised() -> None:
    for message in refused("default"):
        assert message.startswith(
            "this environment logs in as system:serviceaccount:apps:default, because its spec.serviceAccountName names "
            "no other ServiceAccount: set it to the one that is trusted; "
        )
        advice = message.partition("that is trusted; ")[2].replace("to system:serviceaccount:apps:default: in", "")
        assert "apps:default" not in advice
        assert "system:serviceaccount:apps:NAME" in advice


def test_an_account_that_is_named_is_advised() -> None:
    for message in refused("deployer"):
        assert "serviceAccountName" not in message
        assert "system:serviceaccount:apps:deployer" in message


@pytest.mark.parametrize("subject", ["file:/token", "system:serviceaccount:apps:default-2", "repo:a/b:default", ""])
def test_only_a_default_account_is_a_forgotten_one(subject: str) -> None:
    assert forgotten_account(Claims("i", subject, ())) == ""
    assert trusted_subject(Claims("i", subject, ())) == subject
