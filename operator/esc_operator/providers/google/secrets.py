"""`fn::open::gcp-secrets`: secrets of Google's Secret Manager.

Inputs and outputs are those of Pulumi ESC. A `name` may be a full one, of another project. A reading has no expiry.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.answers import json_object
from esc_operator.providers.google import secret_errors
from esc_operator.providers.google.checksums import crc32c
from esc_operator.providers.google.endpoints import endpoint_of
from esc_operator.providers.google.secret_errors import Asked
from esc_operator.providers.login_inputs import SECRET, refuse, token_problems
from esc_operator.providers.port import HttpRequest
from esc_operator.providers.reading import OUTPUTS, Found, opened, read_each, too_many
from esc_operator.providers.token_endpoints import Reply, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import Login, Opened
    from esc_operator.providers.port import OpenContext

LATEST = "latest"

_SHORT = re.compile(r"[A-Za-z0-9_-]{1,255}")
_FULL = re.compile(r"projects/([a-z0-9][a-z0-9.:-]{0,99})/secrets/[A-Za-z0-9_-]{1,255}")
_FOUND = re.compile(r"projects/[^/]{1,100}/secrets/[^/]{1,255}/versions/([0-9]{1,16})")
_NAME = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "access"],
    "additionalProperties": False,
    "properties": {
        "login": {
            "type": "object",
            "title": "GCPSecretsLogin",
            "description": "The outputs of gcp-login.",
            "required": ["accessToken", "project", "tokenType"],
            "properties": {
                "project": {"type": "number", "description": "The number of the project."},
                "accessToken": {**SECRET, "minLength": 1},
                "tokenType": {"type": "string"},
                "expiry": {"type": "string", "added": True},
            },
        },
        "access": {
            "type": "object",
            "description": "The secrets to read, by the name that each gets in the outputs.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "title": "GCPSecretsAccess",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {
                        **_NAME,
                        "description": "The name of the secret, or projects/PROJECT/secrets/NAME of another project.",
                    },
                    "version": {"type": "number", "description": "Its version; the latest if left out."},
                },
            },
        },
    },
}


class _Ref(NamedTuple):
    """A secret's full name, and a number or LATEST."""

    secret: str
    version: str


class GcpSecrets:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "gcp-secrets"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = 100.0

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del inputs
        return host_of(endpoint_of("secretmanager", settings))

    def account(self, inputs: Mapping[str, Any]) -> str:
        """Google counts calls by the project of the login."""
        return f"project {inputs['login']['project']:.0f}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it uses the token of another login."""
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if isinstance(wanted := inputs.get("access"), dict):
            yield from too_many("access", wanted)
            for name, item in wanted.items():
                if isinstance(item, dict):
                    yield from _item_problems(name, item)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        login = inputs["login"]
        refuse(token_problems(login["accessToken"], "login", "accessToken"))
        url, project = endpoint_of("secretmanager", context.settings), f"{login['project']:.0f}"

        async def read(ref: _Ref, asking: str) -> Found:
            asked = Asked(host_of(url), _project_of(ref.secret), ref.secret, ref.version, asking)
            return await _read(url, ref, asked, login["accessToken"], context)

        refs = {
            name: _Ref(_full_name(item["name"], project), _version(item.get("version")))
            for name, item in inputs["access"].items()
        }
        return opened("access", inputs, await read_each("access", refs, read))


PROVIDER = GcpSecrets()


async def _read(url: str, ref: _Ref, asked: Asked, token: str, context: OpenContext) -> Found:
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}
    answer = await context.send(HttpRequest("GET", f"{url}/v1/{ref.secret}/versions/{ref.version}:access", headers))
    reply = Reply(answer.status, answer.headers, json_object(answer.body))
    if reply.status != 200:
        raise secret_errors.translate(reply, asked, context.now())
    match reply.content:
        case {"name": str() as name, "payload": {"data": str() as data, **others}} if found := _FOUND.fullmatch(name):
            return _payload(data, others.get("dataCrc32c"), found[1], asked)
    raise secret_errors.malformed_answer(asked, "it has no version and payload")


def _payload(data: str, checksum: object, version: str, asked: Asked) -> Found:
    """The text of a payload; one that is no text stays in base64. Versions older than checksums have none."""
    payload = None
    with contextlib.suppress(binascii.Error, ValueError):
        payload = base64.b64decode(data, validate=True)
    if payload is None:
        raise secret_errors.malformed_answer(asked, "its payload is not base64")
    if checksum is not None and str(checksum) != str(crc32c(payload)):
        raise secret_errors.malformed_answer(asked, "its payload does not have the checksum beside it")
    try:
        return Found(payload.decode(), version)
    except UnicodeDecodeError:
        return Found(data, version, "binary, as base64")


def _item_problems(name: str, item: Mapping[str, Any]) -> Iterator[InputProblem]:
    secret, version = item.get("name"), item.get("version")
    if isinstance(secret, str) and not _SHORT.fullmatch(secret) and not _FULL.fullmatch(secret):
        how = (
            "regional secrets are not supported"
            if "/locations/" in secret
            else "a version belongs into `version`"
            if "/versions/" in secret
            else "write it alone, such as api-key, or of another project projects/PROJECT/secrets/api-key"
        )
        message = f"`access.{name}.name` is not the name of a secret: {how}"
        yield InputProblem(("access", name, "name"), message, reasons.INVALID_INPUTS)
    if isinstance(version, int | float) and not (1 <= version < 1 << 53 and version == int(version)):
        message = f"`access.{name}.version` is not a version: write its number, from 1, or leave it out for the latest"
        yield InputProblem(("access", name, "version"), message, reasons.INVALID_INPUTS)


def _version(version: float | None) -> str:
    return LATEST if version is None else f"{version:.0f}"


def _full_name(name: str, project: str) -> str:
    return name if name.startswith("projects/") else f"projects/{project}/secrets/{name}"


def _project_of(secret: str) -> str:
    return f"project {secret.split('/')[1]}"
