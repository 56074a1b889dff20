"""`fn::rotate::azure-app-secret`: the client secrets of an Entra application; one is in use, and the previous one still
works.

Inputs, state and outputs are those of Pulumi ESC. A rotation removes the previous secret, and adds another. Each is
named for the one that it follows: so a secret whose answer was lost is known as that, and the next rotation removes it.
A secret that no state of this environment leads to is left alone.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import InputProblem, Opened, Rotated
from esc_operator.formats.times import format_time, parse_time
from esc_operator.providers import reasons
from esc_operator.providers.answers import json_object
from esc_operator.providers.azure import graph_errors
from esc_operator.providers.azure.clouds import cloud_of
from esc_operator.providers.azure.entra import LOGIN, login_problems, take_token
from esc_operator.providers.azure.graph_errors import Asked
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.port import HttpRequest
from esc_operator.providers.rotating import next_state, not_rotated
from esc_operator.providers.token_endpoints import Reply, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from esc_operator.evaluation import Login
    from esc_operator.providers.azure.entra import AccessToken
    from esc_operator.providers.port import OpenContext

DEFAULT_DAYS = 180
MOST_DAYS = 730

# It becomes part of a URL.
_CLIENT = re.compile(r"[A-Za-z0-9-]{1,64}")

_SECRET: Mapping[str, Any] = {
    "type": "object",
    "required": ["secretId", "secretValue"],
    "properties": {
        "secretId": {"type": "string"},
        "secretValue": SECRET,
        "createdAt": {"type": "string"},
        "expiresAt": {"type": "string"},
    },
}
_SECRETS: Mapping[str, Any] = {
    "type": "object",
    "required": ["current"],
    "properties": {"current": _SECRET, "previous": _SECRET},
}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "clientId"],
    "additionalProperties": False,
    "rotateOnly": ["login"],
    "properties": {
        "login": LOGIN,
        "clientId": {
            "type": "string",
            "minLength": 1,
            "description": "The client ID of the application whose secrets rotate.",
        },
        "lifetimeInDays": {
            "type": "number",
            "default": DEFAULT_DAYS,
            "description": f"How long a secret lasts: 1 to {MOST_DAYS} days.",
        },
    },
}


class AzureAppSecret:
    """The rotator. One instance serves the whole process."""

    name: ClassVar[str] = "azure-app-secret"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    state: ClassVar[Mapping[str, Any]] = _SECRETS
    outputs: ClassVar[Mapping[str, Any]] = _SECRETS

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del inputs
        return host_of(cloud_of(settings).graph)

    def account(self, inputs: Mapping[str, Any]) -> str:
        """Graph counts calls by tenant; only a rotation makes any."""
        login = inputs.get("login")
        return f"tenant {login['tenantId'].lower()}" if isinstance(login, dict) else ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it uses what another login has given out."""
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        yield from login_problems(inputs)
        client, days = inputs.get("clientId"), inputs.get("lifetimeInDays")
        if isinstance(client, str) and not _CLIENT.fullmatch(client):
            message = (
                "`clientId` is not an application's client ID: write one like 11111111-1111-1111-1111-111111111111"
            )
            yield InputProblem(("clientId",), message, reasons.INVALID_INPUTS)
        if isinstance(days, int | float) and not 1 <= days <= MOST_DAYS:
            message = f"`lifetimeInDays` {days:g}: a client secret lasts 1 to {MOST_DAYS} days"
            yield InputProblem(("lifetimeInDays",), message, reasons.INVALID_INPUTS)

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        if state is None:
            raise not_rotated("client secret")
        return Opened(value=dict(state), lease=None, secret=True)

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        refuse(self.problems(inputs))
        cloud, login, days = cloud_of(context.settings), inputs["login"], inputs.get("lifetimeInDays", DEFAULT_DAYS)
        token = await take_token(login, cloud.authority, cloud.graph_scope, context)
        asked = Asked(
            host=host_of(cloud.graph),
            application=inputs["clientId"],
            client=login["clientId"],
            tenant=login["tenantId"],
            days=f"{days:g}",
            is_given=token.is_given,
        )
        application = _Application(cloud.graph, asked, token, context)
        for key in choose_unwanted(await application.listed(), state):
            await application.remove(key)
        return Rotated(next_state(state, await application.add(_name_after(state), timedelta(days=days))), secret=True)


ROTATOR = AzureAppSecret()


def choose_unwanted(listed: Sequence[Mapping[str, Any]], state: Mapping[str, Any] | None) -> list[str]:
    """The IDs of the secrets to remove: the previous one, and those that a rotation of this state has made whose answer
    was lost. Without a state nothing is known of any."""
    current = _id_of(state, "current")
    if not current:
        return []
    previous, lost = _id_of(state, "previous"), _name_after(state)
    return [
        one["keyId"]
        for one in listed
        if one["keyId"] != current and (one["keyId"] == previous or one.get("displayName") == lost)
    ]


@dataclass(frozen=True, slots=True)
class _Application:
    """The application in Graph, as its secrets go."""

    graph: str
    asked: Asked
    token: AccessToken
    context: OpenContext

    async def listed(self) -> Sequence[Mapping[str, Any]]:
        reply = await self._send("GET", "?%24select=passwordCredentials", None, 200)
        match reply.content:
            case {"passwordCredentials": [*listed]} if all(
                isinstance(one, dict) and isinstance(one.get("keyId"), str) for one in listed
            ):
                return listed
        raise graph_errors.malformed_answer(self.asked, "it has no list of secrets")

    async def remove(self, key: str) -> None:
        await self._send("POST", "/removePassword", {"keyId": key}, 204)

    async def add(self, name: str, lifetime: timedelta) -> dict[str, Any]:
        """The new secret, as the state has it."""
        now = self.context.now()
        wanted = {"displayName": name, "endDateTime": format_time(now + lifetime)}
        reply = await self._send("POST", "/addPassword", {"passwordCredential": wanted}, 200)
        match reply.content:
            case {"keyId": str() as key, "secretText": str() as text, **told} if key and text:
                starts, ends = told.get("startDateTime"), told.get("endDateTime")
            case _:
                raise graph_errors.malformed_answer(self.asked, "it has no complete secret")
        return {
            "secretId": key,
            "secretValue": text,
            "createdAt": format_time((parse_time(starts) if isinstance(starts, str) else None) or now),
            "expiresAt": format_time((parse_time(ends) if isinstance(ends, str) else None) or now + lifetime),
        }

    async def _send(self, method: str, action: str, body: Mapping[str, Any] | None, expected: int) -> Reply:
        url = f"{self.graph}/v1.0/applications(appId='{self.asked.application}'){action}"
        headers = {"Accept": "application/json", "Authorization": f"Bearer {self.token.text}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        encoded = None if body is None else json.dumps(body).encode()
        answer = await self.context.send(HttpRequest(method, url, headers, encoded))
        reply = Reply(answer.status, answer.headers, json_object(answer.body))
        if reply.status == expected:
            return reply
        if 200 <= reply.status < 300:
            raise graph_errors.malformed_answer(self.asked, f"it has the status {reply.status}")
        raise graph_errors.translate(reply, self.asked, self.context.now())


def _id_of(state: Mapping[str, Any] | None, which: str) -> str:
    return str(((state or {}).get(which) or {}).get("secretId") or "")


def _name_after(state: Mapping[str, Any] | None) -> str:
    """The display name of the secret that follows the state's current one."""
    current = _id_of(state, "current")
    return f"esc-operator, after {current}" if current else "esc-operator"
