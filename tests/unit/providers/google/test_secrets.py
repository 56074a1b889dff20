"""gcp-secrets: what it asks for, and what it makes of a payload."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.evaluation import ReadVersion
from esc_operator.providers.google.checksums import crc32c
from esc_operator.providers.google.secrets import PROVIDER
from esc_operator.testing import FakeContext, json_answer
from unit.providers.google.trials import GIVEN_TOKEN, NAME, READING, accessed, denied

if TYPE_CHECKING:
    from esc_operator.evaluation import Opened
    from esc_operator.providers.port import HttpAnswer, HttpRequest


class Google:
    """A Secret Manager with these answers by secret."""

    def __init__(self, **secrets: HttpAnswer) -> None:
        self.secrets = secrets
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return self.secrets[request.url.partition("/secrets/")[2].partition("/")[0]]

    def open(self, inputs: dict[str, Any], **settings: str) -> Opened:
        return asyncio.run(PROVIDER.open(inputs, FakeContext(self.send, settings=settings)))

    def refuses(self, inputs: dict[str, Any]) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            self.open(inputs)
        return caught.value


def accessing(**items: Any) -> dict[str, Any]:
    return {"login": READING["login"], "access": {name: {"name": item} for name, item in items.items()}}


def holding(payload: bytes, **more: Any) -> HttpAnswer:
    return accessed(base64.b64encode(payload).decode(), **more)


def test_the_latest_version_of_the_logins_project_is_asked_for() -> None:
    google = Google(one=holding(b"1"))
    opened = google.open(accessing(a="one"))
    assert (opened.value, opened.secret, opened.lease) == ({"a": "1"}, True, None)
    (request,) = google.sent
    assert request.url == (
        "https://secretmanager.googleapis.com/v1/projects/123456789012/secrets/one/versions/latest:access"
    )
    assert request.headers["Authorization"] == f"Bearer {GIVEN_TOKEN}"


def test_a_version_and_a_secret_of_another_project_are_asked_for_by_full_name() -> None:
    google = Google(one=holding(b"1"))
    inputs = accessing(a="projects/other-project/secrets/one")
    inputs["access"]["a"]["version"] = 12.0
    google.open(inputs, CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER="https://google.example.com/")
    assert [one.url for one in google.sent] == [
        "https://google.example.com/v1/projects/other-project/secrets/one/versions/12:access"
    ]


def test_a_payload_that_is_no_text_stays_in_base64() -> None:
    opened = Google(one=holding(b"\xff\x00")).open(accessing(a="one"))
    assert opened.value == {"a": "/wA="}
    assert opened.versions == (ReadVersion(("access", "a"), "one", "5", "binary, as base64"),)
    assert Google(one=holding("é".encode())).open(accessing(a="one")).value == {"a": "é"}


def test_a_payload_without_a_checksum_is_taken_and_one_with_a_wrong_one_is_not() -> None:
    bare = json_answer({"name": f"{NAME}/versions/5", "payload": {"data": base64.b64encode(b"old").decode()}})
    assert Google(one=bare).open(accessing(a="one")).value == {"a": "old"}
    error = Google(one=holding(b"new", checksum=7)).refuses(accessing(a="one"))
    assert (error.reason, error.outage) == ("MalformedAnswer", True)


def test_each_missing_secret_is_told_with_its_own_reason() -> None:
    google = Google(
        one=holding(b"1"),
        two=denied(404, "NOT_FOUND", "Secret [projects/1/secrets/two] not found or has no versions."),
        three=denied(403, "PERMISSION_DENIED", "Permission 'secretmanager.versions.access' denied."),
    )
    error = google.refuses(accessing(a="one", b="two", c="three"))
    assert (
        "projects/123456789012/secrets/two does not exist, or has no version: correct `access.b.name`" in error.message
    )
    assert "the login may not read projects/123456789012/secrets/three" in error.message
    assert error.reason == "GCPSecretMissing"


def test_the_reason_in_the_details_decides_as_well() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
    answer = json_answer({"error": {"status": "PERMISSION_DENIED", "message": "x", "details": details}}, 403)
    assert Google(one=answer).refuses(accessing(a="one")).reason == "APIDisabled"


def test_a_refused_token_is_forgotten_with_its_login() -> None:
    answer = denied(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    assert Google(one=answer).refuses(accessing(a="one")).login_refused


@pytest.mark.parametrize("version", [0, -1, 1.5, 1e300])
def test_a_version_is_a_number_from_1(version: float) -> None:
    inputs = accessing(a="one")
    inputs["access"]["a"]["version"] = version
    assert [problem.path for problem in PROVIDER.problems(inputs)] == [("access", "a", "version")]


def test_the_checksum_is_the_castagnoli_one() -> None:
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
