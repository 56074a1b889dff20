"""Environments of Pulumi Cloud: what is asked, and what is made of the answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from esc_operator.stores.pulumi import DefinitionError, EnvironmentName
from esc_operator.stores.pulumi.client import go_duration
from unit.stores.pulumi.operations import OPENED, OPERATIONS, RETRACTED, REVISION, E
from unit.stores.pulumi.service import PROD, TOKEN, URL, FakeService, fails, replies, run


def test_opening_and_reading_take_two_requests() -> None:
    service = FakeService(replies(200, {"id": "s-1"}, pulumi_esc_revision="7"), replies(200, OPENED))
    cloud = service.cloud()

    async def opened() -> Any:
        session = await cloud.open(PROD, duration=timedelta(minutes=90))
        assert (session.revision, session.diagnostics, repr(session)) == (7, (), "<Session of acme/shop/prod>")
        return await cloud.read_session(session)

    value = run(opened())
    assert value.reveal() == {"a": "x", "s": "hunter2"}
    assert service.lines == [f"POST {E}/open?duration=1h30m0s", f"GET {E}/open/s-1"]
    for request in service.asked:
        assert request.headers["Authorization"] == f"token {TOKEN}"
        assert request.headers["Accept"] == "application/vnd.pulumi+8"


@pytest.mark.parametrize("version", ["stable", "12", "latest"])
def test_a_version_is_opened_and_its_session_is_the_environments(version: str) -> None:
    service = FakeService(replies(200, {"id": "s-1"}), replies(200, OPENED))
    cloud = service.cloud()

    async def opened() -> None:
        session = await cloud.open(PROD, version)
        assert session.revision is None
        await cloud.read_session(session)

    run(opened())
    assert service.lines == [f"POST {E}/versions/{version}/open?duration=2h0m0s", f"GET {E}/open/s-1"]


def test_one_property_is_asked_for_by_its_path() -> None:
    service = FakeService(replies(200, {"id": "s-1"}), replies(200, {"value": [{"value": 1.50}], "trace": {}}))
    cloud = service.cloud()

    async def opened() -> Any:
        return await cloud.read_session(await cloud.open(PROD), 'aws["a b"].login')

    assert run(opened()).reveal() == [1.5]
    assert service.lines[1] == f"GET {E}/open/s-1?property=aws%5B%22a+b%22%5D.login"


def test_warnings_of_an_open_are_kept_and_errors_are_a_failure_with_all_of_them() -> None:
    where = {"environment": "prod", "begin": {"line": 3, "column": 5, "byte": 20}, "end": {"line": 3, "column": 9}}
    warning = {"summary": "deprecated", "severity": "warning", "range": where}
    service = FakeService(replies(200, {"id": "s-1", "diagnostics": [warning]}))
    (found,) = run(service.cloud().open(PROD)).diagnostics
    assert (found.is_error, found.summary, found.range and found.range.begin) == (False, "deprecated", (3, 5, 20))

    errors = [{"summary": "no matching item", "range": where}, {"summary": "b", "path": "values.b"}, {}, {"summary": 1}]
    failure = fails(FakeService(replies(400, {"code": 400, "diagnostics": errors})).cloud().open(PROD))
    assert isinstance(failure, DefinitionError)
    assert failure.reason == "DefinitionHasErrors"
    assert [(each.summary, each.path) for each in failure.diagnostics[:2]] == [
        ("no matching item", ""),
        ("b", "values.b"),
    ]
    assert failure.message == (
        "Pulumi Cloud could not open environment acme/shop/prod: prod:3:5: no matching item; values.b: b; the service "
        "found an error, and does not say which (and 1 more finding); correct acme/shop/prod there"
    )


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a%2fb", "a\\b", "a b", "a?b", "a#b", "a\n", "ä", "x" * 101, "a:b", "a@b"],
)
def test_a_name_that_none_can_have_is_refused_before_anything_is_asked(name: str) -> None:
    for environment in (PROD._replace(organization=name), PROD._replace(project=name), PROD._replace(name=name)):
        service = FakeService(replies(200))
        failure = fails(service.cloud().open(environment))
        assert (failure.reason, service.asked) == ("InvalidName", [])
        assert failure.message.isprintable()


@pytest.mark.parametrize("version", [".", "..", "a/b", "a%2f", "tags", "a?b", "a#b", "a\nb", "x" * 301])
def test_a_version_never_changes_the_path(version: str) -> None:
    service = FakeService(replies(200))
    assert (fails(service.cloud().open(PROD, version)).reason, service.asked) == ("InvalidName", [])


@pytest.mark.parametrize("identifier", ["..", "a/../../b", "%2e%2e", "a?b", "a\r\nb", "", 7, None])
def test_an_id_that_would_change_the_path_is_no_id(identifier: Any) -> None:
    failure = fails(FakeService(replies(200, {"id": identifier})).cloud().open(PROD))
    assert failure.reason == "MalformedAnswer"
    assert "id " in failure.message


def test_durations_are_written_as_go_writes_them() -> None:
    assert [go_duration(timedelta(seconds=each)) for each in (3600, 5430, 59.9)] == ["1h0m0s", "1h30m30s", "0h0m59s"]


def test_a_name_is_shown_as_people_write_it() -> None:
    assert str(EnvironmentName("acme", "shop", "prod")) == "acme/shop/prod"


def test_a_definition_has_its_text_its_revision_and_its_etag() -> None:
    text = "values:\n  <<: {a: ä}\n"
    stored = run(FakeService(replies(200, text.encode(), pulumi_esc_revision="7", etag='"e7"')).cloud().read(PROD))
    assert (stored.text, stored.revision, stored.etag) == (text, 7, '"e7"')
    assert repr(stored) == "<StoredText, revision 7>"
    assert run(FakeService(replies(200, b"", pulumi_esc_revision="1")).cloud().read(PROD)).text == ""
    for revision in ({}, {"pulumi_esc_revision": "x"}, {"pulumi_esc_revision": "-1"}):
        failure = fails(FakeService(replies(200, b"", **revision)).cloud().read(PROD))
        assert "the header Pulumi-ESC-Revision is missing, or no number" in failure.message
    assert "not UTF-8" in fails(FakeService(replies(200, b"\xff", pulumi_esc_revision="1")).cloud().read(PROD)).message


def test_errors_of_a_check_are_its_result() -> None:
    finding = {"summary": "unknown property", "severity": "error"}
    for answer in (replies(400, {"code": 400, "diagnostics": [finding]}), replies(200, {"diagnostics": [finding]})):
        checked = run(FakeService(answer).cloud().check_text("acme", "values: {}"))
        assert (checked.value, [each.summary for each in checked.diagnostics]) == (None, ["unknown property"])
    warning = {"summary": "w", "severity": "warning"}
    checked = run(FakeService(replies(200, {**OPENED, "diagnostics": [warning]})).cloud().check(PROD))
    assert checked.value is not None
    assert (checked.value.reveal()["a"], len(checked.diagnostics)) == ("x", 1)
    assert fails(FakeService(replies(400, {"code": 400, "message": "too long"})).cloud().check(PROD)).reason == (
        "PulumiCloudRefused"
    )


def test_a_text_is_opened_and_read_without_being_stored() -> None:
    service = FakeService(replies(200, {"id": "s-1"}), replies(200, OPENED))
    cloud = service.cloud()

    async def opened() -> Any:
        return await cloud.read_session(await cloud.open_text("acme", "values: {a: x}", timedelta(minutes=5)))

    assert run(opened()).reveal()["a"] == "x"
    assert service.lines == [
        "POST api/esc/environments/acme/yaml/open?duration=0h5m0s",
        "GET api/esc/environments/acme/yaml/open/s-1",
    ]
    assert service.asked[0].body == b"values: {a: x}"


def test_a_rotation_tells_what_failed() -> None:
    event = run(OPERATIONS["rotate"].call(FakeService(OPERATIONS["rotate"].answer).cloud()))
    assert (event.status, event.revision) == ("failed", 4)
    assert [(each.path, each.error) for each in event.failed] == [("iam", "no rights")]


def test_conflicts_are_told_apart() -> None:
    def conflict(operation: str, words: str) -> tuple[str, str]:
        answer = replies(409, {"code": 409, "message": words})
        failure = fails(OPERATIONS[operation].call(FakeService(answer).cloud()))
        return failure.reason, failure.message

    assert conflict("update", "Conflict: etag mismatch")[0] == "EnvironmentChanged"
    assert conflict("delete", "Conflict: environment is deletion protected") == (
        "DeletionProtected",
        "environment acme/shop/prod is protected against deletion (409): turn off its deletion protection first",
    )
    assert conflict("create", "Conflict: environment already exists") == (
        "AlreadyExists",
        f"environment {PROD} exists already at {URL} (409): choose another name, or delete it first",
    )
    assert conflict("clone", "")[1].startswith("environment acme/shop/copy exists already")
    assert conflict("create a tag", "Tag already exists")[1].startswith("tag a:b of environment acme/shop/prod exists")
    assert conflict("create a webhook", "")[0] == "AlreadyExists"


def test_what_is_missing_is_told_by_its_name() -> None:
    def missing(operation: str, words: str) -> tuple[str, str]:
        answer = replies(404, {"code": 404, "message": words})
        failure = fails(OPERATIONS[operation].call(FakeService(answer).cloud()))
        return failure.reason, failure.message.partition(",")[0].partition(" (")[0]

    assert missing("read a tag", "Not Found: tag") == ("ItemNotFound", "environment acme/shop/prod has no tag team")
    assert missing("update a tag", "Not Found: environment tag")[0] == "ItemNotFound"
    assert missing("read a tag", "Not Found: environment")[0] == "EnvironmentNotFound"
    assert missing("read a webhook", "Not Found: Webhook")[1] == "environment acme/shop/prod has no webhook chat"
    assert missing("read a schedule", "")[1] == "environment acme/shop/prod has no schedule sch-1"
    assert (
        missing("read a revision tag", "Not Found: revision tag")[1] == "environment acme/shop/prod has no tag stable"
    )
    assert missing("create", "Not Found: organization") == (
        "OrganizationNotFound",
        "there is no organization acme at https://api.pulumi.com",
    )


@pytest.mark.parametrize("words", ["Not Found: revision", "revision was retracted"])
def test_a_retracted_revision_is_told_with_its_replacement(words: str) -> None:
    refused = replies(404, {"code": 404, "message": words})
    for opens in (True, False):
        service = FakeService(refused, replies(200, [REVISION | {"number": 3, "retracted": RETRACTED}]))
        cloud = service.cloud()
        failure = fails(cloud.open(PROD, "3") if opens else cloud.read(PROD, "3"))
        assert (failure.reason, failure.message) == (
            "RevisionRetracted",
            f'revision 3 of environment {PROD} was retracted (reason: "leaked"): use revision 1 instead, or a tag',
        )
        assert service.lines[1] == f"GET {E}/versions?before=4&count=1"


def test_a_revision_that_was_not_retracted_is_just_not_there() -> None:
    refused = replies(404, {"code": 404, "message": "Not Found: revision"})
    for second in (replies(200, []), replies(403), replies(200, [REVISION]), replies(200, b"x")):
        service = FakeService(refused, second)
        assert fails(service.cloud().open(PROD, "3")).reason == "VersionNotFound"
        assert len(service.asked) == 2
    service = FakeService(refused)
    assert fails(service.cloud().open(PROD, "stable")).reason == "VersionNotFound"
    assert len(service.asked) == 1


def test_the_user_and_the_default_organization() -> None:
    user = run(OPERATIONS["user"].call(FakeService(OPERATIONS["user"].answer).cloud()))
    assert (user.login, user.organizations, user.token_team) == ("jane", ("acme",), "platform")
    assert run(FakeService(replies(200, {"githubLogin": "jane"})).cloud().user()).token_name == ""
    assert run(FakeService(replies(200, {"gitHubLogin": "acme"})).cloud().default_organization()) == "acme"
    assert run(FakeService(replies(404, {"code": 404, "message": "x"})).cloud().default_organization()) is None
    assert run(FakeService(replies(200, {})).cloud().default_organization()) is None
    assert (
        fails(FakeService(replies(404, b"404 page not found\n")).cloud().default_organization()).reason == "NotTheAPI"
    )
