"""A definition that is older than the operator is reported until it is upgraded, once each in the log."""

from __future__ import annotations

import asyncio
import copy
import logging
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import EscError, ForbiddenError, UnavailableError
from esc_operator.handlers.outdated import LOOK_SECONDS, SOON_SECONDS, Outdated
from esc_operator.manifests.crds import definitions

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW: dict[str, dict[str, Any]] = {
    body["spec"]["names"]["kind"]: body["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for body in definitions()
}
PLURALS = {body["spec"]["names"]["kind"]: body["spec"]["names"]["plural"] for body in definitions()}
LACKS = (
    "EscRotation is outdated: its CustomResourceDefinition is older than this operator and lacks spec.allowNone "
    "(kubectl apply -f crds/escrotations.yaml)"
)


def older(*fields: str) -> dict[str, dict[str, Any]]:
    schemas = copy.deepcopy(NOW)
    for field in fields:
        del schemas["EscRotation"]["properties"]["spec"]["properties"][field]
    return schemas


class Server:
    """Serves these schemas, or fails."""

    def __init__(self, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        self.schemas = schemas
        self.failure: EscError | None = None

    async def read(self) -> Mapping[str, Mapping[str, Any]]:
        if self.failure:
            raise self.failure
        return self.schemas


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def look(outdated: Outdated) -> list[str]:
    asyncio.run(outdated.look())
    return outdated.messages


def test_current_ones_are_not_mentioned(caplog: pytest.LogCaptureFixture) -> None:
    assert look(Outdated(Server(NOW), PLURALS)) == []
    assert caplog.messages == []


def test_an_older_one_is_reported_until_it_is_upgraded(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(older("allowNone"))
    outdated = Outdated(server, PLURALS)
    assert [look(outdated), look(outdated)] == [[LACKS], [LACKS]]
    assert caplog.messages == [f"{LACKS}."]
    server.schemas = NOW
    assert look(outdated) == []
    assert caplog.messages[1:] == ["EscRotation is up to date."]


def test_many_missing_fields_are_counted() -> None:
    (message,) = look(Outdated(Server(older("allowNone", "dryRun", "reason", "schedule", "suspend")), PLURALS))
    assert "lacks spec.reason, spec.allowNone, spec.dryRun and 2 more (kubectl" in message


def test_kinds_that_the_operator_does_not_work_on_or_that_are_not_served_are_left_out() -> None:
    assert look(Outdated(Server(older("allowNone")), {"EscEnvironment": "escenvironments"})) == []
    assert look(Outdated(Server({}), PLURALS)) == []


def test_what_was_found_stays_while_the_api_server_is_away(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(older("allowNone"))
    outdated = Outdated(server, PLURALS)
    look(outdated)
    server.failure = UnavailableError("away")
    assert look(outdated) == [LACKS]
    assert len(caplog.messages) == 1


def test_a_cluster_that_hides_its_schemas_is_mentioned_once(caplog: pytest.LogCaptureFixture) -> None:
    server = Server(NOW)
    server.failure = ForbiddenError("could not read /openapi/v3: forbidden")
    outdated = Outdated(server, PLURALS)
    assert [look(outdated), look(outdated)] == [[], []]
    assert caplog.messages == [
        "The definitions of the kinds cannot be compared with this version: could not read /openapi/v3: forbidden"
    ]


def test_it_looks_more_often_while_one_is_outdated() -> None:
    server, pauses = Server(older("allowNone")), list[float]()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        server.schemas = NOW
        if len(pauses) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Outdated(server, PLURALS, pause).run())
    assert pauses == [SOON_SECONDS, LOOK_SECONDS, LOOK_SECONDS]
