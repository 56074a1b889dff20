"""`fn::open::doppler-secrets`: secrets of one config of a project, all of them by one request.

Inputs and outputs are those of Pulumi ESC. A value is what Doppler computes: references to other secrets are resolved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem, Opened
from esc_operator.providers import reasons as common
from esc_operator.providers.doppler import reasons
from esc_operator.providers.doppler.api import api_url, words_of
from esc_operator.providers.json_api import Asked, ask, has, malformed, request, translate
from esc_operator.providers.login_inputs import SECRET, refuse, token_problems
from esc_operator.providers.reading import together
from esc_operator.providers.refusals import Refusal, Rule
from esc_operator.providers.token_endpoints import host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import Login
    from esc_operator.providers.json_api import Reply
    from esc_operator.providers.port import OpenContext

MOST_SECRETS = 100
"""How many secrets one call reads: their names are part of one URL."""

_TEXT = {"type": "string", "minLength": 1}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["config", "get", "login", "project"],
    "additionalProperties": False,
    "properties": {
        "login": {
            "type": "object",
            "title": "DopplerLogin",
            "description": "The outputs of doppler-login, or a token of a service account.",
            "required": ["accessToken"],
            "properties": {"accessToken": {**SECRET, "minLength": 1, "description": "The access token."}},
        },
        "project": {**_TEXT, "description": "The project."},
        "config": {**_TEXT, "description": "The config, such as prd."},
        "get": {
            "type": "object",
            "description": "What to read, by the name that it gets in the outputs.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "title": "DopplerSecretsGet",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {"name": {**_TEXT, "description": "The secret's name at Doppler."}},
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "description": "By name, the value of the secret.",
    "additionalProperties": {"type": "string"},
}


@dataclass(frozen=True, slots=True)
class _Reading(Asked):
    project: str = ""
    config: str = ""


class DopplerSecrets:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "doppler-secrets"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del inputs
        return host_of(api_url(settings))

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"project {inputs['project']}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        get = inputs.get("get")
        if not isinstance(get, dict):
            return
        if len(get) > MOST_SECRETS:
            message = f"one call reads {MOST_SECRETS} secrets at most, and these are {len(get)}: split them"
            yield InputProblem(("get",), message, common.INVALID_INPUTS)
        for name, one in get.items():
            wanted = one.get("name") if isinstance(one, dict) else None
            if isinstance(wanted, str) and not _NAME.fullmatch(wanted):
                message = f"`get.{name}.name` is not the name of a secret: write one such as API_KEY"
                yield InputProblem(("get", name, "name"), message, common.INVALID_INPUTS)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        token = inputs["login"]["accessToken"]
        refuse(token_problems(token, "login", "accessToken"))
        project, config = inputs["project"], inputs["config"]
        what = f"the secrets of the project {project}, config {config}"
        api = api_url(context.settings)
        asked = _Reading(host_of(api), what, project=project, config=config)
        names = sorted({one["name"] for one in inputs["get"].values()})
        query = {"project": project, "config": config, "secrets": ",".join(names), "include_dynamic_secrets": "false"}
        url = f"{api}/v3/configs/config/secrets?{urlencode(query)}"
        reply = await ask(context, request("GET", url, bearer=token))
        found = _found(reply, asked, context)
        _refuse_missing(found, inputs["get"], asked)
        return Opened({name: found[one["name"]] for name, one in inputs["get"].items()})


PROVIDER = DopplerSecrets()


def _found(reply: Reply, asked: _Reading, context: OpenContext) -> Mapping[str, str | None]:
    """By name at Doppler, the value, or None where Doppler hides it."""
    if reply.status == 401 and reply.content is not None:
        message = (
            f"{asked.host} does not know the token in `login.accessToken`: it is wrong, has expired or was revoked"
        )
        raise ProviderError(message, reason=reasons.TOKEN_REFUSED, login_refused=True)
    if reply.status != 200 or reply.content is None:
        raise translate(_RULES, reply, words_of(reply), asked, context.now())
    secrets = reply.content.get("secrets")
    if not isinstance(secrets, dict):
        raise malformed(asked, "it has no secrets")
    found: dict[str, str | None] = {}
    for name, one in secrets.items():
        match one:
            case {"computed": str() | None as value}:
                found[name] = value
            case _:
                raise malformed(asked, "a secret has no value")
    return found


def _refuse_missing(found: Mapping[str, str | None], get: Mapping[str, Any], asked: _Reading) -> None:
    """All that cannot be had, each at its own input: there is no half of an answer."""
    where = f"the config {asked.config} of the project {asked.project} at {asked.host}"
    failures: dict[str, ProviderError] = {}
    for name, one in get.items():
        wanted = one["name"]
        if wanted not in found:
            message = f"{where} has no secret {wanted}: correct `get.{name}.name`, or add it there"
            failures[name] = ProviderError(message, reason=reasons.SECRET_MISSING)
        elif found[wanted] is None:
            message = f"the visibility of {wanted} in {where} is restricted, which hides its value: make it masked"
            failures[name] = ProviderError(message, reason=reasons.SECRET_RESTRICTED)
    if failures:
        raise together("get", failures)


def _advise_access(asked: _Reading, _: Refusal) -> str:
    return (
        f"the service account has no access to the config {asked.config} of the project {asked.project} at"
        f" {asked.host}: give it access there"
    )


def _advise_project(asked: _Reading, _: Refusal) -> str:
    return f"{asked.host} has no project {asked.project} that the service account may see: correct `project`"


def _advise_config(asked: _Reading, _: Refusal) -> str:
    return f"the project {asked.project} at {asked.host} has no config {asked.config}: correct `config`"


def _advise_secret(asked: _Reading, refusal: Refusal) -> str:
    return (
        f"the config {asked.config} of the project {asked.project} at {asked.host} lacks a secret (it says:"
        f" {refusal.text}): correct the names"
    )


_RULES: tuple[Rule[_Reading], ...] = (
    Rule(has(400, 403, 404, words="does not have access"), reasons.ACCESS_DENIED, _advise_access),
    Rule(has(400, 404, words="requested secret"), reasons.SECRET_MISSING, _advise_secret),
    Rule(has(400, 404, words="requested config"), reasons.CONFIG_MISSING, _advise_config),
    Rule(has(400, 404, words="requested project"), reasons.PROJECT_MISSING, _advise_project),
    Rule(has(403), reasons.ACCESS_DENIED, _advise_access),
)
