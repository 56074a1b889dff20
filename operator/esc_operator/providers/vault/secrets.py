"""`fn::open::vault-secrets`: what Vault answers at any paths, with the leases of dynamic engines.

Inputs and outputs are those of Pulumi ESC. The values are Vault's data as it is: a secret of KV version 2 has its
values below `data`, and its version below `metadata`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.errors import FailedPart, ProviderError
from esc_operator.evaluation import InputProblem, Opened, ReadVersion
from esc_operator.providers import reasons
from esc_operator.providers.addresses import parse_origin
from esc_operator.providers.login_inputs import SECRET, refuse, token_problems
from esc_operator.providers.reading import is_of_all
from esc_operator.providers.vault import errors
from esc_operator.providers.vault.address import (
    address_problems,
    host_of,
    namespace_of,
    path_problem,
)
from esc_operator.providers.vault.api import Vault
from esc_operator.providers.vault.errors import Asked
from esc_operator.providers.vault.leases import SecretLease, first_to_end, is_whole_term, lease_of, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping

    from esc_operator.evaluation import Login
    from esc_operator.providers.port import OpenContext

MOST_PATHS = 64
"""How many paths one call reads: each is a request."""

AT_ONCE = 8
"""How many requests of one call run at a time."""

_NAME = {"type": "string", "minLength": 1}

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["login", "read"],
    "additionalProperties": False,
    "properties": {
        "login": {
            "type": "object",
            "title": "VaultSecretsLogin",
            "description": "The outputs of vault-login.",
            "required": ["address", "token"],
            "additionalProperties": False,
            "properties": {
                "address": {**_NAME, "description": "The URL of Vault."},
                "namespace": {"type": "string", "description": "The namespace, if there is one."},
                "token": {**SECRET, "minLength": 1, "description": "The token."},
            },
        },
        "read": {
            "type": "object",
            "description": "What to read, by the name that it gets in the outputs.",
            "minProperties": 1,
            "additionalProperties": {
                "type": "object",
                "title": "VaultSecretsRead",
                "required": ["path"],
                "additionalProperties": False,
                "properties": {
                    "path": {**_NAME, "description": "The path in Vault; for KV version 2 with data/ after the mount."},
                    "field": {**_NAME, "description": "The one field to take."},
                },
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "description": "By name, what Vault answered.",
    "additionalProperties": True,
}

Leases = dict[str, SecretLease]
"""The leases of one call, by the name of what was read."""


@dataclass(frozen=True, slots=True)
class _Read:
    """One thing that was read. Never shows its value."""

    value: Any
    lease: SecretLease | None
    version: str = ""

    def __repr__(self) -> str:
        return f"_Read(lease={self.lease!r})"


class VaultSecrets:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "vault-secrets"
    host_inputs: ClassVar[tuple[str, ...]] = ("login.address",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = 100.0

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return _host(inputs)

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"namespace {namespace}" if (namespace := inputs["login"].get("namespace")) else ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        del inputs
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if isinstance(login := inputs.get("login"), dict):
            # Only where it was written in plain: a check sees nothing of what a login is going to output.
            yield from (problem._replace(path=("login", *problem.path)) for problem in address_problems(login))
        read = inputs.get("read")
        if not isinstance(read, dict):
            return
        if len(read) > MOST_PATHS:
            message = (
                f"one call reads {MOST_PATHS} paths at most, and these are {len(read)}: split them into several calls"
            )
            yield InputProblem(("read",), message, reasons.INVALID_INPUTS)
        for name, one in read.items():
            path = one.get("path") if isinstance(one, dict) else None
            if isinstance(path, str) and (problem := path_problem(path)):
                yield InputProblem(("read", name, "path"), f"`read.{name}.path`: {problem}", reasons.INVALID_INPUTS)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        refuse(token_problems(inputs["login"]["token"], "login", "token"))
        vault = _vault(inputs, context)
        read = await _each(inputs["read"], lambda name: _read(vault, inputs, name, context))
        return _opened(await _all_or_none(vault, read), inputs)

    async def renew(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> Opened | None:
        """Renews each lease. What has none, or is not renewed for a whole term, is read anew."""
        leases: Leases = opened.renewal or {}
        if not any(lease.renewable for lease in leases.values()):
            return None
        vault = _vault(inputs, context)

        async def renew_or_read(name: str) -> _Read:
            lease = leases.get(name)
            if lease is not None and lease.renewable and (renewed := await _renew(vault, lease, name, context)):
                return _Read(opened.value[name], renewed)
            return await _read(vault, inputs, name, context)

        read = await _each(inputs["read"], renew_or_read)
        return _opened(await _all_or_none(vault, read, kept=leases), inputs)

    async def revoke(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> None:
        leases: Leases = opened.renewal or {}
        await _revoke(_vault(inputs, context), leases.values())


PROVIDER = VaultSecrets()


async def _each(
    names: Mapping[str, Any], ask: Callable[[str], Coroutine[Any, Any, _Read]]
) -> dict[str, _Read | ProviderError]:
    """For each name its answer or its error, a few at a time."""
    places = asyncio.Semaphore(AT_ONCE)

    async def ask_one(name: str) -> _Read | ProviderError:
        async with places:
            try:
                return await ask(name)
            except ProviderError as error:
                return error

    return dict(zip(names, await asyncio.gather(*(ask_one(name) for name in names)), strict=True))


async def _read(vault: Vault, inputs: Mapping[str, Any], name: str, context: OpenContext) -> _Read:
    one, now = inputs["read"][name], context.now()
    asked = Asked(_host(inputs), one["path"], vault.namespace, input=f"read.{name}")
    reply = await vault.read(one["path"])
    if reply.status != 200 or reply.content is None:
        known = reply.status != 403 or await vault.knows_token()
        raise errors.translate_request(reply, asked, context.now(), knows_token=known)
    data = reply.content.get("data")
    if not isinstance(data, dict):
        raise errors.malformed_answer(asked, "it has no data")
    lease = lease_of(reply, now)
    return _Read(_field(data, one.get("field"), asked), lease, _version(data))


def _version(data: Mapping[str, Any]) -> str:
    """The version of a secret of KV version 2; "" for everything else."""
    match data:
        case {"data": _, "metadata": {"version": int() as version}}:
            return str(version)
    return ""


def _field(data: Mapping[str, Any], field: str | None, asked: Asked) -> Any:
    """The field, or all of it. Of a secret of KV version 2 a field of its values is meant too."""
    if field is None:
        return data
    if field in data:
        return data[field]
    values = data.get("data")
    if data.keys() == {"data", "metadata"} and isinstance(values, dict) and field in values:
        return values[field]
    raise errors.missing_field(asked, field)


async def _renew(vault: Vault, lease: SecretLease, name: str, context: OpenContext) -> SecretLease | None:
    """The lease for another whole term; None if there is none."""
    now, path = context.now(), "sys/leases/renew"
    reply = await vault.write(path, {"lease_id": lease.id, "increment": lease.seconds})
    if reply.status in errors.OUTAGES:
        asked = Asked(host_of(vault.address), path, vault.namespace, input=f"read.{name}")
        raise errors.translate_request(reply, asked, context.now())
    granted = seconds_of((reply.content or {}).get("lease_duration"))
    if reply.status != 200 or granted is None or not is_whole_term(granted, lease.seconds):
        return None
    return lease.renewed(granted, now)


async def _all_or_none(
    vault: Vault, read: Mapping[str, _Read | ProviderError], kept: Leases | None = None
) -> dict[str, _Read]:
    """All that was read. If anything is missing, all of it is refused, and new leases are given back."""
    found = {name: one for name, one in read.items() if isinstance(one, _Read)}
    failures = {name: one for name, one in read.items() if isinstance(one, ProviderError)}
    if not failures:
        return found
    old = {lease.id for lease in (kept or {}).values()}
    await _revoke(vault, [one.lease for one in found.values() if one.lease is not None and one.lease.id not in old])
    raise _together(failures)


async def _revoke(vault: Vault, leases: Iterable[SecretLease]) -> None:
    """Revoke leases, where the policies of the token allow it; else they end by themselves, or with the token."""
    for lease in leases:
        with contextlib.suppress(ProviderError):
            await vault.write("sys/leases/revoke", {"lease_id": lease.id})


def _together(failures: Mapping[str, ProviderError]) -> ProviderError:
    """One error that names each path that failed; only one where Vault does not serve, or does not know the token."""
    first = next(iter(failures.values()))
    of_all = next((error for error in failures.values() if is_of_all(error)), None)
    if of_all is not None:
        return of_all
    message = "; ".join(f"{name}: {error.message}" for name, error in failures.items())
    parts = [FailedPart(("read", name), error.message, error.reason) for name, error in failures.items()]
    return ProviderError(message, reason=first.reason, parts=parts)


def _opened(read: Mapping[str, _Read], inputs: Mapping[str, Any]) -> Opened:
    leases = {name: one.lease for name, one in read.items() if one.lease is not None}
    versions = (
        ReadVersion(("read", name), inputs["read"][name]["path"], one.version)
        for name, one in read.items()
        if one.version
    )
    value = {name: one.value for name, one in read.items()}
    return Opened(value, first_to_end(leases.values()), renewal=leases or None, versions=tuple(versions))


def _vault(inputs: Mapping[str, Any], context: OpenContext) -> Vault:
    login = inputs["login"]
    return Vault(parse_origin(login["address"]), namespace_of(login), context, login["token"])


def _host(inputs: Mapping[str, Any]) -> str:
    refuse(address_problems(inputs["login"]))
    return host_of(parse_origin(inputs["login"]["address"]))
