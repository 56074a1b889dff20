"""Reads keys of ConfigMaps or Secrets of one namespace: what both providers share.

Owns their inputs, which objects give values, and what is said of each that does not: all of them in one message, each
at its place. Whose rights count is up to the identity. Invariant: no message has a key of a Secret that its inputs do
not name, or any value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from esc_operator.errors import IdentityError, ProviderError
from esc_operator.evaluation import InputProblem, ReadVersion
from esc_operator.formats.phrases import counted, first_of
from esc_operator.providers.kubernetes import reasons
from esc_operator.providers.login_inputs import refuse
from esc_operator.providers.port import ReadsObjects
from esc_operator.providers.reading import together
from esc_operator.providers.reasons import INVALID_INPUTS, OBJECT_FORBIDDEN
from esc_operator.resources import HOLDS, MANAGED_BY, MANAGED_BY_LABEL, ROTATOR_STATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from esc_operator.providers.port import OpenContext

MOST_OBJECTS = 32
"""How many objects one call reads, one after the other: each takes two requests of the connections that all share."""

MOST_CHARACTERS = 1024 * 1024
"""Of all values of one call: as much as a Secret can hold."""

RATE = 50.0
"""Calls a second."""

_MOST_NAMES = 5
"""How many keys of a ConfigMap a message names."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")

_API_TOKENS = frozenset({"kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"})
"""Types of Secrets with tokens that the API server accepts."""

Kind = Literal["ConfigMap", "Secret"]


class Read(NamedTuple):
    """What was read. Never shows its values."""

    values: dict[str, Any]
    versions: tuple[ReadVersion, ...]

    def __repr__(self) -> str:
        return f"Read(versions={self.versions})"


def inputs_of(kind: Kind) -> Mapping[str, Any]:
    """The schema of a provider's inputs."""
    return {
        "type": "object",
        "required": ["get"],
        "additionalProperties": False,
        "properties": {
            "get": {
                "type": "object",
                "description": "What to read, by the name that it gets in the outputs.",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "object",
                    "title": f"Kubernetes{kind}Get",
                    "required": ["name"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {
                            "type": "string",
                            "minLength": 1,
                            "description": f"The name of the {kind}, in the environment's namespace.",
                        },
                        "key": {
                            "type": "string",
                            "minLength": 1,
                            "description": "The key to take; all of them, as an object, if it is left out.",
                        },
                        "base64": {
                            "type": "boolean",
                            "default": False,
                            "description": "Give values in base64: for those that are not text.",
                        },
                    },
                },
            }
        },
    }


def problems_of(kind: Kind, inputs: Mapping[str, Any]) -> Iterator[InputProblem]:
    """What is wrong with inputs, without reading anything."""
    entries = inputs.get("get")
    if not isinstance(entries, dict):
        return
    for place, entry in entries.items():
        if not isinstance(entry, dict):
            continue
        name, key = entry.get("name"), entry.get("key")
        if isinstance(name, str) and not _NAME.fullmatch(name):
            yield _problem(place, "name", f'"{name}" cannot be the name of a {kind}: {_hint_of(kind, name)}')
        if isinstance(key, str) and not _KEY.fullmatch(key):
            yield _problem(place, "key", f'"{key}" cannot be a key: write letters, digits, -, _ and . only')
    if len(names := _names(entries)) > MOST_OBJECTS:
        message = f"`get` names {len(names)} {kind}s, and one call reads {MOST_OBJECTS} at most: split it into several"
        yield InputProblem(("get",), message, INVALID_INPUTS)


async def read_values(kind: Kind, inputs: Mapping[str, Any], context: OpenContext) -> Read:
    """The values by their names in the outputs. Raises ProviderError for all that are missing together, and
    IdentityError if nothing can be read."""
    refuse(problems_of(kind, inputs))
    identity = context.identity
    if not isinstance(identity, ReadsObjects):
        raise ProviderError(
            f"there is no namespace to read a {kind} from: open an EscEnvironment, or a ClusterEscEnvironment that "
            "sets spec.serviceAccount, in the operator or after `esc login kubernetes://CONTEXT`",
            reason=reasons.NO_NAMESPACE,
        )
    entries = inputs["get"]
    objects = {name: await _read(kind, name, identity) for name in _names(entries)}
    values: dict[str, Any] = {}
    failures: dict[str, ProviderError] = {}
    size = 0
    for place, entry in entries.items():
        value = _value_of(kind, entry, objects[entry["name"]], identity.tenant)
        if isinstance(value, ProviderError):
            failures[place] = value
            continue
        values[place] = value
        size += len(value) if isinstance(value, str) else sum(map(len, value.values()))
        if size > MOST_CHARACTERS:
            raise ProviderError(
                f"the values that `get` names have more than {MOST_CHARACTERS:,} characters together: name the keys "
                "that are needed",
                reason=reasons.VALUES_TOO_LARGE,
            )
    if failures:
        raise together("get", failures)
    names = {place: entry["name"] for place, entry in entries.items()}
    versions = (ReadVersion(("get", place), name, _version_of(objects[name])) for place, name in names.items())
    return Read(values, tuple(versions))


