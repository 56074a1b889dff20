"""The trials of the adapter's provider and rotator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.providers.external.provider import External
from esc_operator.providers.external.rotator import ExternalRotator
from esc_operator.testing import Failure, Trial, json_answer, text_answer

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

URL = "https://adapter-1.example.com/secrets"
VALUE = "value-that-an-adapter-answers"
OLD = "value-that-it-answered-before"
ASKED = "secret-in-the-request"
INPUTS = {"url": URL, "request": {"key": ASKED}}


def failing(name: str, answer: HttpAnswer, reason: str, *says: str, outage: bool = False) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=says, outage=outage)


FAILURES = [
    failing(
        "a token that the adapter does not accept",
        text_answer("unauthorized", 401),
        "AdapterTokenRefused",
        "it has to trust the issuer https://oidc.example.com/clusters/1",
        "has no `body_hash`",
    ),
    failing(
        "a subject that the adapter does not serve",
        json_answer({"error": "no"}, 403),
        "AdapterAccessDenied",
        "does not serve system:serviceaccount:apps:web",
    ),
    failing("nothing at the URL", text_answer("not found", 404), "AdapterMissing", "correct its path"),
    failing("a request that it refuses", text_answer("bad", 400), "AdapterRequestRefused", "correct `request`"),
    failing("a status other than 200", text_answer("", 204), "MalformedAnswer", "it has to be 200", outage=True),
    failing("a list", json_answer([1]), "MalformedAnswer", "is not a JSON object", outage=True),
    Failure(
        name="a URL with a password",
        inputs={"url": "https://me:password@adapter.example.com"},
        reason="InvalidInputs",
        says=["write one such as https://adapter.example.com/secrets"],
    ),
]

TRIALS = [
    Trial(
        plugin=External,
        inputs=INPUTS,
        answers=[json_answer({"password": VALUE})],
        secrets=[VALUE, ASKED],
        failures=FAILURES,
        counterpart="stand-in",
    ),
    Trial(
        title="the rotator",
        plugin=ExternalRotator,
        inputs=INPUTS,
        answers=[json_answer({"password": VALUE})],
        state={"current": {"password": OLD}},
        secrets=[VALUE, OLD, ASKED],
        failures=FAILURES,
        counterpart="stand-in",
    ),
]
