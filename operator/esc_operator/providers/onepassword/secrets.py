"""`fn::open::1password-secrets`: fields of items in 1Password, as text.

Inputs and outputs are those of Pulumi ESC. It reads with 1Password's SDK, which is an extra: the protocol of service
accounts is not published, and ends in a library that is compiled. All references of a call are resolved by one request
after a login. 1Password does not say which version of an item was read.

A one-time password (`?attribute=otp`) is over before a pod starts: it is for a person at a terminal.
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from esc_operator.errors import FailedPart, ProviderError
from esc_operator.evaluation import InputProblem, Opened
from esc_operator.providers import reasons
from esc_operator.providers.login_inputs import SECRET, refuse
from esc_operator.providers.onepassword import errors
from esc_operator.providers.onepassword.tokens import ServiceAccount, read_token
from esc_operator.providers.port import Extra

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from esc_operator.evaluation import Login
    from esc_operator.providers.port import OpenContext

MOST_REFERENCES = 200
"""How many references one call reads. One request resolves them all, and 1Password counts each as a read."""

TIME_LIMIT = 20.0
"""Seconds for a login and all readings; the SDK has no limit of its own that is as short."""

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "get"],
    "additionalProperties": False,
    "properties": {
        "login": {
            "type": "object",
            "title": "1PasswordSecretsLogin",
            "description": "Who reads.",
            "required": ["serviceAccountToken"],
            "additionalProperties": False,
            "properties": {
                "serviceAccountToken": {**SECRET, "minLength": 1, "description": "The token of a service account."}
            },
        },
        "get": {
            "type": "object",
            "description": "What to read, by the name that it gets in the outputs.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "title": "1PasswordSecretsGet",
                "required": ["ref"],
                "additionalProperties": False,
                "properties": {
                    "ref": {
                        "type": "string",
                        "pattern": "op://.+",
                        "description": "A secret reference: op://vault/item/field or op://vault/item/section/field.",
                    }
                },
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "description": "By name, what was read.",
    "additionalProperties": SECRET,
}


class Secrets(Protocol):
    """What the SDK's client has as `secrets`."""

    async def resolve_all(self, secret_references: list[str]) -> Any:
        """A `ResolveAllResponse`. Raises anything."""


class Client(Protocol):
    """The SDK's client."""

    @property
    def secrets(self) -> Secrets: ...


async def _connect(token: str) -> Client:
    from onepassword.client import Client as SdkClient

    return await SdkClient.authenticate(token, "esc-operator", f"v{version('esc-operator')}")  # type: ignore[no-any-return]


class OnePasswordSecrets:
    """The provider. `connect` logs in with a token; it is called in a thread, with an event loop of its own."""

    name: ClassVar[str] = "1password-secrets"
    extra: ClassVar[Extra] = Extra("1password", ("onepassword",))
    # No input names a host in plain, and a host that the token names has to be 1Password's (`tokens`).
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS

    def __init__(
        self, connect: Callable[[str], Awaitable[Client]] | None = None, time_limit: float = TIME_LIMIT
    ) -> None:
        self._connect = connect or _connect
        self._time_limit = time_limit

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return read_token(inputs["login"]["serviceAccountToken"]).region

    def account(self, inputs: Mapping[str, Any]) -> str:
        return (
            f"service account {read_token(inputs['login']['serviceAccountToken']).fingerprint} (a digest of its token)"
        )

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it presents no identity token, which 1Password does not take."""
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        get = inputs.get("get")
        if not isinstance(get, dict):
            return
        if len(get) > MOST_REFERENCES:
            message = (
                f"one call reads {MOST_REFERENCES} references at most, and these are {len(get)}: split them into"
                " several calls"
            )
            yield InputProblem(("get",), message, reasons.INVALID_INPUTS)
        for name, one in get.items():
            reference = one.get("ref") if isinstance(one, dict) else None
            if isinstance(reference, str) and not reference.startswith("op://"):
                message = f'`get.{name}.ref` "{reference}" is not a reference: write op://vault/item/field'
                yield InputProblem(("get", name, "ref"), message, reasons.INVALID_INPUTS)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        account = read_token(inputs["login"]["serviceAccountToken"])
        references = {name: one["ref"] for name, one in inputs["get"].items()}
        wanted = list(dict.fromkeys(references.values()))
        answer = await context.run_blocking(lambda: self._resolve(account, wanted))
        # Raised here and not in the pool's thread: the traceback must not contain a frame that holds a value.
        if isinstance(answer, ProviderError):
            raise answer
        return Opened(_all_or_none(references, answer, account.region), lease=None, secret=True)

    def _resolve(self, account: ServiceAccount, wanted: list[str]) -> Mapping[str, Any] | ProviderError:
        """By reference, the SDK's answer; or the error. Blocking."""

        async def ask() -> Mapping[str, Any]:
            async with asyncio.timeout(self._time_limit):
                client = await self._connect(account.reveal())
                found = (await client.secrets.resolve_all(wanted)).individual_responses
                return found if isinstance(found, dict) else {}

        try:
            return asyncio.run(ask())
        except Exception as error:  # noqa: BLE001 - the SDK raises plain Exceptions
            return errors.explain_call(error, account.region)


PROVIDER = OnePasswordSecrets()


def _all_or_none(references: Mapping[str, str], answers: Mapping[str, Any], region: str) -> dict[str, str]:
    """The values by name. If one is missing, all is refused, with each that is missing at its place."""
    values: dict[str, str] = {}
    parts: list[FailedPart] = []
    for name, reference in references.items():
        answer = answers.get(reference)
        error, content = getattr(answer, "error", None), getattr(answer, "content", None)
        if error is not None:
            why = errors.explain_reference(error, reference)
            parts.append(FailedPart(("get", name, "ref"), f"`get.{name}.ref` {why.message}", why.reason))
        elif isinstance(secret := getattr(content, "secret", None), str):
            values[name] = secret
        else:
            raise errors.malformed(region, f"it says nothing of `get.{name}.ref`")
    if parts:
        raise ProviderError("; ".join(part.message for part in parts), reason=parts[0].reason, parts=parts)
    return values
