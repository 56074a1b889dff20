"""Environments of Pulumi Cloud: what is asked, and what is made of the answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from esc_operator.stores.pulumi import DefinitionError, EnvironmentName
from esc_operator.stores.pulumi.client import go_duration
from unit.stores.pulumi.service import PROD, TOKEN, FakeService, fails, replies, run

E = "api/esc/environments/acme/shop/prod"
OPENED = {"properties": {"a": {"value": "x"}, "s": {"value": "hunter2", "secret": True}}}


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