async def _read(kind: Kind, name: str, identity: ReadsObjects) -> Mapping[str, Any] | ProviderError | None:
    """An object; None if it does not exist."""
    try:
        return await identity.read_object(kind, name)
    except IdentityError as error:
        if error.reason != OBJECT_FORBIDDEN:
            raise  # it is not about this object
        return ProviderError(error.message, reason=error.reason)


def _version_of(body: Mapping[str, Any] | ProviderError | None) -> str:
    metadata = body.get("metadata") if isinstance(body, Mapping) else None
    return (metadata or {}).get("resourceVersion") or ""


def _value_of(
    kind: Kind, entry: Mapping[str, Any], body: Mapping[str, Any] | ProviderError | None, namespace: str
) -> str | dict[str, str] | ProviderError:
    if isinstance(body, ProviderError):
        return body
    what = f"{kind} {namespace}/{entry['name']}"
    if body is None:
        message = f"{what} does not exist: create it, or correct `name`"
        return ProviderError(message, reason=reasons.OBJECT_NOT_FOUND)
    if kind == "Secret" and (why := _refuse(body)):
        return ProviderError(f"{what} {why}", reason=reasons.OBJECT_NOT_USABLE)
    values, key = _bytes_of(kind, body), entry.get("key")
    if key is None:
        chosen = values
    elif key in values:
        chosen = {key: values[key]}
    else:
        known = f" ({first_of(sorted(values), _MOST_NAMES)})" if kind == "ConfigMap" and values else ""
        keys = f"it has {counted(len(values), 'key')}{known}"
        message = f"{what} has no key {key}, {keys}: add it, or correct `key`"
        return ProviderError(message, reason=reasons.KEY_NOT_FOUND)
    texts = {name: _text_of(value, in_base64=entry.get("base64", False)) for name, value in chosen.items()}
    given = {name: text for name, text in texts.items() if text is not None}
    if len(given) < len(texts):
        where = f"key {key}" if key is not None else counted(len(texts) - len(given), "key")
        return ProviderError(f"{what} has at {where} what is not text: set `base64: true`", reason=reasons.BINARY_VALUE)
    return given if key is None else given[key]


def _refuse(body: Mapping[str, Any]) -> str:
    """Why no environment may have what is in a Secret; "" if it may."""
    metadata, kind = body.get("metadata") or {}, body.get("type") or "Opaque"
    if kind in _API_TOKENS:
        return f"has the type {kind}: environments get no tokens for the API server; mount it instead"
    if (metadata.get("annotations") or {}).get(HOLDS) == ROTATOR_STATES:
        return "holds the states of rotators: import the environment that has them"
    if (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY:
        # Each refresh would change the other: two that read each other would never come to rest.
        return "is one that esc-operator fills: import the environment that fills it"
    return ""


def _bytes_of(kind: Kind, body: Mapping[str, Any]) -> dict[str, bytes]:
    if kind == "Secret":
        return {key: _decoded(value) for key, value in (body.get("data") or {}).items()}
    texts = {key: str(value).encode() for key, value in (body.get("data") or {}).items()}
    return texts | {key: _decoded(value) for key, value in (body.get("binaryData") or {}).items()}


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "")
    except (binascii.Error, ValueError):
        return b"\xff"  # the API server stores none; it is no text in any case


def _text_of(value: bytes, *, in_base64: bool) -> str | None:
    """None if it is not text."""
    if in_base64:
        return base64.b64encode(value).decode()
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _names(entries: Mapping[str, Any]) -> list[str]:
    """The objects, each once, in order."""
    names = (entry.get("name") for entry in entries.values() if isinstance(entry, dict))
    return list(dict.fromkeys(name for name in names if isinstance(name, str)))


def _hint_of(kind: Kind, name: str) -> str:
    if "/" in name:
        return f"leave the namespace out, since only a {kind} of the environment's own namespace is read"
    return "write lower-case letters, digits, - and . only"


def _problem(place: str, part: str, message: str) -> InputProblem:
    return InputProblem(("get", place, part), f"`get.{place}.{part}` {message}", INVALID_INPUTS)
