"""The local Pulumi Cloud misbehaves when it is asked to, and says what it was asked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import urllib3

from local.pulumi_world import ORGANIZATION, E, World
from local_pulumi import RemotePulumi

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
def test_any_status_as_often_as_it_is_asked_for(pulumi: World, status: int) -> None:
    pulumi.put("values: {a: 1}")
    pulumi.cloud.add_fault(method="POST", path="*/open", status=status, message="words", retry_after="7", count=2)
    for _ in range(2):
        answer = pulumi.open()
        assert answer.refusal == (status, "words")
        assert answer.headers["retry-after"] == "7"
        assert answer.headers["x-pulumi-request-id"]
    assert pulumi.open().status == 200


def test_a_page_and_a_redirect(pulumi: World) -> None:
    pulumi.cloud.add_fault(body="<html>Sign in</html>", count=1)
    page = pulumi.open()
    assert (page.status, page.headers["content-type"], page.body) == (200, "text/html", b"<html>Sign in</html>")
    pulumi.cloud.add_fault(status=302, location="https://elsewhere.example/", count=1)
    redirect = pulumi.open()
    assert (redirect.status, redirect.headers["location"]) == (302, "https://elsewhere.example/")


def test_a_body_that_is_cut_off_and_one_that_is_large(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    pulumi.cloud.add_fault(cut_off=True, count=1)
    with pytest.raises(urllib3.exceptions.ProtocolError, match="IncompleteRead"):
        pulumi.ask("GET", E)
    pulumi.cloud.add_fault(size=5_000_000, count=1)
    assert len(pulumi.ask("GET", E).content) == 4_999_998


def test_a_late_answer_and_a_slow_one(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    for fault in ({"delay": 0.3}, {"trickle": 0.03}):
        pulumi.cloud.add_fault(**fault, count=1)
        began = time.monotonic()
        assert pulumi.ask("GET", E).body == b"values: {a: 1}"
        assert time.monotonic() - began >= 0.3


def test_an_organization_has_one_rate_for_all_of_its_tokens(pulumi: World) -> None:
    pulumi.cloud.create_organization("other")
    others = pulumi.cloud.create_token("other")
    second = pulumi.cloud.create_token(ORGANIZATION, "organization")
    pulumi.cloud.limit_rate(ORGANIZATION, 3, 60)
    answers = [pulumi.ask("GET", "/api/user", token=token) for token in (None, second, None, second)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].refusal == (429, "Too Many Requests: the organization's rate limit is exceeded")
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert pulumi.ask("GET", "/api/user", token=others).status == 200
    pulumi.cloud.limit_rate(ORGANIZATION, 0)
    assert pulumi.ask("GET", "/api/user").status == 200


def test_a_rate_is_served_again_in_the_next_window(pulumi: World) -> None:
    pulumi.cloud.limit_rate(ORGANIZATION, 1, 60)
    assert [pulumi.ask("GET", "/api/user").status for _ in range(2)] == [200, 429]
    pulumi.clock.ahead = 60
    assert pulumi.ask("GET", "/api/user").status == 200


def test_what_there_is_not_is_not_found_and_what_is_not_allowed_says_what_is(pulumi: World) -> None:
    unknown = pulumi.ask("GET", "/api/esc/nothing")
    assert (unknown.status, unknown.body) == (404, b"404 page not found\n")
    wrong = pulumi.ask("PUT", E)
    assert (wrong.status, wrong.headers["allow"]) == (405, "GET, HEAD, PATCH, DELETE")


def test_change_requests_are_off(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    for method, path in (("POST", "drafts"), ("GET", "drafts/1"), ("POST", "open/request")):
        refused = pulumi.ask(method, f"{E}/{path}")
        assert refused.refusal == (400, "Bad Request: the Approvals feature is not enabled for this organization")


def test_schedules_and_webhooks_are_data(pulumi: World) -> None:
    pulumi.put("values: {a: 1}")
    schedule = pulumi.ask("POST", f"{E}/schedules", {"scheduleCron": "0 3 * * *"}).content
    assert schedule["nextExecution"].endswith("T03:00:00.000Z")
    assert pulumi.ask("POST", f"{E}/schedules/{schedule['id']}/pause").status == 200
    assert pulumi.ask("GET", f"{E}/schedules/{schedule['id']}").content["paused"]
    for wrong in ({}, {"scheduleCron": "x"}, {"scheduleOnce": "x"}, {"scheduleCron": "0 3 * * *", "scheduleOnce": "x"}):
        assert pulumi.ask("POST", f"{E}/schedules", wrong).status == 400
    hook = {
        "name": "chat",
        "displayName": "Chat",
        "organizationName": ORGANIZATION,
        "payloadUrl": "https://chat.example/",
        "active": True,
        "secret": "hunter2",
    }
    made = pulumi.ask("POST", f"{E}/hooks", hook)
    assert (made.status, made.content["hasSecret"], b"hunter2" in made.body) == (201, True, False)
    assert pulumi.ask("POST", f"{E}/hooks", hook).status == 409
    delivery = pulumi.ask("POST", f"{E}/hooks/chat/ping").content
    assert pulumi.ask("GET", f"{E}/hooks/chat/deliveries").content == [delivery]
    assert pulumi.ask("DELETE", f"{E}/hooks/chat").status == 204


def test_another_process_administers_it_over_http(pulumi: World, tmp_path: Path) -> None:
    remote = RemotePulumi(pulumi.cloud.url, pulumi.cloud.ca_file)
    assert remote.ask("put", organization=ORGANIZATION, environment="shop/prod", text="values: {a: 1}") == 2
    token = remote.ask("create_token", organization=ORGANIZATION, kind="team", team="platform")
    assert pulumi.open(token=token).status == 200
    operation = "POST /api/esc/environments/{org}/{project}/{env}/open"
    assert remote.ask("counts") == {operation: 1}
    (recorded,) = remote.ask("requests")
    assert (recorded["operation"], recorded["token"], recorded["organization"]) == (operation, "team", ORGANIZATION)
    remote.ask("change", tells_revision_on_open=False)
    assert "pulumi-esc-revision" not in pulumi.open().headers
    for name, arguments, words in (
        ("change", {"speed": 1}, "unknown settings: speed; known: delay"),
        ("add_fault", {"stauts": 1}, "unknown in a fault: stauts; known: body"),
        ("nothing", {}, "no such page; there are: /_local/create_organization"),
        (
            "put",
            {"organization": ORGANIZATION, "environment": "a/b/c", "text": ""},
            "is not the name of an environment",
        ),
    ):
        with pytest.raises(RuntimeError, match=words):
            remote.ask(name, **arguments)
