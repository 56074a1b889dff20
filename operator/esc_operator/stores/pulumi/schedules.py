"""The schedules by which the service rotates an environment's secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.formats.phrases import printable
from esc_operator.formats.times import format_time
from esc_operator.stores.pulumi.answers import json_fields
from esc_operator.stores.pulumi.names import check_segment
from esc_operator.stores.pulumi.requests import Call, about, json_body

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.stores.pulumi.answers import Fields
    from esc_operator.stores.pulumi.names import EnvironmentName
    from esc_operator.stores.pulumi.sending import Calls


class Schedule(NamedTuple):
    """One schedule: `cron`, or one time. `path` is the secret that is rotated, "" for all of the environment."""

    id: str
    kind: str
    cron: str
    once: datetime | None
    path: str
    is_paused: bool
    last_executed: datetime | None
    next_execution: datetime | None


class Execution(NamedTuple):
    """One run of a schedule, and what came of it, in the service's word."""

    id: str
    executed: datetime | None
    result: str


class Schedules:
    """The schedules of environments. A new one is a cron expression, or one time."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, environment: EnvironmentName) -> tuple[Schedule, ...]:
        call = Call(about("list the schedules of", environment), "GET", _path(environment))
        return await self._calls.read(
            call, lambda answer: tuple(map(_schedule, json_fields(answer).objects("schedules", required=True)))
        )

    async def read(self, environment: EnvironmentName, identifier: str) -> Schedule:
        call = _on("read", "GET", environment, identifier)
        return await self._calls.read(call, lambda answer: _schedule(json_fields(answer)))

    async def create(self, environment: EnvironmentName, when: str | datetime, path: str = "") -> Schedule:
        asked = about("create a schedule of", environment)
        call = Call(asked, "POST", _path(environment), body=_body(when, path))
        return await self._calls.read(call, lambda answer: _schedule(json_fields(answer)))

    async def update(
        self, environment: EnvironmentName, identifier: str, when: str | datetime, path: str = ""
    ) -> Schedule:
        call = _on("update", "PATCH", environment, identifier)._replace(body=_body(when, path))
        return await self._calls.read(call, lambda answer: _schedule(json_fields(answer)))

    async def delete(self, environment: EnvironmentName, identifier: str) -> None:
        await self._calls.succeed(_on("delete", "DELETE", environment, identifier))

    async def pause(self, environment: EnvironmentName, identifier: str) -> None:
        await self._calls.succeed(_on("pause", "POST", environment, identifier, "pause"))

    async def resume(self, environment: EnvironmentName, identifier: str) -> None:
        await self._calls.succeed(_on("resume", "POST", environment, identifier, "resume"))

    async def history(self, environment: EnvironmentName, identifier: str) -> tuple[Execution, ...]:
        call = _on("read the history of", "GET", environment, identifier, "history")
        return await self._calls.read(
            call, lambda answer: tuple(map(_execution, json_fields(answer).objects("scheduleHistoryEvents")))
        )


def _path(environment: EnvironmentName) -> tuple[str, ...]:
    return (*environment.path(), "schedules")


def _on(verb: str, method: str, environment: EnvironmentName, identifier: str, *rest: str) -> Call:
    asked = about(f"{verb} schedule {identifier} of", environment)
    asked = asked._replace(thing=f"schedule {identifier}", missing="thing")
    return Call(asked, method, (*_path(environment), check_segment("schedule", identifier), *rest))


def _body(when: str | datetime, path: str) -> bytes:
    timing = {"scheduleCron": when} if isinstance(when, str) else {"scheduleOnce": format_time(when)}
    return json_body({**timing, "secretRotationRequest": {"environmentPath": path}})


def _schedule(fields: Fields) -> Schedule:
    definition = fields.object("definition")
    return Schedule(
        fields.filled("id"),
        fields.text("kind", ""),
        fields.text("scheduleCron", ""),
        fields.time("scheduleOnce"),
        definition.text("environmentPath", "") if definition else "",
        fields.flag("paused", default=False),
        fields.time("lastExecuted"),
        fields.time("nextExecution"),
    )


def _execution(fields: Fields) -> Execution:
    return Execution(fields.filled("id"), fields.time("executed"), printable(fields.text("result", "")))
