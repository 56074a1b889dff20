"""The local Pulumi Cloud against the public description of the service's API: what differs is listed in its page.

Each operation is called once as it is meant, and then with what schemathesis makes of the description; the answers are
judged by status, content type and schema. The list in `deploy/local/local_pulumi/README.md` has to be exact.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, openapi
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import JsonSchemaError, UndefinedContentType, UndefinedStatusCode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from local.pulumi_world import ORGANIZATION, E, World
from local_pulumi.sealing import encrypt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from schemathesis import Case

_PAGE = Path(__file__).resolve().parents[2] / "deploy/local/local_pulumi/README.md"
_HEADING = "## What differs from the public description"
_BESIDE_THE_REPOSITORY = Path(__file__).resolve().parents[2].parent / "shared" / "pulumi-cloud-openapi.yaml"
_EXAMPLES = 5
_OFF = ("drafts", "open/request")
"""What an organization without approvals is refused, so that no call is as it is meant."""

_HOOK = {"displayName": "x", "organizationName": ORGANIZATION, "payloadUrl": "https://x.example", "active": True}
_CRON = {"scheduleCron": "0 3 * * *", "secretRotationRequest": {"environmentPath": ""}}
_ROTATING = "  key: {'fn::rotate::numbered': {inputs: {prefix: key-}}}\n"
_BODIES: dict[str, Any] = {
    "POST {orgName}": {"project": "shop", "name": "new"},
    "PATCH {envName}": {"values": {"a": 1}},
    "POST clone": {"name": "new"},
    "POST encrypt-secrets": {"plaintexts": ["hunter2"]},
    "POST decrypt-secrets": {"ciphertexts": [encrypt("hunter2")]},
    "POST ownership": {"githubLogin": "bob", "name": "bob", "avatarUrl": ""},
    "POST rotate": {"paths": []},
    "POST schedules": _CRON,
    "PATCH {scheduleID}": _CRON,
    "POST hooks": {"name": "new", **_HOOK},
    "PATCH {hookName}": {"name": "chat", **_HOOK},
    "PATCH settings": {"deletionProtected": True},
    "POST retract": {"reason": "leaked"},
}
"""The bodies of calls as they are meant, by method and last part of the path."""

_TAG_BODIES: dict[str, Any] = {
    "POST": {"name": "new", "value": "1"},
    "PATCH": {"currentTag": {"value": "x"}, "newTag": {"name": "team", "value": "y"}},
}
_REVISION_TAG_BODIES: dict[str, Any] = {"POST": {"name": "new", "revision": 2}, "PATCH": {"revision": 2}}


def _description() -> Path | None:
    """The file that ESC_PULUMI_DESCRIPTION names, else the one beside the repository if it is there."""
    named = os.environ.get("ESC_PULUMI_DESCRIPTION")
    if named:
        return Path(named)
    return _BESIDE_THE_REPOSITORY if _BESIDE_THE_REPOSITORY.is_file() else None


def test_what_differs_from_the_public_description_is_listed_in_the_page(pulumi: World) -> None:
    path = _description()
    if path is None:
        pytest.skip("no description of Pulumi Cloud's API: ESC_PULUMI_DESCRIPTION is not set")
    with requests.Session() as session:
        # Without the environment's proxies, and their certificates.
        session.trust_env = False
        judge = _Judge(pulumi, session)
        for result in openapi.from_path(path).include(path_regex="^/api/esc/").get_all_operations():
            assert isinstance(result, Ok), "the description cannot be read"
            operation = result.ok()
            judge.call_as_meant(operation)
            judge.call_in_other_ways(operation)
    assert sorted(judge.found) == sorted(_listed())
    assert [one for one in judge.never_served if not any(f"/{off}" in one for off in _OFF)] == []


class _Judge:
    def __init__(self, world: World, session: requests.Session) -> None:
        self._world = world
        self._session = session
        self.found: set[str] = set()
        """What differs, in the words of the page."""
        self.never_served: list[str] = []

    def call_as_meant(self, operation: Any) -> None:
        parts = _fresh(self._world)
        if "/yaml/open/" in operation.label:
            opened = self._world.ask("POST", "/api/esc/environments/acme/yaml/open", "values: {a: 1}")
            parts["openSessionID"] = opened.content["id"]
        names = [parameter.name for parameter in operation.path_parameters]
        body = _meant_body(self._world, operation.label)
        media_type = "application/x-yaml" if operation.label.endswith("{envName}") else "application/json"
        case = operation.Case(
            path_parameters={name: parts[name] for name in names},
            **({} if body is None else {"body": body, "media_type": media_type}),
        )
        if not 200 <= self._judged(case) < 300:
            self.never_served.append(operation.label)

    def call_in_other_ways(self, operation: Any) -> None:
        """With names that there are, and with any; nothing is random."""
        quiet = settings(
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=_EXAMPLES,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        names = [parameter.name for parameter in operation.path_parameters]

        def with_known_names(case: Case[Any]) -> None:
            parts = _fresh(self._world)
            case.path_parameters.update({name: parts[name] for name in names})
            self._judged(case)

        def with_any_names(case: Case[Any]) -> None:
            self._judged(case)

        ways: list[Callable[[Case[Any]], None]] = [with_known_names, *([with_any_names] if names else [])]
        for way in ways:
            decorate: Any = given(operation.as_strategy(GenerationMode.POSITIVE))
            quiet(decorate(way))()

    def _judged(self, case: Case[Any]) -> int:
        headers = {"Authorization": f"token {self._world.token}"}
        response = case.call(
            self._world.cloud.url, self._session, headers=headers, verify=str(self._world.cloud.ca_file)
        )
        try:
            # The description says `string` where names, durations and cron expressions have to stand.
            case.validate_response(response, excluded_checks=[positive_data_acceptance])
        except FailureGroup as failures:
            self.found |= {f"{_words(one)}: {case.operation.label}" for one in failures.exceptions}
        return response.status_code


def _words(failure: BaseException) -> str:
    match failure:
        case UndefinedStatusCode():
            return f"status {failure.status_code}"
        case UndefinedContentType():
            return f"content type {failure.content_type}"
        case JsonSchemaError():
            place = re.search("^Schema at (.*):$", failure.message, re.MULTILINE)
            return f"schema {place[1] if place else 'of the answer'}"
        case Failure():
            return failure.title
    return repr(failure)


def _fresh(world: World) -> dict[str, str]:
    """An environment with everything beside it, as if nothing had been called yet, and the parts of paths to it."""
    cloud = world.cloud.cloud
    cloud.environments.clear()
    cloud.deleted.clear()
    for text in ("values: {a: 1}", "values: {a: 2}", f"values:\n  a: 3\n  b: {{fn::secret: hunter2}}\n{_ROTATING}"):
        world.put(text)
    made = cloud.environment(ORGANIZATION, "shop/prod")
    made.create_tag("team", "x", cloud.now(), "ada")
    made.create_revision_tag("team", 2, cloud.now(), "ada")
    made.hooks["chat"] = {"name": "chat", **_HOOK}
    made.deliveries["chat"] = []
    event = world.ask("POST", f"{E}/hooks/chat/ping").content["id"]
    schedule = world.ask("POST", f"{E}/schedules", _CRON).content["id"]
    return {
        "orgName": ORGANIZATION,
        "projectName": "shop",
        "envName": "prod",
        "tagName": "team",
        "version": "2",
        "hookName": "chat",
        "event": event,
        "scheduleID": schedule,
        "openSessionID": world.open().content["id"],
        "providerName": "aws-login",
        "rotatorName": "numbered",
        "changeRequestID": "1",
    }


def _meant_body(world: World, label: str) -> Any:
    method, _, path = label.partition(" ")
    if path.endswith("/restore") and method == "PUT":
        world.put("", "shop/gone")
        world.ask("DELETE", "/api/esc/environments/acme/shop/gone")
        (deleted,) = world.ask("GET", "/api/esc/environments/acme/restore").content["environments"]
        return {"project": "shop", "name": "gone", "deletionTimestamp": deleted["deletedAt"]}
    if "/versions/tags" in path:
        return _REVISION_TAG_BODIES.get(method)
    if "/tags" in path:
        return _TAG_BODIES.get(method)
    return _BODIES.get(f"{method} {path.rpartition('/')[2]}")


def _listed() -> Iterator[str]:
    """The differences in the page: a list of operations below each kind."""
    _, _, section = _PAGE.read_text().partition(f"{_HEADING}\n")
    kind = ""
    for line in section.partition("\n## ")[0].splitlines():
        if line.startswith("### "):
            kind = line.removeprefix("### ").replace("`", "")
        elif line.startswith("- `"):
            yield f"{kind}: {line.removeprefix('- ').strip('`')}"
