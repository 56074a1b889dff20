"""`fn::open::azure-secrets`: secrets of an Azure Key Vault.

Inputs and outputs are those of Pulumi ESC. `login` has the outputs of azure-login; one access token is taken for all
readings, unless the login has taken one for Key Vault (`scope`, an addition). A reading has no expiry.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.errors import ProviderError
from esc_operator.evaluation import InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.answers import json_object
from esc_operator.providers.azure import vault_errors
from esc_operator.providers.azure.clouds import cloud_of
from esc_operator.providers.azure.entra import LOGIN, login_problems, take_token
from esc_operator.providers.azure.vault_errors import Asked
from esc_operator.providers.login_inputs import refuse
from esc_operator.providers.port import HttpRequest
from esc_operator.providers.reading import OUTPUTS, Found, opened, read_each, too_many
from esc_operator.providers.token_endpoints import Reply, host_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.evaluation import Login, Opened
    from esc_operator.providers.azure.entra import AccessToken
    from esc_operator.providers.port import OpenContext

API_VERSION = "7.4"

# The name becomes part of a host's name: nothing but a vault's name may stand there.
_VAULT = re.compile(r"(?=.{3,24}$)[A-Za-z](?:-?[A-Za-z0-9])+")
_SECRET = re.compile(r"[A-Za-z0-9-]{1,127}")
_VERSION = re.compile(r"[A-Za-z0-9]{1,64}")
_NAME = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "vault", "get"],
    "additionalProperties": False,
    "properties": {
        "login": LOGIN,
        "vault": {**_NAME, "description": "The name of the Key Vault, without the rest of its host."},
        "get": {
            "type": "object",
            "description": "The secrets to read, by the name that each gets in the outputs.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "title": "AzureSecretsGet",
                "required": ["name"],
                "additionalProperties": False,
                "properties": {
                    "name": {**_NAME, "description": "The name of the secret."},
                    "version": {"type": "string", "description": "Its version; the latest if left out."},
                },
            },
        },
    },
}


class _Ref(NamedTuple):
    """A secret. `version` is "" for the latest."""

    secret: str
    version: str


class AzureSecrets:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "azure-secrets"
    host_inputs: ClassVar[tuple[str, ...]] = ("vault",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = 100.0

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        return host_of(_vault_url(inputs, settings))

    def account(self, inputs: Mapping[str, Any]) -> str:
        """Key Vault counts calls by vault."""
        return f"Key Vault {inputs['vault'].lower()}"

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it uses what another login has given out."""
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        yield from login_problems(inputs)
        vault = inputs.get("vault")
        if isinstance(vault, str) and not _VAULT.fullmatch(vault):
            message = (
                "`vault` is not the name of a Key Vault: write it alone, such as my-vault, without https:// and without"
                " .vault.azure.net"
            )
            yield InputProblem(("vault",), message, reasons.INVALID_INPUTS)
        if isinstance(wanted := inputs.get("get"), dict):
            yield from too_many("get", wanted)
            for name, item in wanted.items():
                if isinstance(item, dict):
                    yield from _item_problems(name, item)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        url, cloud = _vault_url(inputs, context.settings), cloud_of(context.settings)
        login = inputs["login"]
        token = await take_token(login, cloud.authority, cloud.vault_scope, context)

        async def read(ref: _Ref, asking: str) -> Found:
            asked = Asked(
                host=host_of(url),
                vault=inputs["vault"],
                client=login["clientId"],
                tenant=login["tenantId"],
                secret=ref.secret,
                version=ref.version,
                input=asking,
                is_given=token.is_given,
            )
            return await _read(url, ref, asked, token, context)

        refs = {name: _Ref(item["name"], item.get("version") or "") for name, item in inputs["get"].items()}
        return opened("get", inputs, await read_each("get", refs, read))


PROVIDER = AzureSecrets()


async def _read(url: str, ref: _Ref, asked: Asked, token: AccessToken, context: OpenContext) -> Found:
    path = "/".join(part for part in ("secrets", ref.secret, ref.version) if part)
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token.text}"}
    request = HttpRequest("GET", f"{url}/{path}?api-version={API_VERSION}", headers)
    missing = False
    try:
        answer = await context.send(request)
    except ProviderError as error:
        if error.reason != reasons.HOST_NOT_FOUND:
            raise
        missing = True
    if missing:
        raise vault_errors.vault_missing(asked)
    reply = Reply(answer.status, answer.headers, json_object(answer.body))
    if reply.status != 200:
        raise vault_errors.translate(reply, asked, context.now())
    match reply.content:
        case {"value": str() as value, "id": str() as address} if version := _VERSION.fullmatch(
            address.rpartition("/")[2]
        ):
            return Found(value, version[0])
    raise vault_errors.malformed_answer(asked, "it has no value and version")


def _item_problems(name: str, item: Mapping[str, Any]) -> Iterator[InputProblem]:
    secret, version = item.get("name"), item.get("version")
    if isinstance(secret, str) and not _SECRET.fullmatch(secret):
        message = f"`get.{name}.name` is not the name of a secret: letters, digits and hyphens are allowed"
        yield InputProblem(("get", name, "name"), message, reasons.INVALID_INPUTS)
    if isinstance(version, str) and version and not _VERSION.fullmatch(version):
        message = (
            f"`get.{name}.version` is not the version of a secret: write the 32 characters behind its name, or leave it"
            " out for the latest"
        )
        yield InputProblem(("get", name, "version"), message, reasons.INVALID_INPUTS)


def _vault_url(inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str:
    refuse(PROVIDER.problems(inputs))
    return cloud_of(settings).vault_url(inputs["vault"].lower())
