"""What is sent again, after how long, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.stores.pulumi import Api
from esc_operator.stores.pulumi.requests import Call, about
from unit.stores.pulumi.operations import OPERATIONS
from unit.stores.pulumi.service import NOW, PROD, FakeService, fails, replies, run

DEFINITION = replies(200, b"values: {}", pulumi_esc_revision="1")
GONE = ProviderError("no connection", reason="Unreachable", outage=True)


@pytest.mark.parametrize(
    ("answers", "slept"),
    [
        ([replies(503)], [1.0]),
        ([replies(500), GONE, replies(502)], [1.0, 2.0, 4.0]),
        ([replies(429, retry_after="7"), replies(429)], [7.0, 2.0]),
        ([replies(503, retry_after="0")], [0.0]),
        ([replies(429, retry_after="Sun, 29 Nov 2026 12:00:20 GMT")], [20.0]),
    ],
)
def test_a_read_is_tried_again_after_as_long_as_the_service_asks_for(answers: list[Any], slept: list[float]) -> None:
    service = FakeService(*answers, DEFINITION)
    assert run(service.cloud().read(PROD)).revision == 1
    assert service.slept == slept


@pytest.mark.parametrize(
    ("answer", "reason", "slept"),
    [
        (replies(503), "PulumiCloudUnavailable", [1.0, 2.0, 4.0]),
        (GONE, "Unreachable", [1.0, 2.0, 4.0]),
        (replies(429, retry_after="31"), "Throttled", []),
        (replies(429, retry_after="20"), "Throttled", [20.0]),
        (replies(403), "PulumiAccessDenied", []),
        (ProviderError("not allowed", reason="URLNotAllowed"), "URLNotAllowed", []),
        (replies(200, b"<html>"), "NotTheAPI", []),
    ],
)
def test_what_stays_is_a_failure_after_half_a_minute_at_most(answer: Any, reason: str, slept: list[float]) -> None:
    service = FakeService(answer)
    assert fails(service.cloud().read(PROD)).reason == reason
    assert (service.slept, len(service.asked)) == (slept, len(slept) + 1)


def test_what_changes_something_is_sent_once() -> None:
    for answer in (replies(503), replies(429, retry_after="1"), GONE):
        for name in ("open", "update", "rotate", "create", "check a text"):
            service = FakeService(answer)
            fails(OPERATIONS[name].call(service.cloud()))
            assert (len(service.asked), service.slept) == (1, [])


def test_who_tries_again_by_himself_gets_one_try() -> None:
    service = FakeService(replies(429, retry_after="0"))
    failure = fails(service.cloud(patience=0).read(PROD))
    assert (failure.throttled, failure.retry_after, len(service.asked)) == (True, 0, 1)


def test_the_etag_goes_with_an_update() -> None:
    service = FakeService(replies(200, {}, pulumi_esc_revision="8"))
    updated = run(service.cloud().update(PROD, "values: {}", etag='"e7"'))
    assert (updated.revision, updated.diagnostics) == (8, ())
    assert service.asked[0].headers["ETag"] == '"e7"'
    run(service.cloud().update(PROD, "values: {}"))
    assert "ETag" not in service.asked[1].headers


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.pulumi.com",
        "ftp://api.pulumi.com",
        "https://",
        "https://user:hunter2@api.pulumi.com",
        "https://api.pulumi.com?x=hunter2",
        "https://api.pulumi.com#hunter2",
        "https://api.pulumi.com:0",
        "https://api.pulumi.com:99999",
        "https://[::1",
        "https://api.pulumi.com/a/../b",
        "https://api.pulumi.com/%2e",
        "https://äpi.pulumi.com",
        "https://api.pulumi.com/a b",
    ],
)
def test_a_url_that_is_none_is_told_without_being_shown(url: str) -> None:
    with pytest.raises(ProviderError, match="write it like https://api") as refused:
        Api(url, FakeService(replies()).send, lambda: NOW)
    assert refused.value.reason == "InvalidAPIURL"
    assert "hunter2" not in refused.value.message


@pytest.mark.parametrize("url", ["https://pulumi.example/", "https://pulumi.example//", "http://127.0.0.1:8080/base"])
def test_a_path_of_the_api_stays_and_a_slash_at_its_end_does_not(url: str) -> None:
    service = FakeService(DEFINITION)
    run(service.cloud(url=url).read(PROD))
    assert service.asked[0].url == f"{url.rstrip('/')}/api/esc/environments/acme/shop/prod"


def test_a_request_shows_neither_its_body_nor_its_headers() -> None:
    asked = about("update", PROD)
    call = Call(asked, "PATCH", PROD.path(), body=b"hunter2", headers={"ETag": "hunter2"})
    assert repr(call) == "Call(PATCH update environment acme/shop/prod)"
