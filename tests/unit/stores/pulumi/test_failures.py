"""Each failure has a reason of its own, and says what happened, where, and what to do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.providers.port import HttpAnswer
from esc_operator.stores.pulumi import AccessToken, EnvironmentName, GivenToken, Session
from unit.stores.pulumi.service import PROD, TOKEN, URL, FakeService, fails, replies

SESSION = Session((*PROD.path(), "open", "s-1"), "acme", "acme/shop/prod")
NOT_FOUND = {"code": 404, "message": "Not Found: environment"}


def opening(answer: Any, version: str = "") -> ProviderError:
    return fails(FakeService(answer).cloud(patience=0).open(PROD, version))


def reading(answer: Any, path: str = "") -> ProviderError:
    return fails(FakeService(answer).cloud(patience=0).read_session(SESSION, path))


OPENING: list[tuple[str, str, Any, str]] = [
    (
        "PulumiTokenRefused",
        "",
        replies(401, {"code": 401, "message": "Unauthorized"}),
        (
            "HOST does not accept the access token (401) when asked to open ENV: it"
            ' is wrong, has expired or was revoked; replace it with a new one (Pulumi Cloud says: "Unauthorized")'
        ),
    ),
    (
        "PulumiAccessDenied",
        "",
        replies(403),
        (
            "the access token may not open ENV (403): give its user, team or organization that "
            "permission in Pulumi Cloud, or use another token"
        ),
    ),
    (
        "EnvironmentNotFound",
        "",
        replies(404, NOT_FOUND),
        (
            "there is no ENV at HOST, or the access token may not see it (404): "
            "correct the name, create it, or give the token's user or team access to it"
        ),
    ),
    ("EnvironmentNotFound", "stable", replies(404, NOT_FOUND), "there is no ENV at …"),
    (
        "OrganizationNotFound",
        "",
        replies(404, {"code": 404, "message": "Not Found: organization 'acme'"}),
        (
            "there is no organization acme at HOST, or the access token may not see it (404): correct the "
            "name, or use a token of that organization"
        ),
    ),
    (
        "VersionNotFound",
        "stable",
        replies(404, {"code": 404, "message": "Not Found: revision tag"}),
        ('ENV has no revision or tag "stable" (404): correct the version, or tag a revision with it'),
    ),
    ("VersionNotFound", "9", replies(404, {}), 'ENV has no revision or tag "9" (404): …'),
    (
        "RevisionRetracted",
        "3",
        replies(404, {"message": "revision 3 was retracted: use 2"}),
        (
            "revision 3 of ENV was retracted (404): use a later revision, or a tag (Pulumi Cloud "
            'says: "revision 3 was retracted: use 2")'
        ),
    ),
    (
        "EnvironmentChanged",
        "",
        replies(409),
        "ENV was changed by somebody else in the meantime (409): read it again, and try once more",
    ),
    (
        "Throttled",
        "",
        replies(429, retry_after="30"),
        (
            "HOST limits the rate of requests of organization acme (429): wait 30 s, send fewer, or ask Pulumi for a "
            "higher limit"
        ),
    ),
    (
        "PulumiCloudUnavailable",
        "",
        replies(503, b"<html>busy</html>", x_pulumi_request_id="r-7"),
        "HOST failed (503, request r-7) when asked to open ENV: wait until it serves again",
    ),
    (
        "Redirected",
        "",
        replies(302, location="https://evil.example/login?token=hunter2"),
        (
            "HOST answered with a redirect to https://evil.example (302), which is not followed, because "
            "the token would go along: set the URL of the API itself, such as HOST"
        ),
    ),
    (
        "Redirected",
        "",
        replies(308, location="/elsewhere"),
        "HOST answered with a redirect to another …",
    ),
    ("Redirected", "", replies(301), "HOST answered with a redirect to another path (301), which …"),
    (
        "Redirected",
        "",
        replies(302, location="https://["),
        "HOST answered with a redirect to [unreadable] (302), which…",
    ),
    (
        "NotTheAPI",
        "",
        replies(200, b"<!doctype html>", content_type="text/html; charset=utf-8"),
        (
            "HOST answered with an HTML page (200) when asked to open ENV: a website"
            " or a proxy answers there, not the API; set the URL of the API, such as HOST"
        ),
    ),
    ("NotTheAPI", "", replies(403, b" <html>"), "HOST answered with an HTML page (403) when asked…"),
    (
        "NotTheAPI",
        "",
        replies(404, b"404 page not found\n"),
        "HOST answered that it does not know this path (404) when asked to open…",
    ),
    (
        "MalformedAnswer",
        "",
        replies(200, b'{"id": "s-'),
        (
            "HOST, asked to open ENV, sent an answer that makes no sense: it is not JSON, or was cut off, against what "
            "the API promises; a proxy or another service may be answering in its place"
        ),
    ),
    (
        "MalformedAnswer",
        "",
        replies(200, {}),
        "HOST, asked to open ENV, sent an…",
    ),
    (
        "AnswerTooLarge",
        "",
        replies(200, b"x" * ((1 << 20) + 1)),
        (
            "HOST answered with more than 1048576 bytes when asked to open ENV: a "
            "Secret cannot hold as much; export less from one environment, or ask for one property"
        ),
    ),
    (
        "AnswerTooLarge",
        "",
        ProviderError("too much", reason="AnswerTooLarge"),
        "HOST answered with more than 1048576 bytes when asked to open ENV…",
    ),
    ("AnswerTimeout", "", ProviderError("slow", reason="AnswerTimeout", outage=True), "slow"),
    (
        "PulumiCloudRefused",
        "",
        replies(400, {"code": 400, "message": "Bad Request: duration too long"}),
        "HOST refused to open ENV (400): Bad Request: duration too long",
    ),
]


@pytest.mark.parametrize(("reason", "version", "answer", "message"), OPENING)
def test_a_failure_says_what_and_where_and_what_to_do(reason: str, version: str, answer: Any, message: str) -> None:
    failure = opening(answer, version)
    assert failure.reason == reason
    said = failure.message.replace(URL, "HOST").replace("environment acme/shop/prod", "ENV")
    assert said == message or (message.endswith("…") and said.startswith(message[:-1]))


def test_what_is_tried_again_is_declared() -> None:
    throttled = opening(replies(429, retry_after="30"))
    assert (throttled.throttled, throttled.outage, throttled.retry_after) == (True, True, 30)
    assert opening(replies(502)).outage
    assert opening(replies(200, b"{")).outage
    for status in (400, 401, 403, 404, 409):
        assert not opening(replies(status)).outage


@pytest.mark.parametrize(
    ("words", "path", "reason"),
    [
        ("Not Found: session", "", "SessionNotFound"),
        ("", "", "SessionNotFound"),
        ("Not Found: environment", "", "EnvironmentNotFound"),
        ("Not Found: path", "aws.login", "PropertyNotFound"),
        ("open session not found", "aws.login", "SessionNotFound"),
        ("", "aws.login", "PropertyNotFound"),
    ],
)
def test_a_session_that_is_gone_and_a_property_that_is_not_there_are_told_apart(
    words: str, path: str, reason: str
) -> None:
    failure = reading(replies(404, {"code": 404, "message": words}), path)
    assert failure.reason == reason


def test_a_path_of_several_lines_is_told_on_one() -> None:
    assert "no property a?b," in reading(replies(404, {}), "a\nb").message


def test_a_session_that_is_gone_is_opened_again() -> None:
    assert reading(replies(404, {})).message == (
        "the session in which environment acme/shop/prod was opened is gone (404): open the environment again"
    )
    assert reading(replies(404, {}), "a.b").message == (
        "opened environment acme/shop/prod has no property a.b, or the access token may not see it (404): correct the "
        "path, or leave it out to see what there is"
    )


@given(
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["content-type", "location", "retry-after", "x-pulumi-request-id"]), st.text()),
    st.sampled_from([b"", b"<html>", b"[", b"null", b"[1]", b'"text"'])
    | st.text().map(lambda text: b'{"message": "%s", "code": 1}' % text.encode(errors="replace"))
    | st.binary(max_size=40),
)
def test_every_answer_is_a_result_or_a_failure_on_one_line(status: int, headers: dict[str, str], body: bytes) -> None:
    answer = HttpAnswer(status, headers, body)
    for failure in (opening(answer, "stable"), reading(answer)) if not 200 <= status < 300 else ():
        assert failure.reason
        assert failure.message.isprintable()


def test_no_token_and_nothing_like_one_is_repeated() -> None:
    for token in (TOKEN, "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln", "AKIAIOSFODNN7EXAMPLE"):
        for answer in (
            replies(403, {"message": f"no rights for {token}"}),
            replies(400, {"diagnostics": [{"summary": f"bad {token}"}]}),
            replies(500, {"message": token}, x_pulumi_request_id=token),
        ):
            assert token not in opening(answer).message
    service = FakeService(replies(403, {"message": "no rights for short-token"}))

    assert "short-token" not in fails(service.cloud(GivenToken(AccessToken("short-token"))).open(PROD)).message


def test_a_name_that_is_a_word_of_the_service_decides_nothing() -> None:
    for name in ("session", "organization", "retracted", "revision", "tag"):
        environment = EnvironmentName("acme", name, name)
        for words in (f"Not Found: environment '{environment}' not found", f"no environment {environment}"):
            answer = replies(404, {"code": 404, "message": words})
            failure = fails(FakeService(answer).cloud().open(environment, "stable"))
            assert failure.reason == "EnvironmentNotFound", words
