"""`fn::open::infisical-secrets`: secrets of any projects, environments and folders of one Infisical.

Inputs and outputs are those of Pulumi ESC. A reading has no expiry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple
from urllib.parse import quote, urlencode

from esc_operator.errors import ProviderError
from esc_operator.providers.infisical import reasons
from esc_operator.providers.infisical.site import site_of, site_problems, words_of
from esc_operator.providers.json_api import Asked, ask, has, malformed, request, translate
from esc_operator.providers.login_inputs import SECRET, refuse, token_problems
from esc_operator.providers.reading import Found, opened, read_each, too_many
from esc_operator.providers.refusals import Refusal, Rule
from esc_operator.providers.token_endpoints import host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import InputProblem, Login, Opened
    from esc_operator.providers.port import OpenContext

_TEXT = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["get", "login"],
    "additionalProperties": False,
    "properties": {
        "login": {
            "type": "object",
            "title": "InfisicalLogin",
            "description": "The outputs of infisical-login.",
            "required": ["accessToken"],
            "properties": {
                "accessToken": {**SECRET, "minLength": 1, "description": "The access token."},
                "siteUrl": {"type": "string", "description": "The URL of Infisical."},
            },
        },
        "get": {
            "type": "object",
            "description": "What to read, by the name that it gets in the outputs.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "title": "InfisicalSecretsGet",
                "required": ["environment", "projectId", "secretKey"],
                "additionalProperties": False,
                "properties": {
                    "projectId": {**_TEXT, "description": "The ID of the project."},
                    "environment": {**_TEXT, "description": "The slug of the environment, such as prod."},
                    "secretPath": {**_TEXT, "description": "The path of the folder; / if left out."},
                    "secretKey": {**_TEXT, "description": "The key of the secret."},
                    "type": {"type": "string", "enum": ["shared", "personal"], "description": "shared if left out."},
                },
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "description": "By name, the value of the secret.",
    "additionalProperties": {"type": "string"},
}


class _Ref(NamedTuple):
    project: str
    environment: str
    path: str
    key: str
    kind: str


_NOTHING = _Ref("", "", "", "", "")


@dataclass(frozen=True, slots=True)
class _Reading(Asked):
    """`input` is the one that asks for the secret."""

    ref: _Ref = _NOTHING
    input: str = ""

    @property
    def folder(self) -> str:
        return f"{self.ref.path} in the environment {self.ref.environment} of the project {self.ref.project}"


class InfisicalSecrets:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "infisical-secrets"
    host_inputs: ClassVar[tuple[str, ...]] = ("login.siteUrl",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return host_of(site_of(inputs["login"]))

    def account(self, inputs: Mapping[str, Any]) -> str:
        """Infisical counts the calls of an organization, which its projects do not name."""
        del inputs
        return ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if isinstance(login := inputs.get("login"), dict):
            yield from (problem._replace(path=("login", *problem.path)) for problem in site_problems(login))
        if isinstance(get := inputs.get("get"), dict):
            yield from too_many("get", get)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        token = inputs["login"]["accessToken"]
        refuse(token_problems(token, "login", "accessToken"))
        site = site_of(inputs["login"])

        async def read(ref: _Ref, asking: str) -> Found:
            return await _read(site, token, ref, asking, context)

        refs = {name: _ref(one) for name, one in inputs["get"].items()}
        found = await read_each("get", refs, read)
        return opened("get", inputs, found, "secretKey")


PROVIDER = InfisicalSecrets()


def _ref(one: Mapping[str, Any]) -> _Ref:
    path = "/" + str(one.get("secretPath") or "").strip("/")
    return _Ref(one["projectId"], one["environment"], path, one["secretKey"], one.get("type") or "shared")


async def _read(site: str, token: str, ref: _Ref, asking: str, context: OpenContext) -> Found:
    asked = _Reading(host_of(site), f"the secret {ref.key}", "login.siteUrl", ref, asking)
    query = {"workspaceId": ref.project, "environment": ref.environment, "secretPath": ref.path, "type": ref.kind}
    url = f"{site}/api/v3/secrets/raw/{quote(ref.key, safe='')}?{urlencode(query)}"
    reply = await ask(context, request("GET", url, bearer=token))
    if reply.status == 401 and reply.content is not None:
        message = (
            f"{asked.host} does not know the token in `login.accessToken`: it is wrong, has expired or was revoked"
        )
        raise ProviderError(message, reason=reasons.TOKEN_REFUSED, login_refused=True)
    if reply.status != 200 or reply.content is None:
        raise translate(_RULES, reply, words_of(reply), asked, context.now())
    match reply.content.get("secret"):
        case {"secretValueHidden": True}:
            raise ProviderError(_advise_access(asked, Refusal("", "", 403)), reason=reasons.ACCESS_DENIED)
        case {"secretValue": str() as value, **more}:
            version = more.get("version")
            return Found(value, str(version) if isinstance(version, int) else "")
    raise malformed(asked, "it has no value")


def _advise_access(asked: _Reading, _: Refusal) -> str:
    return (
        f"the identity may not read the value of {asked.ref.key} at {asked.folder} ({asked.host}): give"
        " it a role there that allows Read Value on secrets"
    )


def _advise_project(asked: _Reading, _: Refusal) -> str:
    return (
        f"{asked.host} has no project {asked.ref.project} of which the identity is a member: correct"
        f" `{asked.input}.projectId`, which is the ID and not the name, or add the identity to the project"
    )


def _advise_path(asked: _Reading, _: Refusal) -> str:
    return (
        f"{asked.host} has no folder {asked.folder}: correct `{asked.input}.environment`, which is the"
        f" slug, or `{asked.input}.secretPath`"
    )


def _advise_secret(asked: _Reading, _: Refusal) -> str:
    return (
        f"{asked.host} has no secret {asked.ref.key} at {asked.folder}: correct"
        f" `{asked.input}.secretKey`, or add it there"
    )


_RULES: tuple[Rule[_Reading], ...] = (
    Rule(has(400, 403, 404, words="project with"), reasons.PROJECT_MISSING, _advise_project),
    Rule(has(403, words="not a member of"), reasons.PROJECT_MISSING, _advise_project),
    Rule(has(403), reasons.ACCESS_DENIED, _advise_access),
    Rule(has(400, 404, words="folder"), reasons.PATH_MISSING, _advise_path),
    Rule(has(400, 404, words="environment with"), reasons.PATH_MISSING, _advise_path),
    Rule(has(400, 404, words="project"), reasons.PROJECT_MISSING, _advise_project),
    Rule(has(404), reasons.SECRET_MISSING, _advise_secret),
)
