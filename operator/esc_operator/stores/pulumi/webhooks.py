"""The webhooks of an environment: URLs that the service calls on events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from esc_operator.stores.pulumi.answers import DamagedError, Fields, json_fields, read_json
from esc_operator.stores.pulumi.names import check_segment
from esc_operator.stores.pulumi.requests import Call, about, json_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.providers.port import HttpAnswer
    from esc_operator.stores.pulumi.names import EnvironmentName
    from esc_operator.stores.pulumi.sending import Calls


class Webhook(NamedTuple):
    """One webhook. `url` may hold a secret, as those of chat programs do. `format` is raw, slack, ms_teams or
    pulumi_deployments; `filters` and `groups` are the events that it is called for. `secret` is for new ones and
    updates, and is never answered: `has_secret` is.
    """

    name: str
    display_name: str
    url: str
    is_active: bool = True
    format: str = "raw"
    filters: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    secret: str = ""
    has_secret: bool = False

    def __repr__(self) -> str:
        return f"<Webhook {self.name}>"


class Delivery(NamedTuple):
    """One call of a webhook: `milliseconds` it took, and the status that the URL answered. What was sent and answered
    is left out: it may hold what the URL's owner keeps secret."""

    id: str
    kind: str
    timestamp: int
    milliseconds: int
    status: int


class Webhooks:
    """The webhooks of environments."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def list(self, environment: EnvironmentName) -> tuple[Webhook, ...]:
        call = Call(about("list the webhooks of", environment), "GET", _path(environment))
        return await self._calls.read(call, lambda answer: tuple(map(_webhook, _objects(answer))))

    async def read(self, environment: EnvironmentName, name: str) -> Webhook:
        call = _on("read", "GET", environment, name)
        return await self._calls.read(call, lambda answer: _webhook(json_fields(answer)))

    async def create(self, environment: EnvironmentName, webhook: Webhook) -> Webhook:
        thing = f"webhook {webhook.name} of environment {environment}"
        asked = about(f"create webhook {webhook.name} of", environment)._replace(creates=thing)
        call = Call(asked, "POST", _path(environment), body=_body(environment, webhook))
        return await self._calls.read(call, lambda answer: _webhook(json_fields(answer)))

    async def replace(self, environment: EnvironmentName, webhook: Webhook) -> Webhook:
        """Write all of a webhook; without `secret` it keeps the one that it has."""
        call = _on("update", "PATCH", environment, webhook.name)._replace(body=_body(environment, webhook))
        return await self._calls.read(call, lambda answer: _webhook(json_fields(answer)))

    async def delete(self, environment: EnvironmentName, name: str) -> None:
        await self._calls.succeed(_on("delete", "DELETE", environment, name))

    async def ping(self, environment: EnvironmentName, name: str) -> Delivery:
        """Let the service call the URL at once."""
        call = _on("ping", "POST", environment, name, "ping")
        return await self._calls.read(call, lambda answer: _delivery(json_fields(answer)))

    async def deliveries(self, environment: EnvironmentName, name: str) -> tuple[Delivery, ...]:
        call = _on("list the deliveries of", "GET", environment, name, "deliveries")
        return await self._calls.read(call, lambda answer: tuple(map(_delivery, _objects(answer))))


def _path(environment: EnvironmentName) -> tuple[str, ...]:
    return (*environment.path(), "hooks")


def _on(verb: str, method: str, environment: EnvironmentName, name: str, *rest: str) -> Call:
    asked = about(f"{verb} webhook {name} of", environment)._replace(thing=f"webhook {name}", missing="thing")
    return Call(asked, method, (*_path(environment), check_segment("webhook", name), *rest))


def _body(environment: EnvironmentName, webhook: Webhook) -> bytes:
    content: dict[str, Any] = {
        "organizationName": environment.organization,
        "projectName": environment.project,
        "envName": environment.name,
        "name": webhook.name,
        "displayName": webhook.display_name,
        "payloadUrl": webhook.url,
        "active": webhook.is_active,
        "format": webhook.format,
        "filters": webhook.filters,
        "groups": webhook.groups,
    }
    return json_body(content | ({"secret": webhook.secret} if webhook.secret else {}))


def _objects(answer: HttpAnswer) -> Iterator[Fields]:
    found = read_json(answer.body)
    if not isinstance(found, list):
        raise DamagedError("the answer is not a list")
    return (Fields(each, f"[{index}]") for index, each in enumerate(found))


def _webhook(fields: Fields) -> Webhook:
    return Webhook(
        fields.filled("name"),
        fields.text("displayName", ""),
        fields.text("payloadUrl", ""),
        fields.flag("active", default=False),
        fields.text("format", "") or "raw",
        fields.texts("filters"),
        fields.texts("groups"),
        has_secret=fields.flag("hasSecret", default=False),
    )


def _delivery(fields: Fields) -> Delivery:
    return Delivery(
        fields.filled("id"),
        fields.text("kind", ""),
        fields.whole("timestamp", 0),
        fields.whole("duration", 0),
        fields.whole("responseCode", 0),
    )
