"""`fn::open::vault-login`: a token of Vault for the environment's identity (`jwt`, `kubernetes`), or a child of a given
one (`token`).

Inputs and outputs are those of Pulumi ESC, with `kubernetes` and `jwt.audience` added. `subjectAttributes` is refused,
since the subject of a cluster's token cannot be changed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from esc_operator.evaluation import InputProblem, Lease, Login, Opened, Secret
from esc_operator.formats.durations import parse_duration
from esc_operator.providers import login_reasons, reasons
from esc_operator.providers.addresses import parse_origin
from esc_operator.providers.claims import unverified_claims
from esc_operator.providers.login_inputs import (
    LIFETIME,
    SECRET,
    SUBJECT_ATTRIBUTES,
    is_token,
    refuse,
    subject_problems,
    token_problems,
)
from esc_operator.providers.vault import errors
from esc_operator.providers.vault.address import (
    address_problems,
    host_of,
    is_mount,
    namespace_of,
)
from esc_operator.providers.vault.api import Vault
from esc_operator.providers.vault.errors import Asked
from esc_operator.providers.vault.leases import is_whole_term, seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from esc_operator.providers.port import OpenContext
    from esc_operator.providers.vault.api import Reply

DEFAULT_TTL = "2h"
METHODS = ("jwt", "kubernetes", "token")

_NAME = {"type": "string", "minLength": 1}
_EITHER = (
    "vault-login requires exactly one of `jwt`, `kubernetes` (a login with the identity) and `token` (a given token)"
)


def _method(name: str, title: str, description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "title": title,
        "description": description,
        "required": ["role"],
        "additionalProperties": False,
        "properties": {
            "role": {**_NAME, "description": "The role of the auth method."},
            "mount": {**_NAME, "default": name, "description": "The path at which the auth method is mounted."},
            "audience": {
                **_NAME,
                "added": True,
                "description": "The audience of the identity token; the address if left out.",
            },
        },
    }


_JWT = _method("jwt", "VaultLoginJWT", "Log in with the environment's identity at a JWT auth method.")

INPUTS: Mapping[str, Any] = {
    "type": "object",
    "required": ["address"],
    "additionalProperties": False,
    "properties": {
        "address": {**_NAME, "description": "The URL of Vault: a scheme and a host, without a path."},
        "namespace": {**_NAME, "description": "The namespace to log in to, where Vault has namespaces."},
        "jwt": {**_JWT, "properties": {**_JWT["properties"], "subjectAttributes": SUBJECT_ATTRIBUTES}},
        "kubernetes": {
            **_method(
                "kubernetes",
                "VaultLoginKubernetes",
                "Log in with the environment's identity at a Kubernetes auth method, whose role must have an audience.",
            ),
            "added": True,
        },
        "token": {
            "type": "object",
            "title": "VaultLoginToken",
            "description": "Make a child of a given token.",
            "required": ["token"],
            "additionalProperties": False,
            "properties": {
                "token": {**SECRET, "minLength": 1, "description": "The parent token."},
                "displayName": {"type": "string", "default": "pulumi", "description": "The child's display name."},
                "maxTtl": {**LIFETIME, "default": DEFAULT_TTL, "description": "How long the child lasts at most."},
                "policies": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "The child's policies; those of its parent if left out.",
                },
                "metadata": {
                    "type": "object",
                    "additionalProperties": {"type": "string", "added": True},
                    "description": "Texts that Vault's audit log shows with the child.",
                },
            },
        },
    },
}

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "title": "VaultSecretsLogin",
    "required": ["address", "token"],
    "properties": {
        "address": {"type": "string", "description": "The URL of Vault."},
        "namespace": {"type": "string", "description": "The namespace, if there is one."},
        "token": {**SECRET, "description": "The token."},
    },
}


class Term(NamedTuple):
    """What is needed to renew a token: how long it was granted for, and whether it may be renewed."""

    seconds: int
    renewable: bool


class VaultLogin:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "vault-login"
    host_inputs: ClassVar[tuple[str, ...]] = ("address",)
    inputs: ClassVar[Mapping[str, Any]] = INPUTS
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = 100.0

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        del settings
        return _host(inputs)

    def account(self, inputs: Mapping[str, Any]) -> str:
        return f"namespace {inputs['namespace']}" if inputs.get("namespace") else ""

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """The role's name is its URL, so that an allow-list can tell one Vault's from another's."""
        if inputs.get("token"):
            return None
        request = _parse_identity_login(inputs)
        within = f"{request.namespace}/" if request.namespace else ""
        role = f"{request.address}/v1/{within}auth/{request.mount}/role/{request.role}"
        return Login(role, request.audience, gives_token=True)

    def problems(self, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
        if sum(name in inputs for name in METHODS) != 1:
            yield InputProblem((), _EITHER, reasons.INVALID_INPUTS)
        yield from address_problems(inputs)
        for name in ("jwt", "kubernetes"):
            if isinstance(given := inputs.get(name), dict):
                yield from _method_problems(given, name)
        if isinstance(given := inputs.get("token"), dict):
            yield from _child_problems(given)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        issued_at = context.now()
        if "token" in inputs:
            reply, asked = await _make_child(inputs, context)
        else:
            reply, asked = await _log_in(inputs, context)
        match reply.part("auth"):
            case {"client_token": str() as token, "lease_duration": duration, "renewable": renewable} if (
                is_token(token) and (seconds := seconds_of(duration)) is not None
            ):
                pass
            case _:
                raise errors.malformed_answer(asked, "it has no token with a lease")
        value = {"address": inputs["address"], "token": Secret(token)}
        if inputs.get("namespace"):
            value["namespace"] = inputs["namespace"]
        # Vault states a token that never expires, such as a child of root without a TTL, with 0.
        lease = Lease(issued_at, issued_at + timedelta(seconds=seconds)) if seconds > 0 else None
        return Opened(value, lease, secret=False, renewal=Term(seconds, renewable is True))

    async def renew(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> Opened | None:
        term, lease = opened.renewal, opened.lease
        if not isinstance(term, Term) or not term.renewable or lease is None:
            return None
        vault, path, issued_at = _own(inputs, opened, context), "auth/token/renew-self", context.now()
        reply = await vault.write(path, {"increment": f"{term.seconds}s"})
        if reply.status in errors.OUTAGES:
            raise errors.translate_request(reply, Asked(_host(inputs), path, vault.namespace), context.now())
        granted = seconds_of(reply.part("auth").get("lease_duration"))
        if reply.status != 200 or granted is None or not is_whole_term(granted, term.seconds):
            return None
        made_at = lease.made_at or lease.issued_at
        return opened._replace(lease=Lease(issued_at, issued_at + timedelta(seconds=granted), made_at))

    async def revoke(self, inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> None:
        await _own(inputs, opened, context).write("auth/token/revoke-self", {})


PROVIDER = VaultLogin()


class _IdentityLogin(NamedTuple):
    """The parsed inputs of a login with an identity token."""

    address: str
    namespace: str
    method: str
    mount: str
    role: str
    audience: str


def _parse_identity_login(inputs: Mapping[str, Any]) -> _IdentityLogin:
    refuse(PROVIDER.problems(inputs))
    method = "jwt" if "jwt" in inputs else "kubernetes"
    given, address = inputs[method], _address(inputs)
    # Bound to this host: nobody else accepts the token, whoever answers here.
    audience = given.get("audience") or address
    return _IdentityLogin(address, namespace_of(inputs), method, given.get("mount") or method, given["role"], audience)


async def _log_in(inputs: Mapping[str, Any], context: OpenContext) -> tuple[Reply, Asked]:
    request = _parse_identity_login(inputs)
    identity = await context.identity.token(request.audience)
    path = f"auth/{request.mount}/login"
    vault = Vault(request.address, request.namespace, context)
    reply = await vault.write(path, {"role": request.role, "jwt": identity.reveal()})
    claims = unverified_claims(identity)
    asked = Asked(
        _host(inputs), path, request.namespace, request.method, request.mount, request.role, claims, request.method
    )
    if reply.status != 200 or reply.content is None:
        raise errors.translate_login(reply, asked, context.now())
    return reply, asked


async def _make_child(inputs: Mapping[str, Any], context: OpenContext) -> tuple[Reply, Asked]:
    given, path = inputs["token"], "auth/token/create"
    refuse(token_problems(given["token"], "token", "token"))
    ttl = f"{int(parse_duration(given.get('maxTtl', DEFAULT_TTL)).total_seconds())}s"
    body: dict[str, Any] = {"ttl": ttl, "explicit_max_ttl": ttl, "display_name": given.get("displayName", "pulumi")}
    if given.get("policies"):
        body["policies"] = list(given["policies"])
    if given.get("metadata"):
        body["meta"] = dict(given["metadata"])
    vault = Vault(_address(inputs), namespace_of(inputs), context, given["token"])
    asked = Asked(_host(inputs), path, vault.namespace, credential="token.token")
    reply = await vault.write(path, body)
    if reply.status != 200 or reply.content is None:
        known = reply.status != 403 or await vault.knows_token()
        raise errors.translate_request(reply, asked, context.now(), knows_token=known)
    return reply, asked


def _own(inputs: Mapping[str, Any], opened: Opened, context: OpenContext) -> Vault:
    """Vault, as the token that was opened sees it."""
    return Vault(_address(inputs), namespace_of(inputs), context, opened.value["token"].value)


def _address(inputs: Mapping[str, Any]) -> str:
    refuse(address_problems(inputs))
    return parse_origin(inputs["address"])


def _host(inputs: Mapping[str, Any]) -> str:
    return host_of(_address(inputs))


def _method_problems(given: Mapping[str, Any], name: str) -> Iterator[InputProblem]:
    yield from subject_problems(given, name)
    for key, form in (("mount", "the path of an auth method"), ("role", "the name of a role")):
        text = given.get(key)
        if isinstance(text, str) and (not is_mount(text) or (key == "role" and "/" in text)):
            yield InputProblem((name, key), f"`{key}` is not {form}: write one such as {name}", reasons.INVALID_INPUTS)


def _child_problems(given: Mapping[str, Any]) -> Iterator[InputProblem]:
    text = given.get("maxTtl")
    if not isinstance(text, str):
        return
    try:
        is_long_enough = parse_duration(text) >= timedelta(seconds=1)
    except (ValueError, OverflowError):
        is_long_enough = False
    if not is_long_enough:
        message = f'`maxTtl` "{text}" is not a duration of a second or more: write it like 2h, 30m or 1h30m'
        yield InputProblem(("token", "maxTtl"), message, login_reasons.INVALID_DURATION)
